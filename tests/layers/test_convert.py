import pytest

from hwgen.layers.convert import Convert
from hwgen.tensor import TensorType
from tests.layers.check import check_block

PAIRS = [(1, 2), (2, 1), (1, 12), (12, 1), (2, 6), (6, 3), (4, 6), (6, 4), (3, 4), (4, 3), (2, 3), (3, 2)]


@pytest.mark.parametrize("pair", PAIRS)
def test_convert(pair):
    seed = 13 * pair[0] + pair[1]
    block = Convert(TensorType((2, 3, 12), -9, 30), *pair)
    check_block(block, seed, lambda x: x, frames=3)
    assert block.interval == 72 // min(pair)


def test_bad_parameters_are_refused():
    type_ = TensorType((2, 3, 12), 0, 3)
    with pytest.raises(ValueError, match="5 lanes do not divide 12"):
        Convert(type_, 5, 6)
    with pytest.raises(ValueError, match="nothing to convert"):
        Convert(type_, 6, 6)
