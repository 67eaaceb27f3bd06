import random

import pytest

from hwgen.layers.crop import Crop
from hwgen.layers.taps import divisors
from hwgen.tensor import TensorType
from tests.layers.check import check_block


@pytest.mark.parametrize("seed", range(16))
def test_random(seed):
    rng = random.Random(seed)
    channels, bits = rng.randint(1, 4), rng.randint(1, 9)
    rows, columns = (sorted(rng.sample(range(size + 1), 2)) for size in (rng.randint(1, 5), rng.randint(1, 5)))
    below, right = rng.randint(0, 2), rng.randint(0, 2)
    amount = (rows[0], below, columns[0], right)
    type_ = TensorType((rows[1] + below, columns[1] + right, channels), -(2 ** (bits - 1)), 2**bits - 1, 3)
    block = Crop(type_, amount, rng.choice(divisors(channels)))
    check_block(block, seed, lambda x: x[:, rows[0] : rows[1], columns[0] : columns[1]], frames=3)
    assert block.interval == block.beats_in()


@pytest.mark.parametrize("amount", [(1, 1, 0, 0), (0, 0, 2, 1), (-1, 0, 0, 0)])
def test_impossible(amount):
    with pytest.raises(ValueError, match="leaves nothing of 2×3"):
        Crop(TensorType((2, 3, 1), 0, 1), amount)
