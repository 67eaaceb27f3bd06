"""Lowering: which blocks an operation becomes, and that the blocks compute the same."""

from fractions import Fraction

import numpy as np
import pytest

from hwgen import ops
from hwgen.errors import ModelError
from hwgen.graph import evaluate
from hwgen.layers.add import Add
from hwgen.layers.cat import Cat
from hwgen.layers.neuron import Neuron
from hwgen.layers.pad import Pad
from hwgen.layers.pool import Pool
from hwgen.layers.reduce import Reduce
from hwgen.layers.requantize import Requantize
from hwgen.layers.scale import Scale
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.layers.threshold import Threshold
from hwgen.layers.view import View
from hwgen.layers.window import Window
from hwgen.passes.lower import lower
from hwgen.quantize.rectifiers import Relu
from hwgen.tensor import TensorType
from tests.graphs import Clip, GraphBuilder, random_frames, same

RNG = np.random.default_rng(0)


def lowered(b: GraphBuilder, *outputs: str):
    """The graph in blocks, which compute the same as the operations; and the kinds of blocks between the ports."""
    graph = b.graph(*outputs)
    blocks = lower(graph)
    frames = random_frames(graph, 3, 1)
    expected, seen = evaluate(graph, frames), evaluate(blocks, frames)
    for before, after in zip(graph.outputs, blocks.outputs):
        assert (expected[before.node] == seen[after.node]).all()
    return blocks, [type(n.op) for n in blocks.nodes if not isinstance(n.op, (Source, Sink))]


def builder(shape=(5, 4, 3), lo=-8, hi=7, frac=0) -> GraphBuilder:
    return GraphBuilder("test", TensorType(shape, lo, hi, frac))


def scale(multiplier, offset=None, frac=0) -> ops.Scale:
    multiplier = np.array(multiplier)
    return ops.Scale(multiplier, np.zeros_like(multiplier) if offset is None else np.array(offset), frac)


# Windows and padding


def test_a_pointwise_convolution_needs_no_window():
    b = builder()
    assert lowered(b, b.conv("c", "input", RNG, (1, 1), 2))[1] == [Neuron]


def test_a_padding_goes_into_the_window():
    b = builder()
    b.add("pad", ops.Pad((1, 0, 2, 1)), "input")
    blocks, kinds = lowered(b, b.conv("c", "pad", RNG, (3, 2), 2, padding=(0, 1, 0, 1)))
    assert kinds == [Window, Neuron]
    assert blocks["c.window"].op.padding == (1, 1, 2, 2) and blocks["c.window"].op.pad_value == 0


def test_a_padding_with_two_readers_stays_a_block():
    b = builder()
    b.add("pad", ops.Pad((1, 1, 1, 1)), "input")
    ends = [b.conv(name, "pad", RNG, (3, 3), 2) for name in ("c", "d")]
    assert lowered(b, *ends)[1] == [Pad, Window, Neuron, Window, Neuron]


def test_padding_never_wins_a_maximum():
    b = builder(lo=-8, hi=-1)
    blocks, kinds = lowered(b, b.add("p", ops.Pool("max", (3, 3), (1, 1), same((3, 3))), "input"))
    assert kinds == [Window, Reduce] and blocks["p.window"].op.pad_value == -8


def test_the_models_own_zeros_may_win_a_maximum():
    b = builder(lo=-8, hi=-1)
    b.add("pad", ops.Pad((1, 1, 1, 1)), "input")
    blocks, kinds = lowered(b, b.add("p", ops.Pool("max", (3, 3), (1, 1)), "pad"))
    assert kinds == [Window, Reduce] and blocks["p.window"].op.pad_value == 0
    assert blocks["output"].type.hi == 0


def test_zeros_in_front_of_a_padded_maximum_stay_a_block():
    b = builder(lo=-8, hi=-1)
    b.add("pad", ops.Pad((1, 1, 1, 1)), "input")
    blocks, kinds = lowered(b, b.add("p", ops.Pool("max", (3, 3), (1, 1), same((3, 3))), "pad"))
    assert kinds == [Pad, Window, Reduce] and blocks["p.window"].op.pad_value == -8


