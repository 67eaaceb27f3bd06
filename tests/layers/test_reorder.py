import itertools
import random

import numpy as np
import pytest

from hwgen.layers.reorder import Reorder
from hwgen.layers.taps import divisors
from hwgen.moves import is_raster, permuted, simplified
from hwgen.tensor import TensorType
from tests.layers.check import check_block

AXES = list(itertools.permutations(range(3)))


def transposed(shape, axes, lanes=1, lo=-7, hi=20):
    return Reorder(TensorType(shape, lo, hi), permuted(shape, axes), tuple(shape[a] for a in axes), lanes)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("seed", range(3))
def test_permutations(axes, seed):
    rng = random.Random(f"{axes}{seed}")
    shape = tuple(rng.randint(1, 5) for _ in range(3))
    if is_raster(permuted(shape, axes)):
        shape = (2, 3, 2)
    if axes == (0, 1, 2):
        return
    most = transposed(shape, axes).most_lanes
    assert most == 1 or axes[2] == 2
    block = transposed(shape, axes, rng.choice(divisors(most)), -rng.randint(0, 9), rng.randint(0, 300))
    check_block(block, seed, lambda x: x.transpose(0, *(1 + a for a in axes)), frames=4)


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_pixels_stay_together(lanes):
    block = transposed((3, 5, 4), (1, 0, 2), lanes)
    assert block.most_lanes == 4 and block.interval == 60 // lanes
    check_block(block, lanes, lambda x: x.transpose(0, 2, 1, 3), frames=3)


@pytest.mark.parametrize("count, size, lanes", [(3, 4, 1), (3, 4, 2), (3, 4, 4), (2, 1, 1), (5, 6, 3), (1, 3, 1)])
def test_repetition(count, size, lanes):
    """A vector goes out `count` times: the input waits for the output."""
    loops = simplified([(count, 0), (size, 1)])
    block = Reorder(TensorType((1, 1, size), -3, 90), loops, (1, count, size), lanes)
    check_block(block, count, lambda x: np.repeat(x, count, axis=2), frames=5)
    assert block.interval == count * size // lanes


def test_a_memory_in_block_ram():
    block = transposed((20, 30, 2), (2, 0, 1), hi=2**17)
    assert block.kind == "block"
    check_block(block, 2, lambda x: x.transpose(0, 3, 1, 2), frames=3)


def test_loops():
    assert permuted((4, 5, 6), (0, 1, 2)) == ((120, 1),) and is_raster(permuted((4, 5, 6), (0, 1, 2)))
    assert permuted((4, 5, 6), (2, 0, 1)) == ((6, 1), (20, 6))
    assert is_raster(permuted((1, 5, 6), (1, 0, 2))) and is_raster(permuted((4, 1, 1), (2, 0, 1)))
    assert not is_raster(permuted((1, 5, 6), (0, 2, 1))) and not is_raster(simplified([(2, 0), (3, 1)]))


@pytest.mark.parametrize(
    "shape, loops, lanes, message",
    [
        ((2, 3, 2), ((3, 2), (2, 6), (2, 1)), 3, "3 lanes do not divide 2 channels"),
        ((2, 2, 3), ((2, 1), (3, 4), (2, 2)), 2, "2 lanes do not stay together"),
        ((2, 3, 2), ((3, 2), (2, 1)), 1, "don't make"),
        ((2, 3, 2), ((12, 0),), 1, "don't read the whole"),
    ],
)
def test_impossible(shape, loops, lanes, message):
    with pytest.raises(ValueError, match=message):
        Reorder(TensorType((2, 3, 2), 0, 1), loops, shape, lanes)
