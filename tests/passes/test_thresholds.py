"""Thresholds against the function itself, asked at every single raw value."""

import numpy as np
import pytest

from hwgen.passes.thresholds import find_thresholds
from hwgen.tensor import TensorType
from tests.graphs import Clip


@pytest.mark.parametrize("seed", range(20))
def test_thresholds_reproduce_the_function_everywhere(seed):
    rng = np.random.default_rng(seed)
    channels, lo, hi = int(rng.integers(1, 5)), int(rng.integers(-300, 0)), int(rng.integers(1, 300))
    multiplier = rng.integers(-50, 50, channels)  # a zero among them makes a constant channel
    offset = rng.integers(-4000, 4000, channels)
    function = Clip(int(rng.integers(0, 9)), int(rng.integers(-8, 0)), int(rng.integers(1, 9)), 0)
    ends = [int(m) * e + int(b) for m, b in zip(multiplier, offset) for e in (lo, hi)]
    scaled = TensorType((1, 1, channels), min(ends), max(ends))
    table, falling, result = find_thresholds(function, scaled, multiplier, offset, lo, hi)
    raw = np.arange(lo, hi + 1)
    for c in range(channels):
        wanted = function.apply(raw * multiplier[c] + offset[c], scaled)
        passed = (raw[:, None] >= table[c]).sum(axis=1)
        got = result.hi - passed if falling[c] else result.lo + passed
        assert (got == wanted).all(), f"seed {seed}, channel {c}"
        assert (np.diff(table[c]) >= 0).all()
