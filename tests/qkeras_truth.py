"""QKeras as the truth for the integer model, layer by layer.

Where QKeras computes exactly, our integers must stand for exactly its float32 results. Where it rounds (scales that
aren't powers of two, normalisation, averages over thirds), a layer is compared with an exact evaluation that shares no
code with hwgen: integer sums by TensorFlow in float64 below 2^53, from QKeras's own quantized weights, then rational
scales. Quantizers are monotone, so there the exact result lies between QKeras's results for the two float32
neighbours of the exact input, and mostly they agree.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import tensorflow as tf

from hwgen.graph import Graph, evaluate
from hwgen.quantize import frames_to_raw, quantize, raw_to_real
from hwgen.read import read
from tests.qkeras_linear import LINEAR, as_floats, as_integers, per_channel, unit_of

# Which QKeras is installed: qkeras-v3 on Keras 3, or 0.9 on Keras 2.
FLAVOUR = "v3" if importlib.util.find_spec("qkeras.ops_portable") else "0.9"
if FLAVOUR == "v3":
    import keras
else:
    from tensorflow import keras
    from tensorflow.python.ops import array_ops

    if not hasattr(array_ops, "stack"):
        array_ops.stack = tf.stack  # QConv2DTranspose calls it; newer TensorFlows have it elsewhere

FLOAT32_BITS = 24


@dataclass
class Comparison:
    """The integer model, the layers that equal QKeras's own results, and those that equal exact arithmetic."""

    graph: Graph
    exact: list[str]
    rational: list[str]


