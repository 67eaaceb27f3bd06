"""Exact thresholds of scales and monotone functions one after the other, found from the last function backward.

The output reaches a level where the value before the last step reaches some threshold; that value reaches it where the
one before it reaches another, and so on to the first input. Python integers throughout: between the steps values may be
wider than any hardware.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwgen.numeric import MAX_WIDTH
from hwgen.ops import Activation, Function, Scale
from hwgen.tensor import TensorType

Step = tuple[Scale | Activation, TensorType]  # an op and the type of its input


def find_thresholds(steps: Sequence[Step], lo: int, hi: int) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds of steps[-1](... steps[0](raw)) over raw in lo..hi, one row a channel or one for all.

    The last step is an Activation with the range first..last. Returns (thresholds (C, L) sorted, falling (C,)): a
    rising channel gives first + #{k: raw >= T[k]}, a falling one (negative multipliers) last − #{k: raw >= T[k]}. A
    threshold that every raw value reaches is lo, one that none reaches hi + 1.
    """
    op, x = steps[-1]
    result = op.function.result(x)
    # Level k is reached where (value >= edges[:, k]) ^ falling.
    edges = np.array([range(result.lo + 1, result.hi + 1)], dtype=object).reshape(1, -1)
    falling = np.zeros(1, dtype=bool)
    for op, x in reversed(steps):
        if isinstance(op, Scale):
            edges, falling = _before_scale(op, x, edges, falling)
        else:
            edges = _before_function(op.function, x, edges)
    edges = np.clip(edges, lo, hi + 1).astype(np.int64)
    return np.where(falling[:, None], edges[:, ::-1], edges), falling


def _before_scale(scale: Scale, x: TensorType, edges: np.ndarray, falling: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least values from which on value·multiplier + offset >= edge, or < edge where the multiplier is negative."""
    multiplier, offset = (c.astype(object)[:, None] for c in (scale.multiplier, scale.offset))
    negative, divisor = multiplier < 0, np.where(multiplier == 0, 1, multiplier)
    wanted = edges - offset
    found = np.where(negative, wanted // divisor + 1, -(-wanted // divisor))
    # A multiplier of 0 makes a constant, which reaches an edge always or never.
    found = np.where(multiplier == 0, np.where(wanted <= 0, x.lo, x.hi + 1), found)
    return np.clip(found, x.lo, x.hi + 1), falling ^ negative[:, 0].astype(bool)


def _before_function(function: Function, x: TensorType, edges: np.ndarray) -> np.ndarray:
    """The least values of type x at which the function reaches each edge, x.hi + 1 for none, by bisection."""
    wanted = np.array(sorted(set(edges.ravel())), dtype=object)
    kept = np.int64 if x.width <= MAX_WIDTH else object
    low = np.full(len(wanted), x.lo, dtype=kept)  # invariant: a value below low does not reach the edge
    high = np.full(len(wanted), x.hi + 1, dtype=kept)  # invariant: high does, or it is x.hi + 1
    while (low < high).any():
        middle = low + (high - low) // 2
        done = low == high
        reached = done | (function.apply(middle, x) >= wanted)
        high = np.where(reached & ~done, middle, high)
        low = np.where(reached, low, middle + 1)
    return high.astype(object)[np.searchsorted(wanted, edges)]
