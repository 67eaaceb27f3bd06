"""The neuron block of convolutions in groups against its definition."""

import dataclasses
import random

import numpy as np
import pytest

from hwgen.layers.grouped import GroupedNeuron
from hwgen.layers.taps import Taps, divisors
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block

KINDS = {"binary": [-1, 1], "ternary": [-1, 0, 1], "power": [-4, -1, 0, 2], "general": list(range(-8, 8))}


def expected(block: GroupedNeuron, x: np.ndarray) -> np.ndarray:
    """Tap by tap, from the definition of groups and of the order of taps."""
    (_, kw), channels = block.taps.kernel, block.taps.channels
    own, count = channels // block.groups, block.weights.shape[3]
    result = np.zeros((*x.shape[:3], count), dtype=np.int64)
    result[:] = block.bias
    for k, place in enumerate(block.taps.order()):
        (row, column), channel = divmod(place // channels, kw), place % channels
        for n in range(count):
            if n // (count // block.groups) == channel // own:
                result[..., n] += (x[..., k] * block.weights[row, column, channel % own, n]) << block.shift
    return result


def random_block(seed: int) -> GroupedNeuron:
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    while True:
        groups, own, neurons = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 4)
        kernel = rng.randint(1, 3), rng.randint(1, 3)
        taps = Taps(kernel, groups * own, *(rng.choice(divisors(n)) for n in (*kernel, groups * own)))
        weights = numbers.choice(KINDS[rng.choice(list(KINDS))], (*kernel, own, groups * neurons)).astype(np.int64)
        lo, hi = rng.choice([(0, 15), (-8, 7), (0, 1), (-3, 11)])
        type_ = TensorType((rng.randint(1, 2), rng.randint(1, 3), taps.fan_in), lo, hi, 3)
        bias, memory = numbers.integers(-30, 31, groups * neurons), rng.choice(["auto", "logic", "block"])
        parallel = rng.choice(divisors(neurons))
        try:
            block = GroupedNeuron(type_, taps, weights, bias, 2, rng.randint(0, 1), parallel, memory, groups=groups)
        except ValueError:
            continue
        return dataclasses.replace(block, arithmetic=rng.choice(["auto", *block.arithmetics()]))


def check(block: GroupedNeuron, seed: int, frames: int = 2, **stalls) -> None:
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
        assert (taken[: block.beats_in()][block.needs()] <= emitted[: block.beats_out]).all()


@pytest.mark.parametrize("seed", range(60))
def test_random(seed):
    block = random_block(seed)
    check(block, seed)
    check(
        block, seed, frames=3, **[{"stall_in": 0.4}, {"stall_out": 0.7}, {"stall_in": 0.3, "stall_out": 0.5}][seed % 3]
    )


def test_random_blocks_are_of_every_shape():
    blocks = [random_block(seed) for seed in range(60)]
    assert any(block.together > 1 for block in blocks) and any(block.fold > 1 for block in blocks)
    assert any(block.groups > block.together and block.loops.beats > 1 and block.fold > 1 for block in blocks)


def test_every_arithmetic_of_whole_positions():
    rng = np.random.default_rng(3)
    for kind in KINDS:
        taps = Taps((2, 1), 4, 2, 1, 4)
        weights = rng.choice(KINDS[kind], (2, 1, 2, 6)).astype(np.int64)
        block = GroupedNeuron(TensorType((1, 2, 8), -8, 7), taps, weights, np.arange(6), neurons=3, groups=2)
        assert "constants" in block.arithmetics()
        for name in block.arithmetics():
            check(dataclasses.replace(block, arithmetic=name), 3)


def test_refusals():
    weights, bias = np.ones((1, 1, 2, 6), dtype=np.int64), np.zeros(6, dtype=np.int64)
    type_ = TensorType((1, 1, 6), 0, 1)
    with pytest.raises(ValueError, match="in 2 groups for taps of"):
        GroupedNeuron(type_, Taps((1, 1), 6), weights, bias, groups=2)
    with pytest.raises(ValueError, match="1 neurons in parallel do not suit 3 groups"):
        GroupedNeuron(type_, Taps((1, 1), 6, 1, 1, 6), weights, bias, neurons=1, groups=3)
    with pytest.raises(ValueError, match="bias of shape"):
        GroupedNeuron(type_, Taps((1, 1), 6), weights, bias[:5], groups=3)