def layer_outputs(model: keras.Model, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's float32 result; a softmax inside a layer is taken out first."""
    for layer in model.layers:
        if getattr(layer, "activation", None) is keras.activations.softmax and not _is_softmax(layer):
            layer.activation = keras.activations.linear
    layers = [layer for layer in model.layers if not _is_input(layer)]
    taps = keras.Model(model.inputs, [layer.output for layer in layers])
    results = _tensors(taps(tf.constant(frames), training=False))
    return {layer.name: np.asarray(y) for layer, y in zip(layers, results)}


def compare(sample) -> Comparison:
    """Asserts that the integer model of a `tests.random_models.Sample` is QKeras's, layer by layer."""
    graph = quantize(read(sample.model), sample.input_type)
    raw = evaluate(graph, {"input": frames_to_raw(graph, sample.frames)})
    real = {name: raw_to_real(graph[name].type, value) for name, value in raw.items()}
    truth = layer_outputs(sample.model, sample.frames)
    equal, exact, rational = {"input"}, [], []
    for layer in sample.model.layers:
        name = layer.name
        if _is_input(layer) or _is_softmax(layer):
            continue
        sources = [graph_input(tensor) for tensor in _tensors(layer.input)]
        theirs = truth[name].reshape(real[name].shape)
        if equal.issuperset(sources) and name not in sample.rounded and fits_float32(graph, name):
            assert np.array_equal(theirs, real[name]), _difference(sample, name, theirs, real[name])
            exact.append(name)
        else:
            _compare_exactly(sample, layer, graph, raw, sources)
            rational.append(name)
        # After a quantizer QKeras mostly has our values again: from there on it is the truth once more.
        if np.array_equal(theirs, real[name]):
            equal.add(name)
    return Comparison(graph, exact, rational)


def graph_input(tensor) -> str:
    """The name of the layer that makes a Keras tensor."""
    history = tensor._keras_history
    return (history[0] if isinstance(history, tuple) else history.operation).name


def fits_float32(graph: Graph, layer: str) -> bool:
    """Whether float32 holds every integer of the layer."""
    return all(node.type.width <= FLOAT32_BITS for node in graph.nodes if node.layer == layer)


def _is_input(layer) -> bool:
    return type(layer).__name__ == "InputLayer"


def _is_softmax(layer) -> bool:
    return type(layer).__name__ == "Activation" and layer.activation is keras.activations.softmax


def _tensors(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _difference(sample, name: str, expected: np.ndarray, seen: np.ndarray) -> str:
    where = tuple(int(i) for i in np.argwhere(expected != seen)[0])
    return f"seed {sample.seed}: {name} at {where}: expected {expected[where]!r}, got {seen[where]!r}"


# Layers in which QKeras rounds, or that follow one: exact evaluation of the layer on our own inputs.


def _compare_exactly(sample, layer, graph: Graph, raw: dict, sources: list[str]) -> None:
    kind, name = type(layer).__name__, layer.name
    inputs = [(raw[s], graph[s].type) for s in sources]
    node, before = graph[name], None
    own = [n for n in graph.nodes if n.layer == name]
    if kind in FUNCTIONS:
        _enclosed(sample, name, layer, *inputs[0], raw[name], node.type)
        return
    assert f"{name}.act" not in graph, "an activation is a layer's last node"
    if kind in LINEAR and len(own) > 1 and type(own[-1].op).__name__ == "Activation":
        before = own[-2]
        _enclosed(sample, name, layer.activation, raw[before.name], before.type, raw[name], node.type)
        node = before
    expected = EXACT[kind](layer, *inputs)
    _equal(sample, node.name, expected, raw[node.name], node.type)


def _equal(sample, name: str, expected, seen: np.ndarray, type) -> None:
    """expected: (integers as objects, unit)."""
    integers, unit = expected
    ratio = unit / unit_of(type)
    left = np.asarray(integers, dtype=object).reshape(seen.shape) * ratio.numerator
    right = seen.astype(object) * ratio.denominator
    assert np.array_equal(left, right), _difference(sample, name, left, right)


def _enclosed(sample, name: str, function, x: np.ndarray, x_type, seen: np.ndarray, seen_type) -> None:
    """A monotone function's exact result lies between those for the float32 neighbours of its exact argument.

    A few steps away: QKeras's own steps (x/2 + 1/2 in a quantized_tanh) lose the last bits of x, and a result off the
    grid of float32 is rounded too.
    """
    nearest = raw_to_real(x_type, x).astype(np.float32)
    exact = x_type.divisor == 1 and max(x_type.width, seen_type.width) <= FLOAT32_BITS and name not in sample.rounded
    margin = 0 if exact else 4 * np.spacing(np.abs(nearest))
    below, above = nearest - margin, nearest + margin
    low, high = (np.asarray(function(tf.constant(v)), dtype=np.float64) for v in (below, above))
    ours = raw_to_real(seen_type, seen)
    if not exact:
        slack = 4 * np.spacing(np.maximum(np.abs(nearest), np.maximum(np.abs(low), np.abs(high)).astype(np.float32)))
        low, high = low - slack, high + slack
    wrong = (ours < low) | (ours > high)
    assert not wrong.any(), _difference(sample, name, np.where(wrong, low, ours), ours)


def _norm(layer, x):
    """x·inv + (beta - mean·inv), constants in float32."""
    raw, type = x
    mean, variance = (np.asarray(w) for w in (layer.moving_mean, layer.moving_variance))
    gamma = np.asarray(layer.gamma) if layer.scale else np.float32(1)
    beta = np.asarray(layer.beta) if layer.center else np.float32(0)
    inverse_quantizer = None
    if "QBatch" in layer.__class__.__name__:
        quantizers = [*layer.quantizers, None]
        present = (layer.scale, layer.center, True, True)
        gamma, beta, mean, variance = (
            np.asarray(quantizer(tf.constant(value))) if quantizer and there else value
            for quantizer, value, there in zip(quantizers, (gamma, beta, mean, variance), present)
        )
        inverse_quantizer = quantizers[4]
    inv = np.float32(1) / np.sqrt(variance + np.float32(layer.epsilon)) * gamma
    inv = np.asarray(inverse_quantizer(tf.constant(inv))) if inverse_quantizer else inv
    offset = beta - mean * inv
    exact = per_channel(raw.astype(object), unit_of(type), *([Fraction(float(v)) for v in c] for c in (inv, offset)))
    # The constants above are ours as much as Keras's: that they are the right ones, its rounded result shows.
    frames = raw_to_real(type, raw).astype(np.float32).reshape(-1, *layer.input.shape[1:])
    rounded = np.asarray(layer(tf.constant(frames), training=False)).reshape(raw.shape)
    ours = (exact[0] * float(exact[1])).astype(np.float64)
    assert np.allclose(rounded, ours, rtol=1e-4, atol=1e-4 * np.abs(ours).max()), layer.name
    return exact


def _max_pool(layer, x):
    raw, type = x
    # Ranks instead of values, which may be wider than any float: TensorFlow finds the place of each maximum.
    values, ranks = np.unique(raw, return_inverse=True)
    place = as_floats(ranks.reshape(raw.shape))
    found = tf.nn.max_pool2d(place, layer.pool_size, layer.strides, layer.padding.upper())
    return values.astype(object)[as_integers(found).astype(np.int64)], unit_of(type)


def _average(layer, x):
    raw, type = x
    count = int(np.prod(layer.pool_size))
    mean = tf.nn.avg_pool2d(as_floats(raw), layer.pool_size, layer.strides, layer.padding.upper())
    return as_integers(mean * count), unit_of(type) / count


def _quantized_average(layer, x):
    total, unit = _average(layer, x)
    count = int(np.prod(layer.pool_size))
    factor = np.asarray(layer.average_quantizer_internal(tf.constant(1.0 / count)))
    return total, unit * count * Fraction(float(factor))


def _global_average(layer, x):
    raw, type = x
    return raw.astype(object).sum(axis=(1, 2)), unit_of(type) / (raw.shape[1] * raw.shape[2])


def _fractions(x):
    raw, type = x
    return raw.astype(object) * unit_of(type)


def _same(layer, x):
    return x[0], unit_of(x[1])


def _zeros(layer, x):
    return np.pad(x[0], ((0, 0), *layer.padding, (0, 0))), unit_of(x[1])


def _prelu(layer, x):
    values, slopes = _fractions(x), np.asarray(layer.alpha).astype(np.float64)
    scaled = np.vectorize(Fraction, otypes=[object])(slopes.reshape(-1)[None]) * np.minimum(values, 0)
    return np.maximum(values, 0) + scaled, Fraction(1)


# Monotone functions of one value.
FUNCTIONS = ("QActivation", "Activation", "ReLU", "LeakyReLU", "ThresholdedReLU", "QAdaptiveActivation")
EXACT = {
    **LINEAR,
    "PReLU": _prelu,
    "BatchNormalization": _norm,
    "QBatchNormalization": _norm,
    "MaxPooling2D": _max_pool,
    "AveragePooling2D": _average,
    "QAveragePooling2D": _quantized_average,
    "GlobalAveragePooling2D": _global_average,
    "GlobalMaxPooling2D": lambda layer, x: (x[0].max(axis=(1, 2)), unit_of(x[1])),
    "Concatenate": lambda layer, *xs: (np.concatenate([_fractions(x) for x in xs], axis=3), Fraction(1)),
    "Add": lambda layer, *xs: (sum(_fractions(x) for x in xs), Fraction(1)),
    "Flatten": _same,
    "Dropout": _same,
    "ZeroPadding2D": _zeros,
}
