"""Single layers against their definition, in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from hwgen.graph import evaluate
from hwgen.quantize import quantize
from hwgen.quantize.rectifiers import Relu
from hwgen.tensor import TensorType
from tests.quantize.networks import chain, conv, dense, layer

RNG = np.random.default_rng(0)


def run(network, input_type, raw):
    """Every node's values as exact fractions, and the graph."""
    graph = quantize(network, input_type)
    values = evaluate(graph, {"input": np.asarray(raw)})
    return graph, {name: value.astype(object) * graph[name].type.step for name, value in values.items()}


def fractions(raw, frac):
    return np.asarray(raw).astype(object) * Fraction(2) ** -frac


def mean(values, axes):
    count = int(np.prod([values.shape[a] for a in axes]))
    return values.sum(axis=axes) / count


def test_every_layer_is_a_node_of_its_name():
    kernel = np.full((1, 1, 2, 3), 0.25)
    relu = {"class_name": "quantized_relu", "config": {"bits": 2}}
    network = chain(
        (2, 2, 2),
        layer("Dropout", "a"),
        conv(kernel, activation=relu),
        layer("Flatten", "c"),
        layer("Reshape", "d", target_shape=(-1, 3)),
        layer("Activation", "e", activation="linear"),
    )
    graph = quantize(network, "ufixed<4,0>")
    assert [node.name for node in graph.nodes] == ["input", "a", "qconv2d1.sum", "qconv2d1", "c", "d", "e"]
    assert {node.layer for node in graph.nodes} == {"input", "a", "qconv2d1", "c", "d", "e"}
    assert graph["d"].type.shape == (1, 4, 3) and graph["e"].op.describe().startswith("Reshape")


def test_a_bias_on_a_finer_grid_than_the_products():
    bias = [0.25, 1 + 2.0**-9]
    x = RNG.integers(0, 16, (3, 2, 2, 1))
    graph, values = run(chain((2, 2, 1), conv(np.full((1, 1, 1, 2), 0.5), bias)), "ufixed<4,4>", x)
    assert graph.nodes[-1].type.frac == 9
    expected = fractions(x, 1) + np.array([Fraction(b) for b in bias])
    assert (values[graph.nodes[-1].name] == expected).all()


@pytest.mark.parametrize("alpha", [1, [[0.3, 1.7]]])
def test_a_bias_after_an_average_over_thirds(alpha):
    quantizer = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": alpha}}
    kernel, bias = np.array([[0.5, -0.25], [0.125, 0.75]]), [0.375, -1.0]
    network = chain((1, 3, 2), layer("GlobalAveragePooling2D"), dense(kernel, bias, kernel_quantizer=quantizer))
    x = RNG.integers(0, 256, (4, 1, 3, 2))
    graph, values = run(network, "ufixed<8,0>", x)
    scale = [Fraction(float(np.float32(a))) for a in np.broadcast_to(alpha, (1, 2))[0]]
    sums = mean(fractions(x, 8), (1, 2)) @ np.array([[Fraction(float(w)) for w in row] for row in kernel])
    expected = sums * np.array(scale) + np.array([Fraction(b) for b in bias])
    assert (values[graph.outputs[0].node][:, 0, 0] == expected).all()
    assert graph[graph.outputs[0].node].type.divisor == 3


@pytest.mark.parametrize("kind", ["Add", "Concatenate"])
def test_inputs_on_different_grids(kind):
    """Averages over 3 and 5 values and one value, brought to fifteenths."""
    valid = {"strides": None, "padding": "valid"}
    network = chain(
        (3, 5, 2),
        layer("AveragePooling2D", "thirds", ["input"], pool_size=(3, 1), **valid),
        layer("MaxPooling2D", "a", ["thirds"], pool_size=(1, 5), **valid),
        layer("AveragePooling2D", "fifths", ["input"], pool_size=(1, 5), **valid),
        layer("MaxPooling2D", "b", ["fifths"], pool_size=(3, 1), **valid),
        layer("GlobalMaxPooling2D", "c", ["input"], keepdims=True),
        layer(kind, "both", ["a", "b", "c"]),
    )
    x = RNG.integers(-128, 128, (4, 3, 5, 2))
    graph, values = run(network, "fixed<8,2>", x)
    real = fractions(x, 6)
    a, b, c = mean(real, (1,)).max(axis=1), mean(real, (2,)).max(axis=1), real.max(axis=(1, 2))
    expected = a + b + c if kind == "Add" else np.concatenate([a, b, c], axis=1)
    assert (values["both"][:, 0, 0] == expected).all() and graph["both"].type.divisor == 15


