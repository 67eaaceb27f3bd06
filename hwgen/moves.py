"""Integer operations that leave values out or put them in another order; those that keep the order are in `ops`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from hwgen.graph import Op

Loops = tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Crop(Op):
    """(top, bottom, left, right) rows and columns less."""

    amount: tuple[int, int, int, int]

    def infer(self, x):
        top, bottom, left, right = self.amount
        height, width, channels = x.shape
        if min(self.amount) < 0 or top + bottom >= height or left + right >= width:
            raise ValueError(f"cropping {self.amount} leaves nothing of {height}×{width}; use less")
        return x.with_shape((height - top - bottom, width - left - right, channels))

    def evaluate(self, x):
        top, bottom, left, right = self.amount
        return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]

    def describe(self):
        return f"Crop[{self.amount}]"


@dataclass(frozen=True, eq=False)
class Reorder(Op):
    """The values of a frame in another order, all of them equally often: Permute and RepeatVector.

    loops: (count, stride) pairs, outermost first. Value (i, j, ...) of the result is the input's value i·stride_i +
    j·stride_j + ... in raster order. shape: of the result.
    """

    loops: Loops
    shape: tuple[int, int, int]

    def infer(self, x):
        if prod(count for count, _ in self.loops) != prod(self.shape):
            raise ValueError(f"loops {self.loops} don't make {self.shape}")
        if not np.array_equal(np.unique(order(self.loops)), np.arange(x.size)):
            raise ValueError(f"loops {self.loops} don't read the whole of {x.shape}")
        return x.with_shape(self.shape)

    def evaluate(self, x):
        return x.reshape(len(x), -1)[:, order(self.loops)].reshape(-1, *self.shape)

    def describe(self):
        return f"Reorder[{' '.join(f'{count}·{stride}' for count, stride in self.loops)} as {self.shape}]"


def order(loops: Loops) -> np.ndarray:
    """Which value each value of the result is."""
    found = np.zeros(1, dtype=np.int64)
    for count, stride in loops:
        found = (found[:, None] + np.arange(count) * stride).reshape(-1)
    return found


def permuted(shape: Sequence[int], axes: Sequence[int]) -> Loops:
    """The loops that read a tensor with its axes in another order; as few as there can be."""
    strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return simplified([(shape[axis], strides[axis]) for axis in axes])


def simplified(loops: Sequence[tuple[int, int]]) -> Loops:
    """Without loops of one, and with those joined that read on where the inner one ends."""
    found: list[tuple[int, int]] = []
    for count, stride in loops:
        if count == 1:
            continue
        if found and found[-1][1] == count * stride:
            count *= found.pop()[0]
        found.append((count, stride))
    return tuple(found)


def is_raster(loops: Loops) -> bool:
    """Whether they read every value once, in order."""
    return simplified(loops) in ((), ((prod(count for count, _ in loops), 1),))
