import random

import numpy as np
import pytest

from hwgen.layers.pad import Pad
from hwgen.layers.taps import divisors
from hwgen.tensor import TensorType
from tests.layers.check import check_block


def definition(x, padding):
    frames, height, width, channels = x.shape
    top, bottom, left, right = padding
    result = np.zeros((frames, height + top + bottom, width + left + right, channels), dtype=np.int64)
    for y in range(height):
        for column in range(width):
            result[:, y + top, column + left] = x[:, y, column]
    return result


@pytest.mark.parametrize("seed", range(16))
def test_random(seed):
    rng = random.Random(seed)
    channels, bits = rng.randint(1, 4), rng.randint(1, 9)
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if rng.random() < 0.5 else (0, 2**bits - 1)
    type_ = TensorType((rng.randint(1, 5), rng.randint(1, 5), channels), lo, hi, 3)
    padding = tuple(rng.randint(0, 3) for _ in range(4))
    block = Pad(type_, padding, rng.choice(divisors(channels)))
    check_block(block, seed, lambda x: definition(x, padding), frames=3)
    assert block.interval == block.beats_out


def test_nothing_comes_of_a_frame_before_it_begins():
    block = Pad(TensorType((2, 2, 1), 0, 3), (1, 1, 1, 1))
    _, emitted = block.schedule(np.array([100, 101, 102, 103]))
    assert emitted[0] == 101 and emitted[5] == 106


def test_zero_widens_the_type():
    assert Pad(TensorType((2, 2, 1), 3, 5), (1, 0, 0, 0)).result == TensorType((3, 2, 1), 0, 5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((1, 1, 1, -1),), "none negative"),
        (((1, 1),), "padding is four numbers"),
        (((1, 1, 1, 1), 2), "2 lanes do not divide 3 channels"),
    ],
)
def test_impossible(arguments, message):
    with pytest.raises(ValueError, match=message):
        Pad(TensorType((2, 2, 3), 0, 1), *arguments)
