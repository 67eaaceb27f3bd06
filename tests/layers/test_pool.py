import random

import numpy as np
import pytest

from hwgen.layers.pool import Pool
from hwgen.layers.taps import divisors
from hwgen.tensor import TensorType
from tests.layers.check import check_block


def definition(x, kernel, kind):
    """Maximum or sum of each Kh × Kw block of pixels; rows and columns that are left over belong to none."""
    frames, height, width, channels = x.shape
    (kh, kw), combine = kernel, max if kind == "max" else sum
    result = np.zeros((frames, height // kh, width // kw, channels), dtype=np.int64)
    for f, oy, ox, c in np.ndindex(result.shape):
        values = [int(x[f, oy * kh + i, ox * kw + j, c]) for i in range(kh) for j in range(kw)]
        result[f, oy, ox, c] = combine(values)
    return result


def random_pool(seed):
    rng = random.Random(seed)
    height, width, channels, bits = rng.randint(1, 8), rng.randint(1, 8), rng.randint(1, 6), rng.randint(1, 9)
    whole = rng.random() < 0.2
    kernel = (height, width) if whole else (rng.randint(1, min(height, 4)), rng.randint(1, min(width, 4)))
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if rng.random() < 0.5 else (0, 2**bits - 1)
    kind = rng.choice(["max", "sum"])
    type_ = TensorType((height, width, channels), lo, hi, rng.randint(-2, 5))
    return Pool(type_, kernel, kind, kind == "sum" and rng.random() < 0.5, rng.choice(divisors(channels)))


@pytest.mark.parametrize("seed", range(30))
def test_random(seed):
    block = random_pool(seed)
    check_block(block, seed, lambda x: definition(x, block.kernel, block.kind), frames=3)


@pytest.mark.parametrize("channels, lanes", [(1, 1), (6, 1), (6, 3), (6, 6)])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 2), (1, 3), (3, 1), (5, 7)])
def test_partial_results_of_every_depth(kernel, channels, lanes):
    """Delay lines of one beat (registers) to several (memory)."""
    block = Pool(TensorType((5, 7, channels), -8, 7), kernel, "sum", lanes=lanes)
    check_block(block, 3, lambda x: definition(x, kernel, "sum"))
    assert block.interval == 35 * channels // lanes


def test_a_line_of_windows_in_memory():
    block = Pool(TensorType((4, 24, 2), 0, 15), (2, 2), "max", lanes=1)
    check_block(block, 4, lambda x: definition(x, (2, 2), "max"))


def test_an_average_is_a_sum_with_a_divisor():
    assert Pool(TensorType((6, 6, 1), 0, 3, 4), (6, 6), "sum", True).result == TensorType((1, 1, 1), 0, 108, 6, 9)
    assert Pool(TensorType((6, 6, 1), 0, 3, 4), (2, 2), "sum", True).result == TensorType((3, 3, 1), 0, 12, 6, 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((2, 2), "mean"), "kind is max or sum, not 'mean'"),
        (((2, 2), "max", True), "only a sum can be an average"),
        (((2, 5), "max"), r"a kernel of \(2, 5\) does not fit into \(4, 4, 6\)"),
        (((0, 2), "max"), "does not fit"),
        (((2, 2), "max", False, 4), "4 lanes do not divide 6 channels"),
    ],
)
def test_impossible(arguments, message):
    with pytest.raises(ValueError, match=message):
        Pool(TensorType((4, 4, 6), 0, 1), *arguments)
