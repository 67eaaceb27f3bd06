import random

import numpy as np
import pytest

from hwgen.layers.reduce import Reduce
from hwgen.layers.taps import Taps, divisors
from hwgen.tensor import TensorType
from tests.layers.check import check_block


def definition(x, taps, kind):
    """Per channel the maximum or sum of its taps, found by walking through the beats in their order."""
    (kh, kw), channels = taps.kernel, taps.channels
    seen = [[] for _ in range(channels)]
    at = 0
    for group in range(channels // taps.lanes):
        for _ in range(kh // taps.rows * (kw // taps.columns) * taps.rows * taps.columns):
            for lane in range(taps.lanes):
                seen[group * taps.lanes + lane].append(x[..., at])
                at += 1
    combine = max if kind == "max" else sum
    result = np.zeros((*x.shape[:3], channels), dtype=np.int64)
    for channel, values in enumerate(seen):
        for index in np.ndindex(x.shape[:3]):
            result[(*index, channel)] = combine(int(value[index]) for value in values)
    return result


def random_reduce(seed):
    rng = random.Random(seed)
    kernel, channels, bits = (rng.randint(1, 4), rng.randint(1, 4)), rng.randint(1, 6), rng.randint(1, 10)
    taps = Taps(kernel, channels, *(rng.choice(divisors(n)) for n in (*kernel, channels)))
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if rng.random() < 0.5 else (0, 2**bits - 1)
    kind = rng.choice(["max", "sum"])
    type_ = TensorType((rng.randint(1, 2), rng.randint(1, 3), taps.fan_in), lo, hi, rng.randint(-2, 5))
    return Reduce(type_, taps, kind, kind == "sum" and rng.random() < 0.5)


@pytest.mark.parametrize("seed", range(24))
def test_random(seed):
    block = random_reduce(seed)
    check_block(block, seed, lambda x: definition(x, block.taps, block.kind), frames=3)


@pytest.mark.parametrize("kind", ["max", "sum"])
@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("lanes", [1, 2])
def test_every_box(kind, rows, columns, lanes):
    taps = Taps((2, 3), 2, rows, columns, lanes)
    block = Reduce(TensorType((2, 2, 12), -4, 3), taps, kind)
    check_block(block, 1, lambda x: definition(x, taps, kind))
    assert block.interval == block.beats_in()


@pytest.mark.parametrize("lo, hi", [(-8, -3), (-128, 127), (-700, 900), (3, 12), (0, 1000)])
def test_maximum_of_narrow_and_wide_numbers(lo, hi):
    taps = Taps((3, 3), 2, 3, 3, 1)
    check_block(Reduce(TensorType((2, 3, 18), lo, hi), taps, "max"), 5, lambda x: definition(x, taps, "max"), frames=4)


def test_an_average_is_a_sum_with_a_divisor():
    block = Reduce(TensorType((1, 1, 12), -2, 3, 4), Taps((2, 3), 2), "sum", average=True)
    assert block.result == TensorType((1, 1, 2), -12, 18, 5, 3)  # 6 = 2 · 3: one more fractional bit, and thirds
    assert Reduce(block.input, block.taps, "sum").result == TensorType((1, 1, 2), -12, 18, 4, 1)


@pytest.mark.parametrize(
    "channels, kind, average, message",
    [
        (12, "min", False, "kind is max or sum, not 'min'"),
        (12, "max", True, "only a sum can be an average"),
        (9, "max", False, "9 values a position for a fan-in of 12"),
    ],
)
def test_impossible(channels, kind, average, message):
    with pytest.raises(ValueError, match=message):
        Reduce(TensorType((1, 1, channels), 0, 1), Taps((2, 3), 2), kind, average)
