"""Integer operations that give a larger frame than they take: repeated pixels, and transposed convolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwgen.graph import Op
from hwgen.ops import checked, sum_range
from hwgen.tensor import TensorType


@dataclass(frozen=True, eq=False)
class Upsample(Op):
    """Every pixel `factors` times: rows, columns."""

    factors: tuple[int, int]

    def infer(self, x):
        height, width, channels = x.shape
        return x.with_shape((height * self.factors[0], width * self.factors[1], channels))

    def evaluate(self, x):
        return x.repeat(self.factors[0], axis=1).repeat(self.factors[1], axis=2)

    def describe(self):
        return f"Upsample[{self.factors[0]}×{self.factors[1]}]"


@dataclass(frozen=True, eq=False)
class ConvTranspose(Op):
    """Transposed convolution: (Σ w·x)·2^shift + bias, where pixel y, x adds to all of y·stride + k.

    weights: int64 (Kh, Kw, C, N). bias, frac, shift: as in `ops.Conv`. cut: rows above and columns on the left that are
    left out of what the kernels make. size: (rows, columns) of the result; beyond what they make it is the bias.
    """

    weights: np.ndarray
    bias: np.ndarray
    frac: int
    shift: int
    strides: tuple[int, int]
    cut: tuple[int, int]
    size: tuple[int, int]

    def infer(self, x):
        if self.weights.shape[2] != x.channels:
            raise ValueError(f"weights for {self.weights.shape[2]} channels, input has {x.channels}")
        lo, hi = x.lo, x.hi
        if any(self.padding(x)):
            lo, hi = min(lo, 0), max(hi, 0)
        least, most = phased_range(self.phases, self.bias, self.shift, lo, hi)
        frac = x.frac + self.frac + self.shift
        return checked(TensorType((*self.size, len(self.bias)), least, most, frac, x.divisor))

    def evaluate(self, x):
        (kh, kw, _, count), (sh, sw), (top, left) = self.weights.shape, self.strides, self.cut
        frames, height, width, _ = x.shape
        rows, columns = max(height * sh + kh, top + self.size[0]), max(width * sw + kw, left + self.size[1])
        total = np.zeros((frames, rows, columns, count), dtype=np.int64)
        for i in range(kh):
            for j in range(kw):
                total[:, i : i + height * sh : sh, j : j + width * sw : sw] += x @ self.weights[i, j]
        return (total[:, top : top + self.size[0], left : left + self.size[1]] << self.shift) + self.bias

    def describe(self):
        h, w, c, n = self.weights.shape
        return f"ConvTranspose[{h}×{w}×{c}→{n} s{self.strides} to {self.size} w.{self.frac} <<{self.shift}]"

    # --- as a convolution whose kernel changes with the position --------------------------------------------------

    @property
    def reach(self) -> tuple[int, int]:
        """Rows and columns of the input that a value of the result depends on, at most."""
        return tuple(
            max(-(-k // s), -(-cut // s) + 1) for k, s, cut in zip(self.weights.shape[:2], self.strides, self.cut)
        )

    def padding(self, x: TensorType) -> tuple[int, int, int, int]:
        """(top, bottom, left, right) around the repeated pixels. ValueError where the result ends before they do."""
        around = []
        for size, given, stride, taps, cut in zip(self.size, x.shape, self.strides, self.reach, self.cut):
            before = (taps - 1) * stride - cut
            around += [before, size + cut - given * stride]
        if min(around) < 0:
            raise ValueError(f"a result of {self.size} leaves out more than the kernel of {x.shape[:2]} pixels makes")
        return tuple(around)

    @cached_property
    def phases(self) -> np.ndarray:
        """(row phases, column phases, Jh, Jw, C, N): the kernel of a value of the result whose row and column, with
        what is cut, leave this rest after division by the stride. J taps are the last pixels up to its own."""
        (sh, sw), (jh, jw) = self.strides, self.reach
        padded = np.zeros((sh * jh, sw * jw, *self.weights.shape[2:]), dtype=np.int64)
        padded[: self.weights.shape[0], : self.weights.shape[1]] = self.weights
        parts = padded.reshape(jh, sh, jw, sw, *padded.shape[2:])
        return np.ascontiguousarray(parts[::-1, :, ::-1].transpose(1, 3, 0, 2, 4, 5))


def phased_range(weights: np.ndarray, bias: np.ndarray, shift: int, lo: int, hi: int) -> tuple[int, int]:
    """Least and greatest result for inputs in lo..hi of weights (row phases, column phases, Kh, Kw, C, N)."""
    ends = [sum_range(part.reshape(-1, part.shape[-1]), lo, hi) for row in weights for part in row]
    least = min(int(((low << shift) + bias).min()) for low, _ in ends)
    return least, max(int(((high << shift) + bias).max()) for _, high in ends)
