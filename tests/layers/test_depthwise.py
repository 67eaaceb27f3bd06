"""The depthwise neuron block against its definition."""

import dataclasses
import itertools

import numpy as np
import pytest

from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.taps import Taps, divisors
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block

KINDS = {"binary": [-1, 1], "ternary": [-1, 0, 1], "power": [-4, -1, 0, 2], "general": list(range(-8, 8))}


def make(rng, kind, taps, m, *, lo=0, hi=15, hw=(1, 2), shift=0, **fields) -> DepthwiseNeuron:
    weights = rng.choice(KINDS[kind], (*taps.kernel, taps.channels, m)).astype(np.int64)
    bias = rng.integers(-30, 31, taps.channels * m)
    return DepthwiseNeuron(TensorType((*hw, taps.fan_in), lo, hi, 3), taps, weights, bias, 2, shift, **fields)


def expected(block: DepthwiseNeuron, x: np.ndarray) -> np.ndarray:
    (_, kw), channels, m = block.taps.kernel, block.taps.channels, block.weights.shape[3]
    order = block.taps.order()
    result = np.zeros((*x.shape[:3], channels * m), dtype=np.int64)
    result[:] = block.bias
    for k, place in enumerate(order):
        (row, column), channel = divmod(place // channels, kw), place % channels
        for j in range(m):
            product = x[..., k] * block.weights[row, column, channel, j]
            result[..., channel * m + j] += product << block.shift
    return result


def check(block, rng, frames=2, seed=0, **stalls):
    x = random_raw(rng, block.input, frames)
    truth = expected(block, x)
    assert truth.min() >= block.result.lo and truth.max() <= block.result.hi
    np.testing.assert_array_equal(block.evaluate(x), truth)
    run = run_block(block, x, seed=seed, **stalls)
    np.testing.assert_array_equal(run.outputs[0], truth, err_msg=block.describe())
    if not stalls:
        (taken,), emitted = block.schedule(np.zeros(frames * block.beats_in(), dtype=np.int64))
        np.testing.assert_array_equal(run.taken[0], taken)
        np.testing.assert_array_equal(run.emitted[0], emitted)
        assert taken[-1] + 1 == frames * block.interval


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 2])
def test_every_folding(kind, m):
    rng = np.random.default_rng(m)
    ranges = itertools.cycle([(0, 15), (-8, 7), (0, 1), (-3, 11)])
    for rows, columns, lanes in itertools.product(divisors(2), divisors(3), divisors(4)):
        lo, hi = next(ranges)
        check(make(rng, kind, Taps((2, 3), 4, rows, columns, lanes), m, lo=lo, hi=hi, shift=lanes % 2), rng)


@pytest.mark.parametrize("memory", ["logic", "block"])
@pytest.mark.parametrize("stall_in, stall_out", [(0.3, 0), (0, 0.7), (0.7, 0.3)])
def test_stalls(memory, stall_in, stall_out):
    rng = np.random.default_rng(4)
    block = make(rng, "general", Taps((3, 3), 4, 3, 1, 2), 1, lo=-8, hi=7, memory=memory)
    check(block, rng, frames=3, stall_in=stall_in, stall_out=stall_out)


def test_every_arithmetic():
    rng = np.random.default_rng(9)
    for kind in KINDS:
        for taps in (Taps((3, 3), 2, 3, 3, 2), Taps((3, 3), 4, 3, 1, 2)):
            block = make(rng, kind, taps, 2, lo=-8, hi=7, hw=(1, 1))
            for name in block.arithmetics():
                check(dataclasses.replace(block, arithmetic=name), rng)


def test_needs():
    block = make(np.random.default_rng(0), "binary", Taps((2, 2), 4, 1, 2, 2), 1, hw=(1, 2))
    assert block.needs().tolist() == [1, 3, 5, 7]


def test_refusals():
    with pytest.raises(ValueError, match="bias of shape"):
        taps = Taps((2, 2), 4)
        DepthwiseNeuron(TensorType((1, 1, 16), 0, 1), taps, np.ones((2, 2, 4, 1), dtype=int), np.zeros(5, dtype=int))
