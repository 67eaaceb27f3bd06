import numpy as np
import pytest

from hwgen.layers.threshold import Threshold
from hwgen.tensor import TensorType
from tests.layers.check import check_block


def definition(x, thresholds, falling, lo):
    count = (x[..., None] >= thresholds).sum(axis=-1)
    return lo + np.where(falling, thresholds.shape[1] - count, count)


def make(rng, shape, input_range, levels, lo, lanes, rows, falling, memory="auto"):
    reach = max(4, (input_range[1] - input_range[0]) // 8)
    thresholds = rng.integers(input_range[0] - reach, input_range[1] + reach, size=(rows, levels))
    falls = (
        np.zeros(rows, bool)
        if falling == "none"
        else np.ones(rows, bool)
        if falling == "all"
        else rng.random(rows) < 0.5
    )
    return Threshold(TensorType(shape, *input_range, 3), np.sort(thresholds, axis=1), falls, lo, 2, lanes, memory)


CASES = [  # shape, input range, levels, lo, lanes, rows, falling, memory
    ((3, 3, 4), (-500, 400), 1, -1, 4, 4, "some", "auto"),
    ((2, 3, 4), (-500, 400), 3, 0, 2, 1, "none", "auto"),
    ((2, 3, 8), (-500, 400), 3, 0, 2, 8, "some", "auto"),
    ((2, 2, 6), (0, 255), 15, 0, 3, 6, "some", "auto"),
    ((2, 2, 6), (0, 255), 15, 0, 6, 6, "all", "auto"),
    ((1, 4, 4), (-90, 90), 15, -8, 1, 1, "none", "auto"),
    ((1, 4, 4), (-90, 90), 14, -7, 2, 4, "some", "auto"),
    ((1, 4, 3), (-9000, 9000), 2, -1, 3, 3, "some", "auto"),
    ((2, 4, 6), (-9000, 9000), 255, 0, 2, 6, "some", "auto"),
    ((2, 4, 4), (-9000, 9000), 100, -50, 2, 1, "all", "auto"),
    ((2, 2, 12), (-900, 900), 6, 5, 1, 12, "some", "block"),
    ((2, 2, 12), (-900, 900), 20, -5, 2, 12, "some", "block"),
    ((2, 2, 4), (-5, 5), 4, 0, 2, 4, "some", "logic"),
    ((2, 2, 4), (0, 1), 1, 3, 2, 4, "none", "logic"),
    ((2, 2, 4), (-9, 9), 0, 3, 2, 4, "none", "auto"),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_threshold(case):
    rng = np.random.default_rng(case)
    block = make(rng, *CASES[case])
    x = rng.choice(
        np.concatenate([block.thresholds.reshape(-1) + d for d in (-1, 0, 1)] + [[block.input.lo, block.input.hi]]),
        size=(2, *block.input.shape),
    ).clip(block.input.lo, block.input.hi)
    check_block(block, case, lambda x: definition(x, block.thresholds, block.falling, block.lo), inputs=[x])
    assert (block.result.lo, block.result.hi) == (block.lo, block.lo + block.levels)


@pytest.mark.parametrize("searches", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_both_ways(seed, searches):
    rng = np.random.default_rng(seed)
    span = int(2 ** rng.integers(2, 12))
    lo = int(rng.integers(-span, span // 2))
    channels = int(rng.choice([1, 4, 6]))
    lanes = int(rng.choice([d for d in (1, 2, 3, 4, 6) if channels % d == 0]))
    rows = int(rng.choice([1, channels]))
    shape = (2, 2, channels)
    falling = str(rng.choice(["none", "all", "some"]))
    block = make(rng, shape, (lo, lo + span), int(rng.integers(2, 18)), int(rng.integers(-9, 9)), lanes, rows, falling)
    block.__dict__["searches"] = searches
    check_block(block, seed, lambda x: definition(x, block.thresholds, block.falling, block.lo))


def test_bad_parameters_are_refused():
    type_, one = TensorType((1, 1, 4), -8, 7), np.zeros(1, bool)
    with pytest.raises(ValueError, match="not sorted"):
        Threshold(type_, np.array([[3, 2]]), one, 0, 0, 1)
    with pytest.raises(ValueError, match=r"thresholds of shape \(3, 1\) for 4 channels"):
        Threshold(type_, np.zeros((3, 1), int), one, 0, 0, 1)
    with pytest.raises(ValueError, match="memory must be one of"):
        Threshold(type_, np.zeros((1, 1), int), one, 0, 0, 1, "flash")
