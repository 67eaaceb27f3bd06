import numpy as np
import pytest

from hwgen.layers.cat import Cat
from hwgen.tensor import TensorType
from tests.layers.check import check_block


@pytest.mark.parametrize("seed", range(8))
def test_cat(seed):
    rng = np.random.default_rng(seed)
    lanes = int(rng.integers(1, 4))
    height, width = map(int, rng.integers(1, 4, 2))
    parts = tuple(
        TensorType(
            (height, width, lanes * int(rng.integers(1, 5))), int(rng.integers(-40, 1)), int(rng.integers(1, 200)), 3, 7
        )
        for _ in range(2 + seed % 4)
    )
    block = Cat(parts, lanes)
    check_block(block, seed, lambda *x: np.concatenate(x, axis=-1))
    assert (block.result.frac, block.result.divisor) == (3, 7)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("seed", range(6))
def test_rows_and_columns(seed, axis):
    rng = np.random.default_rng(seed)
    lanes = int(rng.integers(1, 4))
    shape = [*map(int, rng.integers(1, 4, 2)), lanes * int(rng.integers(1, 3))]
    parts = []
    for _ in range(2 + seed % 3):
        shape[axis] = int(rng.integers(1, 5))
        parts.append(TensorType(tuple(shape), int(rng.integers(-40, 1)), int(rng.integers(1, 200)), 1))
    check_block(Cat(tuple(parts), lanes, axis), seed, lambda *x: np.concatenate(x, axis=1 + axis), frames=3)


def test_parts_that_are_not_reached_yet():
    block = Cat((TensorType((1, 2, 2), 0, 1), TensorType((1, 2, 1), 0, 1)), 1)
    assert block.needs(0).tolist() == [0, 1, 1, 2, 3, 3]
    assert block.needs(1).tolist() == [-1, -1, 0, 0, 0, 1]


def test_parts_that_do_not_suit_are_refused():
    a = TensorType((2, 2, 4), 0, 1)
    for other, text in (
        (TensorType((2, 3, 4), 0, 1), "heights or widths differ"),
        (TensorType((2, 2, 4), 0, 1, 1), "frac differs"),
        (TensorType((2, 2, 4), 0, 1, 0, 3), "divisor differs"),
        (TensorType((2, 2, 3), 0, 1), "2 lanes do not divide 3 channels"),
    ):
        with pytest.raises(ValueError, match=text):
            Cat((a, other), 2)
    with pytest.raises(ValueError, match="at least 2 parts, not 1"):
        Cat((a,), 2)
    for axis, text in ((0, "widths or channels differ"), (1, "heights or channels differ")):
        with pytest.raises(ValueError, match=text):
            Cat((a, TensorType((3, 3, 4), 0, 1)), 2, axis)