def test_a_pool_of_disjoint_windows_is_one_block():
    b = builder((6, 4, 3))
    assert lowered(b, b.add("p", ops.Pool("max", (2, 2), (2, 2)), "input"))[1] == [Pool]


# Scales and activations


def test_a_quantizer_by_a_power_of_two_is_a_shift():
    b = builder(lo=-100, hi=100)
    blocks, kinds = lowered(b, b.activation("a", "input", signed=True))
    assert kinds == [Requantize] and blocks["a"].op.shift == 3


def test_a_quantizer_that_changes_nothing_is_no_block():
    b = builder(lo=0, hi=9)
    b.add("a", ops.Activation(b.types["input"], Clip(0, 0, 15, 0)), "input")
    assert lowered(b, "a")[1] == []


def test_any_other_quantizer_is_thresholds():
    b = builder(lo=-100, hi=100)
    blocks, kinds = lowered(b, b.activation("a", "input", linear=False))
    assert kinds == [Threshold] and blocks["a"].op.thresholds.shape == (1, 12)


@pytest.mark.parametrize("bits, expected", [(2, [Threshold]), (10, [Scale, Requantize])])
def test_a_scale_and_a_quantizer_take_the_cheaper_way(bits, expected):
    b = builder(lo=-2000, hi=2000)
    b.add("s", scale([23, 45, -31], [3, 1, 7]), "input")
    assert lowered(b, b.activation("a", "s", bits=bits, signed=True))[1] == expected


def test_scales_one_after_the_other_are_one():
    b = builder()
    b.add("s", scale([3, -5, 7], [1, 2, 3], 2), "input")
    b.add("t", scale([11, 3, -9], [4, 5, 6], 1), "s")
    blocks, kinds = lowered(b, "t")
    assert kinds == [Scale] and blocks["t"].op.multiplier.tolist() == [33, -15, -63] and blocks["t"].type.frac == 3


def test_two_readers_of_a_scale_share_it():
    b = builder()
    b.add("s", scale([3, 5, -7]), "input")
    ends = [b.activation("a", "s", bits=2, signed=True), b.activation("c", "s", bits=3)]
    assert lowered(b, *ends)[1].count(Scale) == 1


def test_a_leaky_relu_goes_into_the_thresholds():
    b = builder(lo=-2000, hi=2000)
    b.add("s", scale([23, 45, 31], [3, 1, 7]), "input")
    b.add("r", ops.Activation(b.types["s"], Relu(slope=Fraction(3, 16))), "s")
    assert lowered(b, b.activation("a", "r", signed=True))[1] == [Threshold]


def test_a_leaky_relu_without_a_quantizer_is_refused():
    b = builder(lo=-(2**14), hi=2**14)
    b.add("r", ops.Activation(b.types["input"], Relu(slope=Fraction(3, 16))), "input")
    with pytest.raises(
        ModelError, match="layer 'r': relu, slope 0.1875 without a quantizer .*; put a QActivation behind"
    ):
        lower(b.graph("r"))


def test_reshapes_between_are_views():
    b = builder(lo=-2000, hi=2000)
    b.add("s", scale([23, 45, 31], [3, 1, 7]), "input")
    b.add("flat", ops.Reshape((1, 1, 60)), "s")
    blocks, kinds = lowered(b, b.activation("a", "flat", bits=3, signed=True))
    assert kinds == [Threshold, View] and len(blocks["a"].op.thresholds) == 3


@pytest.mark.parametrize("multiplier, expected", [([3, 5, 7], [Pool, Scale]), ([3, -5, 7], [Scale, Pool])])
def test_a_rising_scale_goes_behind_a_maximum(multiplier, expected):
    b = builder((6, 4, 3))
    b.add("s", scale(multiplier), "input")
    assert lowered(b, b.add("p", ops.Pool("max", (2, 2), (2, 2)), "s"))[1] == expected


