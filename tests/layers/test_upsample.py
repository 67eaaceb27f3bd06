import random

import numpy as np
import pytest

from hwgen.layers.taps import divisors
from hwgen.layers.upsample import Upsample
from hwgen.tensor import TensorType
from tests.layers.check import check_block


def definition(x, factors):
    frames, height, width, channels = x.shape
    result = np.zeros((frames, height * factors[0], width * factors[1], channels), dtype=np.int64)
    for y in range(height * factors[0]):
        for column in range(width * factors[1]):
            result[:, y, column] = x[:, y // factors[0], column // factors[1]]
    return result


def random_block(seed) -> Upsample:
    rng = random.Random(seed)
    channels, bits = rng.randint(1, 6), rng.randint(1, 9)
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if rng.random() < 0.5 else (0, 2**bits - 1)
    type_ = TensorType((rng.randint(1, 5), rng.randint(1, 5), channels), lo, hi, 3)
    factors = rng.choice([(1, 2), (2, 1), (2, 2), (3, 2), (1, 4), (2, 3)])
    return Upsample(type_, factors, rng.choice(divisors(channels)))


@pytest.mark.parametrize("seed", range(24))
def test_random(seed):
    block = random_block(seed)
    check_block(block, seed, lambda x: definition(x, block.factors), frames=3)


def test_a_row_in_block_ram():
    block = Upsample(TensorType((2, 300, 2), -100, 100), (2, 2), 2)
    assert block.kind == "block"
    check_block(block, 2, lambda x: definition(x, (2, 2)), frames=2)


def test_input_waits_for_the_copies_of_its_row():
    block = Upsample(TensorType((2, 3, 1), 0, 3), (2, 2))
    (taken,), emitted = block.schedule(np.zeros(6, dtype=np.int64))
    assert taken.tolist() == [0, 2, 4, 12, 14, 16] and (np.diff(emitted) == 1).all()


@pytest.mark.parametrize("factors", [(1, 1), (0, 2), (2, -1)])
def test_impossible(factors):
    with pytest.raises(ValueError, match="factors are two positive integers"):
        Upsample(TensorType((2, 2, 3), 0, 1), factors)
