"""Costs of neuron blocks against what Yosys makes: RAMs and DSPs exactly, all else within a quarter or a few cells.

How many those few are stands in benchmarks/records.py. `benchmarks.calibration` does the same for every kind of block.
"""

import numpy as np
import pytest

from benchmarks import alone, records
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.neuron import Neuron
from hwgen.layers.taps import Taps
from hwgen.tensor import TensorType

rng = np.random.default_rng(0)


def neuron(values, inputs, parallel, count, q, lo=0, hi=15, **fields):
    weights = rng.choice(values, (1, 1, inputs, count)).astype(np.int64)
    type, taps = TensorType((9, 9, inputs), lo, hi), Taps((1, 1), inputs, lanes=parallel)
    return Neuron(type, taps, weights, rng.integers(-20, 20, count), neurons=q, **fields)


def depthwise():
    weights, taps = rng.integers(-8, 8, (3, 3, 16, 1)), Taps((3, 3), 16, 3, 3, 2)
    return DepthwiseNeuron(TensorType((9, 9, 144), 0, 15), taps, weights, rng.integers(-20, 20, 16))


BLOCKS = {
    "Gates": neuron([-1, 0, 1], 36, 36, 16, 1),
    "Signs": neuron([-1, 1], 64, 8, 116, 2, memory="block"),
    "BitPlanes": neuron(range(-8, 8), 8, 8, 32, 2),
    "Shifts": neuron([-4, -1, 0, 2], 24, 6, 12, 2, arithmetic="shifts"),
    "Packed": neuron(range(-128, 128), 8, 4, 16, 2, -128, 127, arithmetic="dsp"),
    "SerialTables": neuron(range(-8, 8), 27, 27, 8, 4, arithmetic="serial"),
    "Tables": depthwise(),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_cost(name, tmp_path):
    block = BLOCKS[name]
    assert block.plan.name == name
    made, cost = alone.measure(alone.emitted(block), tmp_path), block.cost()
    print(block.describe(), made, cost, sep="\n")
    for error in records.errors(cost, made):
        assert error.holds, error
