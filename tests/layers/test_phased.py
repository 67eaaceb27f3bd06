"""The neuron block whose weights change from position to position, against its definition."""

import dataclasses
import random

import numpy as np
import pytest

from hwgen.layers.phased import PhasedNeuron
from hwgen.layers.taps import Taps, divisors
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block

KINDS = {"binary": [-1, 1], "ternary": [-1, 0, 1], "power": [-4, -1, 0, 2], "general": list(range(-8, 8))}


def expected(block: PhasedNeuron, x: np.ndarray) -> np.ndarray:
    """Position by position, tap by tap."""
    (_, kw), channels, (rows, columns) = block.taps.kernel, block.taps.channels, block.weights.shape[:2]
    result = np.zeros((*x.shape[:3], block.weights.shape[-1]), dtype=np.int64)
    for y in range(x.shape[1]):
        for column in range(x.shape[2]):
            weights = block.weights[(y + block.first[0]) % rows, (column + block.first[1]) % columns]
            for k, place in enumerate(block.taps.order()):
                (i, j), channel = divmod(place // channels, kw), place % channels
                result[:, y, column] += x[:, y, column, k, None] * weights[i, j, channel] << block.shift
    return result + block.bias


def random_block(seed: int) -> PhasedNeuron:
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    period = rng.choice([(2, 2), (2, 2), (1, 2), (2, 1), (3, 3), (3, 2), (2, 4)])
    kernel, channels, count = (rng.randint(1, 2), rng.randint(1, 3)), rng.randint(1, 4), rng.randint(1, 6)
    taps = Taps(kernel, channels, *(rng.choice(divisors(n)) for n in (*kernel, channels)))
    weights = numbers.choice(KINDS[rng.choice(list(KINDS))], (*period, *kernel, channels, count)).astype(np.int64)
    lo, hi = rng.choice([(0, 15), (-8, 7), (0, 1), (-3, 11)])
    type_ = TensorType((rng.randint(1, 5), rng.randint(1, 5), taps.fan_in), lo, hi, 3)
    first = tuple(rng.randrange(n) for n in period)
    neurons, memory = rng.choice(divisors(count)), rng.choice(["auto", "logic", "block"])
    fields = {"frac": 2, "shift": rng.randint(0, 1), "neurons": neurons, "memory": memory, "first": first}
    block = PhasedNeuron(type_, taps, weights, numbers.integers(-30, 31, count), **fields)
    return dataclasses.replace(block, arithmetic=rng.choice(["auto", *block.arithmetics()]))


def check(block: PhasedNeuron, seed: int, frames: int = 2, **stalls) -> None:
    x = random_raw(np.random.default_rng(seed), block.input, frames)
    truth = expected(block, x)
    assert block.result.lo <= truth.min() and truth.max() <= block.result.hi, f"seed {seed}: {block.describe()}"
    np.testing.assert_array_equal(block.evaluate(x), truth, err_msg=f"seed {seed}: {block.describe()}")
    run = run_block(block, x, seed=seed, **stalls)
    np.testing.assert_array_equal(run.outputs[0], truth, err_msg=f"seed {seed}: {block.describe()}")
    if not stalls:
        (taken,), emitted = block.schedule(np.zeros(frames * block.beats_in(), dtype=np.int64))
        np.testing.assert_array_equal(run.taken[0], taken)
        np.testing.assert_array_equal(run.emitted[0], emitted)
        assert taken[-1] + 1 == frames * block.interval


@pytest.mark.parametrize("seed", range(60))
def test_random(seed):
    block = random_block(seed)
    check(block, seed, frames=3)
    check(block, seed, **[{"stall_in": 0.4}, {"stall_out": 0.7}, {"stall_in": 0.3, "stall_out": 0.5}][seed % 3])


def test_a_set_begins_at_a_power_of_two():
    weights = np.zeros((3, 2, 1, 1, 5, 3), dtype=np.int64)
    loops = PhasedNeuron(TensorType((4, 4, 5), 0, 1), Taps((1, 1), 5), weights, np.zeros(3, dtype=np.int64)).loops
    assert loops.words == 6 * 15 and loops.depth == 2 * 32 + 16 + 15
    assert loops.phases.addresses(15)[15 * 5] == 2 * 32 + 16


def test_neurons_in_parallel_divide_their_number():
    weights = np.ones((2, 2, 1, 3, 4, 10), dtype=np.int64)
    taps = Taps((1, 3), 4)
    block = PhasedNeuron(TensorType((4, 4, 12), 0, 1), taps, weights, np.zeros(10, dtype=np.int64))
    assert block.parallel_neurons(taps) == [1, 2, 5, 10]


def test_refusals():
    weights, bias = np.ones((2, 2, 1, 1, 2, 6), dtype=np.int64), np.zeros(6, dtype=np.int64)
    type_ = TensorType((1, 1, 2), 0, 1)
    with pytest.raises(ValueError, match=r"there is no phase \(0, 2\)"):
        PhasedNeuron(type_, Taps((1, 1), 2), weights, bias, first=(0, 2))
    with pytest.raises(ValueError, match="4 neurons in parallel do not divide 6"):
        PhasedNeuron(type_, Taps((1, 1), 2), weights, bias, neurons=4)
    with pytest.raises(ValueError, match="for taps of"):
        PhasedNeuron(TensorType((1, 1, 3), 0, 1), Taps((1, 1), 3), weights, bias)
