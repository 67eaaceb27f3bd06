import numpy as np
import pytest

from hwgen.layers.axi import element_bytes, from_words, pack, unpack, words
from hwgen.tensor import TensorType


@pytest.mark.parametrize(
    "lo, hi, size",
    [(0, 255, 1), (0, 256, 2), (-128, 127, 1), (-129, 0, 2), (0, 2**16, 4), (-(2**31), 0, 4), (0, 2**40, 8)],
)
def test_bytes(lo, hi, size):
    type_ = TensorType((2, 2, 4), lo, hi)
    assert element_bytes(type_) == size
    x = np.random.default_rng(0).integers(lo, hi, size=(3, 2, 2, 4), endpoint=True)
    x[0, 0, 0, :2] = lo, hi
    assert len(pack(x, type_)) == x.size * size
    assert (unpack(pack(x, type_), type_) == x).all()
    assert words(x, type_, 2)[0] == sum((int(v) % 256**size) << 8 * size * k for k, v in enumerate((lo, hi)))
    assert (from_words(words(x, type_, 2), type_, 2) == x).all()