def test_a_quantizer_stays_in_front_of_a_maximum():
    b = builder((6, 4, 3), lo=-2000, hi=2000)
    b.activation("a", "input", bits=3)
    assert lowered(b, b.add("p", ops.Pool("max", (2, 2), (2, 2)), "a"))[1] == [Requantize, Pool]


@pytest.mark.parametrize("seed", range(30))
def test_random_chains(seed):
    """Scales, functions, maxima, reshapes and quantizers in any order, some wider than 62 bits: equal, or refused."""
    rng = np.random.default_rng(seed)
    b = builder((6, 4, 2), lo=-60, hi=60, frac=3)
    x, ends = "input", []
    for k in range(int(rng.integers(2, 7))):
        name, type_ = f"n{k}", b.types[x]
        kind = rng.choice(["scale", "wide", "wide", "relu", "pool", "flat", "act"])
        if kind in ("scale", "wide"):
            most = 2 ** (30 if kind == "wide" else 5)
            signs = rng.choice([-1, 1, 1, 1], type_.channels)
            multiplier = rng.integers(1, most, type_.channels) * signs
            b.add(name, scale(multiplier, rng.integers(-most, most, type_.channels), 4), x)
        elif kind == "relu":
            b.add(name, ops.Activation(type_, Relu(slope=Fraction(int(rng.integers(0, 3)), 8))), x)
        elif kind == "pool" and type_.shape[0] >= 3:
            overlap = rng.random() < 0.5
            pool = ops.Pool("max", (3, 3), (2, 1), same((3, 3))) if overlap else ops.Pool("max", (2, 2), (2, 2))
            b.add(name, pool, x)
        elif kind == "flat":
            b.add(name, ops.Reshape((1, 1, type_.size)), x)
        else:
            b.add(name, ops.Activation(type_, Clip(max(0, type_.width - 4), -8, 7, 0, bool(rng.random() < 0.5))), x)
        if rng.random() < 0.15:
            ends.append(x)
        x = name
    b.add("last", ops.Activation(b.types[x], Clip(max(0, b.types[x].width - 4), -8, 7, 0)), x)
    ends = [e for e in ends if e != "input" and b.types[e].width < 20][:1]
    try:
        lowered(b, *ends, "last")
    except ModelError as problem:
        assert "without a quantizer" in str(problem) or "put a QActivation" in str(problem)


# Merges


def test_concatenation_aligns_its_inputs():
    b = builder((2, 2, 3))
    b.add("s", scale([3, 5, 7], frac=2), "input")
    b.add("third", ops.Pool("sum", (1, 1), (1, 1)), "input")
    cat = b.add("cat", ops.Concat((4, 1, 12), 2), "input", "s", "third")
    blocks, kinds = lowered(b, cat)
    assert kinds.count(Cat) == 1
    assert isinstance(blocks["cat.align0"].op, Requantize) and blocks["cat.align0"].op.shift == -2
    assert "cat.align1" not in blocks
    assert isinstance(blocks["cat.align2"].op, Scale) and blocks["cat.align2"].op.multiplier.tolist() == [12, 12, 12]


def test_concatenation_of_averages_has_a_common_divisor():
    b = builder((3, 1, 2))
    b.add("mean", ops.Pool("sum", (3, 1), (3, 1), average=True), "input")
    b.add("most", ops.Pool("max", (3, 1), (3, 1)), "input")
    blocks, _ = lowered(b, b.add("cat", ops.Concat((1, 3), 0, 3), "mean", "most"))
    assert blocks["cat"].type.divisor == 3 and isinstance(blocks["cat.align1.grid"].op, View)


def test_a_sum_takes_its_multipliers_in():
    b = builder()
    b.add("s", scale([3, 5, 7], frac=2), "input")
    assert lowered(b, b.add("sum", ops.Add((4, 1), 2), "input", "s"))[1] == [Scale, Add]


def test_several_outputs_are_numbered():
    b = builder()
    ends = [b.conv(name, "input", RNG, (1, 1), 2) for name in ("c", "d")]
    blocks, _ = lowered(b, *ends)
    assert [ref.node for ref in blocks.outputs] == ["output0", "output1"]
