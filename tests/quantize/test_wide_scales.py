"""Automatic scales, normalisation and functions one after the other: exact at any width, and hardware where a quantizer
follows."""

import numpy as np
import pytest

pytest.importorskip("qkeras")

import qkeras

import hwgen
from hwgen.errors import ModelError
from hwgen.graph import evaluate
from hwgen.layers.neuron import Neuron
from hwgen.layers.scale import Scale
from hwgen.layers.threshold import Threshold
from hwgen.layers.window import Window
from hwgen.numeric import MAX_WIDTH
from hwgen.passes.lower import lower
from hwgen.quantize import frames_to_raw, quantize
from hwgen.read import read
from tests.qkeras_truth import compare, keras
from tests.random_models import Sample, load_weights

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

L = keras.layers
PATTERNS = {
    "norm": lambda: [],
    "relu": lambda: [L.ReLU(name="relu")],
    "relu with a limit": lambda: [L.ReLU(max_value=1.3, name="relu")],
    "leaky relu": lambda: [L.LeakyReLU(0.3, name="leaky")],
    "dropout": lambda: [L.Dropout(0.5, name="drop")],
    "two norms": lambda: [L.BatchNormalization(name="again")],
    "norm after relu": lambda: [L.ReLU(name="relu"), L.BatchNormalization(name="again")],
    "max pool": lambda: [L.MaxPooling2D(2, name="pool")],
    "overlapping max pool": lambda: [L.MaxPooling2D(3, strides=2, padding="same", name="pool")],
    "relu and max pool": lambda: [L.LeakyReLU(0.3, name="leaky"), L.MaxPooling2D(2, name="pool")],
    "flatten": lambda: [L.Flatten(name="flat")],
}
QUANTIZERS = {
    "relu": lambda: qkeras.quantized_relu(4, 1),
    "bits": lambda: qkeras.quantized_bits(5, 1, alpha=1),
    "binary": lambda: qkeras.binary(alpha=1),
    "ternary": lambda: qkeras.ternary(alpha=1),
    "po2": lambda: qkeras.quantized_relu_po2(4),
}


def sample(layers, *, seed=0, falling=True, size=(6, 5, 2), filters=4) -> Sample:
    """conv(alpha='auto') → BatchNormalization → layers, with scales that differ much between the channels."""
    rng = np.random.default_rng(seed)
    keras.backend.clear_session()
    inputs = L.Input(size, name="input")
    kernel = qkeras.quantized_bits(4, 0, alpha="auto")
    x = qkeras.QConv2D(filters, (3, 3), kernel_quantizer=kernel, use_bias=False, padding="same", name="conv")(inputs)
    for layer in [L.BatchNormalization(name="norm"), *layers]:
        x = layer(x)
    model = keras.Model(inputs, x, name="wide")
    load_weights(model, rng)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            gamma, *others = layer.get_weights()
            spread = np.float32(2) ** rng.integers(-12, 1, gamma.shape)
            gamma = np.abs(gamma) * spread
            gamma[:2] *= -1 if falling else 1
            layer.set_weights([gamma, *others])
    frames = (rng.integers(0, 256, (3, *size)) / 256).astype(np.float32)
    return Sample(
        seed, model, "ufixed<8,0>", {"input": frames}, {layer.name for layer in model.layers if layer.weights}
    )


def widest(graph) -> int:
    return max(node.type.width for node in graph.nodes)


def assert_lowered_equals(made: Sample):
    graph = quantize(read(made.model), made.input_type)
    lowered = lower(graph)
    raw = {"input": frames_to_raw(graph, made.frames["input"])}
    expected, seen = evaluate(graph, raw), evaluate(lowered, raw)
    assert (seen["output"] == expected[graph.outputs[0].node]).all()
    assert widest(lowered) <= MAX_WIDTH
    return lowered


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("quantizer", QUANTIZERS)
@pytest.mark.parametrize("falling", [False, True])
def test_exact_and_hardware_in_front_of_a_quantizer(pattern, quantizer, falling):
    last = qkeras.QActivation(QUANTIZERS[quantizer](), name="act")
    made = sample([*PATTERNS[pattern](), last], falling=falling)
    assert widest(compare(made).graph) > MAX_WIDTH
    lowered = assert_lowered_equals(made)
    kinds = [type(node.op) for node in lowered.nodes]
    assert kinds[1:4] != [Window, Neuron, Scale] and Threshold in kinds


@pytest.mark.parametrize("pattern", ["norm", "leaky relu", "max pool"])
def test_two_quantizers_on_one_wide_value(pattern):
    made = sample(PATTERNS[pattern]())
    ends = [
        qkeras.QActivation(qkeras.quantized_relu(3), name="low")(made.model.output),
        qkeras.QActivation(qkeras.quantized_bits(4, 2, alpha=1), name="high")(made.model.output),
    ]
    model = keras.Model(made.model.inputs, L.Concatenate(name="cat")(ends), name="two")
    made = Sample(0, model, made.input_type, made.frames, made.rounded)
    compare(made)
    kinds = [type(node.op) for node in assert_lowered_equals(made).nodes]
    assert kinds.count(Neuron) == 1 and kinds.count(Threshold) == 2


REFUSED = {
    "output": (
        lambda: [],
        "layer 'norm': its exact values need .* bits, hardware carries at most 62; put a QActivation",
    ),
    "relu at the output": (lambda: [L.ReLU(name="relu")], "layer 'norm': its exact values need"),
    "falling after a maximum": (
        lambda: [
            L.MaxPooling2D(2, name="pool"),
            L.BatchNormalization(name="again"),
            qkeras.QActivation(qkeras.quantized_relu(3), name="act"),
        ],
        "layer 'norm': its exact values need .* put a QActivation behind it",
    ),
    "sixteen bits": (
        lambda: [qkeras.QActivation(qkeras.quantized_relu(16), name="act")],
        "layer 'act': quantized_relu.16,0. after a scale .* 65535 thresholds, .* 4096 .*; use an activation of 12 bits",
    ),
    "convolution": (
        lambda: [
            qkeras.QConv2D(2, 1, kernel_quantizer=qkeras.quantized_bits(2, 0, alpha=1), use_bias=False, name="next")
        ],
        "layer 'next': needs .*-bit integers; at most 62 are supported; put a QActivation in front of it",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    layers, text = REFUSED[name]
    made = sample(layers())
    with pytest.raises(ModelError, match=text):
        lower(quantize(read(made.model), made.input_type))


@pytest.mark.parametrize("pattern", ["norm", "relu and max pool"])
def test_verilog(pattern):
    inside = PATTERNS[pattern]()
    dense = qkeras.QDense(3, kernel_quantizer=qkeras.quantized_bits(3, 0, alpha=1), use_bias=False, name="dense")
    act = qkeras.QActivation(qkeras.quantized_bits(4, 1, alpha=1), name="act")
    made = sample([*inside, act, L.Flatten(name="flat"), dense], size=(4, 4, 1), filters=3)
    compare(made)
    design = hwgen.compile(made.model, "zybo", input_type=made.input_type)
    result = design.simulate(made.frames["input"], simulator="icarus", stalls=0.2)
    assert np.array_equal(result.outputs["output"], design.evaluate(made.frames["input"]))
