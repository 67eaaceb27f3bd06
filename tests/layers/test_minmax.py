import numpy as np
import pytest

from hwgen.layers.minmax import MinMax
from hwgen.tensor import TensorType
from tests.layers.check import check_block


@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("seed", range(8))
def test_random(seed, kind):
    rng = np.random.default_rng(seed)
    lanes = int(rng.integers(1, 4))
    shape = (*map(int, rng.integers(1, 4, 2)), lanes * int(rng.integers(1, 4)))
    least = -100 if seed % 2 else 0
    parts = tuple(
        TensorType(shape, int(rng.integers(least, 5)), int(rng.integers(5, 4 << int(rng.integers(1, 14)))), 2, 3)
        for _ in range(2 + seed % 4)
    )
    block = MinMax(parts, kind, lanes)
    check_block(block, seed, lambda *x: np.stack(x).max(axis=0) if kind == "max" else np.stack(x).min(axis=0), frames=3)
    assert (block.result.frac, block.result.divisor) == (2, 3)


@pytest.mark.parametrize("kind, lo, hi", [("max", 0, 9), ("min", -7, 3)])
def test_range_and_sign_of_the_result(kind, lo, hi):
    block = MinMax((TensorType((2, 2, 1), -7, 9), TensorType((2, 2, 1), 0, 3)), kind, 1)
    assert (block.result.lo, block.result.hi) == (lo, hi)
    check_block(block, 3, lambda a, b: np.where((a > b) == (kind == "max"), a, b))


def test_parts_that_do_not_suit_are_refused():
    a = TensorType((2, 2, 4), 0, 1)
    for other, text in (
        (TensorType((2, 2, 2), 0, 1), "shape differs"),
        (TensorType((2, 2, 4), 0, 1, 1), "frac differs"),
        (TensorType((2, 2, 4), 0, 1, 0, 3), "divisor differs"),
    ):
        with pytest.raises(ValueError, match=text):
            MinMax((a, other), "max", 2)
    with pytest.raises(ValueError, match="3 lanes do not divide 4"):
        MinMax((a, a), "max", 3)
    with pytest.raises(ValueError, match="at least 2 parts, not 1"):
        MinMax((a,), "max", 1)
    with pytest.raises(ValueError, match="kind is max or min, not 'sum'"):
        MinMax((a, a), "sum", 1)
