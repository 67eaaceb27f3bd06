import numpy as np
import pytest

from hwgen.layers.scale import Scale
from hwgen.layers.sums import digits
from hwgen.tensor import TensorType
from tests.layers.check import check_block


@pytest.mark.parametrize("constant", [*range(-70, 70), 255, -(2**40) + 3])
def test_digits(constant):
    found = digits(constant)
    assert sum((-1 if negative else 1) << exponent for exponent, negative in found) == constant
    assert len(found) <= constant.bit_length() // 2 + 1


def powers(rng, channels, count):
    choice = rng.choice([1, 2, 4, -8, 64, -1, 0], size=count)
    return rng.choice(choice, size=channels)


CASES = [  # input lo, hi; channels; lanes; multiplier bits or "powers" or "same"; offset bits
    (-100, 120, 4, 4, 8, 10),
    (-100, 120, 6, 2, 8, 10),
    (0, 15, 6, 3, 3, 6),
    (0, 255, 4, 1, 8, 0),
    (-(2**23), 2**23, 4, 2, 16, 30),
    (0, 2**25 - 1, 4, 2, 16, 30),  # a bit too wide for a DSP
    (-(2**30), 2**30, 4, 2, 20, 40),
    (-(2**10), 2**10, 4, 2, 30, 40),
    (0, 2**10, 2, 2, 40, 40),
    (-50, 50, 8, 2, "powers", 8),
    (-50, 50, 8, 8, "powers", 8),
    (0, 50, 8, 8, "powers", 0),
    (-50, 50, 8, 2, "same", 0),
    (-(2**40), 2**40, 2, 1, 12, 30),
    (0, 0, 2, 1, 12, 30),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_scale(case):
    lo, hi, channels, lanes, bits, offset_bits = CASES[case]
    rng = np.random.default_rng(case)
    if bits == "powers":
        multiplier = powers(rng, channels, 3)
    elif bits == "same":
        multiplier = np.full(channels, 3)
    else:
        multiplier = rng.integers(-(2**bits), 2**bits, channels, endpoint=True)
    offset = (
        rng.integers(-(2**offset_bits), 2**offset_bits, channels) if offset_bits else np.zeros(channels, dtype=np.int64)
    )
    block = Scale(TensorType((2, 3, channels), lo, hi, 2, 3), multiplier, offset, 5, lanes)
    check_block(block, case, lambda x: x * multiplier + offset)
    assert block.result.frac == 7 and block.result.divisor == 3
    if bits in ("powers", "same"):
        assert block.shifts and not block.cost().dsp


@pytest.mark.parametrize("seed", range(10))
def test_random(seed):
    rng = np.random.default_rng(seed)
    span = int(2 ** rng.integers(1, 20))
    lo = int(rng.choice([0, -span, span // 2]))
    channels = int(rng.choice([1, 2, 4]))
    lanes = int(rng.choice([d for d in (1, 2, 4) if channels % d == 0]))
    bits = int(rng.integers(1, 20))
    multiplier = rng.integers(-(2**bits) * int(rng.integers(0, 2)), 2**bits, channels)
    offset = rng.integers(-(2**bits), 2**bits, channels)
    block = Scale(TensorType((1, 4, channels), lo, lo + span), multiplier, offset, 0, lanes)
    check_block(block, seed, lambda x: x * multiplier + offset)


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match=r"multiplier of shape \(3,\) for 4 channels"):
        Scale(TensorType((1, 1, 4), 0, 1), np.ones(3, int), np.zeros(4, int), 0, 1)
    with pytest.raises(ValueError, match="at most 62"):
        Scale(TensorType((1, 1, 1), 0, 2**40), np.array([2**40]), np.zeros(1, int), 0, 1)
