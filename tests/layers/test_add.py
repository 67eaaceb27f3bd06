import numpy as np
import pytest

from hwgen.layers.add import Add
from hwgen.tensor import TensorType
from tests.layers.check import check_block


@pytest.mark.parametrize(
    "multipliers",
    [(1, 1), (1, 4), (8, 1), (1, -1), (-2, 1), (-1, -1), (3, 5), (1, 1, 1), (2, 1, -7, 64), (5,), (0, 1), (0,)],
)
def test_add(multipliers):
    seed = sum(m * k for k, m in enumerate(multipliers, 5)) % 97
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([1, 2, 4]))
    types = tuple(TensorType((2, 3, 4), int(rng.integers(-300, 1)), int(rng.integers(1, 50))) for _ in multipliers)
    block = Add(types, multipliers, 6, 3, lanes)
    check_block(block, seed, lambda *x: sum(m * v for m, v in zip(multipliers, x)))
    assert (block.result.frac, block.result.divisor) == (6, 3)


def test_narrow_beside_far_shifted():
    types = (TensorType((1, 4, 2), -1, 0), TensorType((1, 4, 2), -4, 3))
    check_block(Add(types, (1, 2**20), 0, 1, 2), 1, lambda a, b: a + b * 2**20)


def test_bad_parameters_are_refused():
    type_ = TensorType((2, 3, 4), 0, 3)
    with pytest.raises(ValueError, match="1 parts, 2 multipliers"):
        Add((type_,), (1, 1), 0, 1, 1)
    with pytest.raises(ValueError, match="shapes differ"):
        Add((type_, TensorType((2, 3, 2), 0, 3)), (1, 1), 0, 1, 1)
