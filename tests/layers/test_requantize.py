from fractions import Fraction

import numpy as np
import pytest

from hwgen.layers.requantize import Requantize
from hwgen.tensor import TensorType
from tests.layers.check import check_block


def definition(x, shift, lo, hi):
    """Python's round() of a Fraction rounds halves to even."""
    scaled = [round(Fraction(int(v)) * Fraction(2) ** -shift) for v in x.reshape(-1)]
    return np.clip(np.array(scaled, dtype=np.int64).reshape(x.shape), lo, hi)


CASES = [  # (lo, hi, shift, clip lo, clip hi)
    (-3000, 2900, 5, 0, 15),
    (0, 4000, 5, 0, 15),
    (-100, 100, 3, -100, 100),  # rounding alone
    (-100, 100, 0, -8, 7),  # clipping alone
    (-100, 100, 0, -100, 100),  # wires
    (-5, 9, -3, -1000, 1000),  # left shift: wires
    (-5, 9, -3, -20, 33),  # left shift and clip
    (0, 9, -2, 3, 30),
    (-3, 3, 6, -8, 7),  # everything rounds to 0
    (-40, 40, 6, -8, 7),  # shift as wide as the value
    (-70000, 90000, 4, -1024, 1023),  # two stages
    (0, 255, 2, 1, 62),
    (-128, 127, 1, -63, 63),
    (20, 90, 2, 100, 200),  # all below lo
    (-(2**40), 2**40, 30, -512, 511),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_requantize(case):
    lo, hi, shift, least, most = CASES[case]
    block = Requantize(TensorType((2, 3, 6), lo, hi, 4), shift, least, most, 7, lanes=(1, 2, 3, 6)[case % 4])
    # Every value near the halves, where rounding and clipping meet.
    rng = np.random.default_rng(case)
    near = rng.integers(least, most + 1, size=(2, 2, 3, 6)) * Fraction(2) ** shift
    step = 1 << max(shift - 1, 0)
    values = np.array([int(v) + int(d) * step for v, d in zip(near.reshape(-1), rng.integers(-2, 3, near.size))])
    values[::5] = rng.integers(lo, hi + 1, len(values[::5]))
    x = np.clip(values, lo, hi).reshape(2, 2, 3, 6)
    x[0, 0, 0, :2] = lo, hi
    check_block(block, case, lambda x: definition(x, shift, least, most), inputs=[x])
    assert block.result.frac == 7


@pytest.mark.parametrize("seed", range(10))
def test_random(seed):
    rng = np.random.default_rng(seed)
    lo, hi = sorted(int(v) for v in rng.integers(-(2 ** rng.integers(1, 14)), 2 ** rng.integers(1, 14), 2))
    shift = int(rng.integers(-3, 9))
    least, most = sorted(int(v) for v in rng.integers(-40, 40, 2))
    block = Requantize(TensorType((1, 5, 4), lo, hi), shift, least, most, 0, lanes=int(rng.choice([1, 2, 4])))
    check_block(block, seed, lambda x: definition(x, shift, least, most))


def test_mere_shift_costs_nothing():
    block = Requantize(TensorType((1, 1, 4), -8, 7), -3, -64, 56, 0, lanes=2)
    assert block.cost().lut == 0 and block.latency == 0


def test_empty_range_is_refused():
    with pytest.raises(ValueError, match="lo 3 is above hi 2"):
        Requantize(TensorType((1, 1, 4), -8, 7), 1, 3, 2, 0, lanes=2)
    with pytest.raises(ValueError, match="3 lanes do not divide 4 channels"):
        Requantize(TensorType((1, 1, 4), -8, 7), 1, -3, 2, 0, lanes=3)
