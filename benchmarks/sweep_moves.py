"""Blocks of the calibration that move or repeat values, and joins of branches that don't go beside each other."""

from __future__ import annotations

from hwgen.layers.block import Block
from hwgen.layers.cat import Cat
from hwgen.layers.crop import Crop
from hwgen.layers.minmax import MinMax
from hwgen.layers.reorder import Reorder
from hwgen.layers.upsample import Upsample
from hwgen.moves import permuted
from hwgen.tensor import TensorType

U4, S8, S12 = (0, 15), (-128, 127), (-2048, 2047)


def blocks() -> dict[str, Block]:
    """Name -> block; nothing here is random."""
    return upsamples() | crops() | orders() | comparisons() | rows()


def upsamples() -> dict[str, Block]:
    """(shape, ends, factors, lanes)"""
    found = {}
    for shape, ends, factors, lanes in (
        ((14, 14, 32), U4, (2, 2), 4),
        ((7, 7, 64), S8, (2, 2), 1),
        ((28, 28, 64), S8, (2, 2), 8),
        ((1, 100, 24), U4, (1, 2), 8),
        ((10, 10, 12), S12, (3, 2), 12),
        ((8, 30, 16), U4, (3, 1), 2),
    ):
        name = f"upsample {factors} of {'×'.join(map(str, shape))}, {lanes} lanes, {ends[0]}..{ends[1]}"
        found[name] = Upsample(TensorType(shape, *ends), factors, lanes)
    return found


def crops() -> dict[str, Block]:
    found = {}
    for amount, lanes in (((1, 1, 1, 1), 4), ((2, 0, 3, 1), 1), ((0, 5, 0, 0), 8)):
        found[f"crop {amount}, {lanes} lanes"] = Crop(TensorType((30, 30, 8), *S8), amount, lanes)
    return found


def orders() -> dict[str, Block]:
    """Axes in another order, and a vector several times."""
    found: dict[str, Block] = {}
    for shape, axes, lanes in (((14, 20, 8), (1, 0, 2), 8), ((12, 12, 6), (2, 0, 1), 1), ((20, 12, 6), (1, 0, 2), 2)):
        name = f"reorder axes {axes} of {'×'.join(map(str, shape))}, {lanes} lanes"
        loops, moved = permuted(shape, axes), tuple(shape[axis] for axis in axes)
        found[name] = Reorder(TensorType(shape, *S8), loops, moved, lanes)
    vector = TensorType((1, 1, 24), *U4)
    found["reorder 20 times 24, 4 lanes"] = Reorder(vector, ((20, 0), (24, 1)), (1, 20, 24), 4)
    return found


def comparisons() -> dict[str, Block]:
    found = {}
    for kind, ends, lanes in (("max", (U4, U4), 8), ("min", (S12, S8), 2), ("max", (S8, U4, S8), 4)):
        parts = tuple(TensorType((8, 8, 16), *each) for each in ends)
        found[f"minmax {kind} of {len(parts)}, {ends[0][0]}..{ends[0][1]}, {lanes} lanes"] = MinMax(parts, kind, lanes)
    return found


def rows() -> dict[str, Block]:
    """Streams one after the other along rows or columns."""
    found = {}
    for axis, shapes, lanes in ((0, ((4, 20, 8), (9, 20, 8)), 8), (1, ((12, 7, 16), (12, 3, 16), (12, 5, 16)), 2)):
        parts = tuple(TensorType(shape, *U4) for shape in shapes)
        found[f"cat {len(parts)} parts along axis {axis}, {lanes} lanes"] = Cat(parts, lanes, axis)
    return found