def test_alpha_none_means_auto_po2_in_a_kernel_and_1_in_a_bias():
    latent = RNG.normal(0, 2, (3, 3, 2, 4))
    bias = RNG.normal(0, 0.5, 4)
    graphs = []
    for alpha in (None, "auto_po2"):
        quantizer = {"class_name": "quantized_bits", "config": {"bits": 3, "integer": 0, "alpha": alpha}}
        with_one = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": alpha and 1}}
        network = chain((4, 4, 2), conv(latent, bias, kernel_quantizer=quantizer, bias_quantizer=with_one))
        graphs.append(quantize(network, "ufixed<4,0>"))
    x = RNG.integers(0, 16, (2, 4, 4, 2))
    one, other = (evaluate(graph, {"input": x})["qconv2d0"] for graph in graphs)
    assert (one == other).all() and graphs[0]["qconv2d0"].type == graphs[1]["qconv2d0"].type


def test_a_shared_power_of_two_of_the_weights_is_no_width():
    graph = quantize(chain((1, 1, 1), conv(np.full((1, 1, 1, 1), 0.5))), "ufixed<4,0>")
    op = graph.nodes[-1].op
    assert op.weights.item() == 1 and op.frac == 1 and graph.nodes[-1].type.hi == 15


def test_one_scale_for_all_channels():
    quantizer = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": 0.3}}
    x = RNG.integers(0, 16, (2, 1, 1, 1))
    graph, values = run(chain((1, 1, 1), conv([[[[0.5, 0.25]]]], kernel_quantizer=quantizer)), "ufixed<4,4>", x)
    factor = Fraction(float(np.float32(0.3)))
    expected = fractions(x, 0) * np.array([factor / 2, factor / 4])
    assert (values["qconv2d0"] == expected).all() and graph["qconv2d0.sum"].type.width <= 6


@pytest.mark.parametrize("most", [None, 0, 1.5, 6])
@pytest.mark.parametrize("slope", [0, 0.25, 3, float(np.float32(0.3))])
def test_relu(most, slope):
    function = Relu(None if most is None else Fraction(most), Fraction(slope))
    for frac, divisor in ((0, 1), (-2, 1), (5, 1), (3, 9)):
        x = TensorType((1, 1, 1), -20, 90, frac, divisor)
        raw = np.arange(x.lo, x.hi + 1)
        result = function.result(x)
        seen = function.apply(raw, x)
        limit = Fraction(10**6 if most is None else most)
        real = raw.astype(object) * x.step
        expected = np.where(real < 0, real * Fraction(slope), np.minimum(real, limit))
        assert (seen.astype(object) * result.step == expected).all()
        assert (seen.min(), seen.max()) == (result.lo, result.hi)
        if (shift := function.as_shift(x)) is not None:
            assert (np.clip(raw << -shift[0], shift[1], shift[2]) == seen).all()


@pytest.mark.parametrize("padding", [1, (1, 2), ((0, 1), (2, 0))])
def test_zero_padding(padding):
    x = RNG.integers(1, 16, (2, 3, 4, 2))
    _, values = run(chain((3, 4, 2), layer("ZeroPadding2D", "z", padding=padding)), "ufixed<4,4>", x)
    around = {1: ((1, 1), (1, 1)), (1, 2): ((1, 1), (2, 2))}.get(padding, padding)
    assert (values["z"] == np.pad(x, ((0, 0), *around, (0, 0)))).all()


def test_dense_on_a_sequence():
    kernel = RNG.integers(-8, 8, (3, 2)) / 8
    x = RNG.integers(0, 16, (2, 1, 5, 3))
    graph, values = run(chain((5, 3), dense(kernel), layer("Flatten", "f")), "ufixed<4,4>", x)
    assert (values["qdense0"][:, 0] == fractions(x, 0)[:, 0] @ fractions(kernel * 8, 3).astype(object)).all()
    assert graph["f"].type.shape == (1, 1, 10)
    assert graph.frame_shape == {"input": (5, 3), "qdense0": (5, 2), "f": (10,)}


def test_normalisation_of_a_vector():
    weights = {"moving_mean": [0.5, -1], "moving_variance": [3.75, 0.25 - 2.0**-4], "gamma": [2, -1], "beta": [0.25, 3]}
    norm = layer("BatchNormalization", "n", weights=weights, epsilon=0.25, axis=-1)
    # 3.75 + 0.25 = 4 and 0.1875 + 0.25 = 0.4375: one exact square root, one that float32 rounds.
    x = RNG.integers(-8, 8, (3, 1, 1, 2))
    _, values = run(chain((2,), norm), "fixed<4,4>", x)
    inv = np.array([1, -(np.float32(1) / np.sqrt(np.float32(0.4375)))], dtype=np.float32)
    offset = np.array([0.25 - 0.5, np.float32(3) + inv[1]], dtype=np.float32)
    expected = fractions(x, 0) * [Fraction(float(i)) for i in inv] + [Fraction(float(o)) for o in offset]
    assert (values["n"] == expected).all()
