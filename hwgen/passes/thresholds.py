"""Exact thresholds of a monotone function, found by asking the function itself."""

from __future__ import annotations

import numpy as np

from hwgen.ops import Function
from hwgen.tensor import TensorType


def find_thresholds(
    function: Function, x: TensorType, multiplier: np.ndarray, offset: np.ndarray, lo: int, hi: int
) -> tuple[np.ndarray, np.ndarray, TensorType]:
    """Thresholds of function(raw·multiplier + offset) over raw in lo..hi, one row a channel.

    x: the type of raw·multiplier + offset. multiplier, offset: (C,). Returns (thresholds (C, L), falling (C,), result type):
    a rising channel gives result.lo + #{k: raw >= T[k]}, a falling one (negative multiplier) result.hi − #{k: raw >= T[k]}.
    A threshold that no raw value reaches is hi + 1. Found by bisection, all channels and levels at once, on exact integers.
    """
    result = function.result(x)
    levels = np.arange(1, result.hi - result.lo + 1)
    falling = multiplier < 0
    m, b, down = multiplier[:, None], offset[:, None], falling[:, None]

    def reached(raw):
        value = function.apply(raw * m + b, x)
        return np.where(down, value <= result.hi - levels, value >= result.lo + levels)

    shape = (len(multiplier), len(levels))
    low = np.full(shape, lo, dtype=np.int64)  # invariant: raw < low does not reach the level
    high = np.full(shape, hi + 1, dtype=np.int64)  # invariant: raw >= high does, or high is hi + 1
    while (low < high).any():
        middle = low + (high - low) // 2
        yes = reached(middle) | (low == high)
        high = np.where(yes & (low < high), middle, high)
        low = np.where(yes, low, middle + 1)
    return high, falling, result
