"""Costs of neuron blocks against what Yosys makes: RAMs and DSPs exactly, LUTs and registers within a quarter."""

import numpy as np
import pytest
from amaranth.back import verilog

from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.neuron import Neuron
from hwgen.layers.taps import Taps
from hwgen.synth import synthesize
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
    "ternary": neuron([-1, 0, 1], 36, 36, 16, 1),
    "binary in block RAM": neuron([-1, 1], 64, 8, 116, 2, memory="block"),
    "general": neuron(range(-8, 8), 8, 8, 32, 2),
    "dsp": neuron(range(-128, 128), 8, 4, 16, 2, -128, 127, arithmetic="dsp"),
    "depthwise": depthwise(),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_cost(name, tmp_path):
    block = BLOCKS[name]
    (tmp_path / "top.v").write_text(verilog.convert(block.component(), name="top"))
    made, cost = synthesize([tmp_path / "top.v"], "top", tmp_path).total, block.cost()
    print(block.describe(), made, cost, sep="\n")
    assert (cost.dsp, cost.bram36) == (made.dsp, made.bram36)
    assert cost.lut == pytest.approx(made.lut, rel=0.25)
    assert cost.ff == pytest.approx(made.ff, rel=0.25)
    assert cost.carry4 == pytest.approx(made.carry4, rel=0.25, abs=2)
