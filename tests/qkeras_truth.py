"""QKeras as the truth for the integer model, layer by layer.

Where QKeras computes exactly, our integers must stand for exactly its float32 results. Where it rounds (scales that
aren't powers of two, normalisation, averages over thirds), a layer is compared with an exact evaluation that shares no
code with hwgen: integer sums by TensorFlow in float64 below 2^53, from QKeras's own quantized weights, then rational
scales. Quantizers are monotone, so there the exact result lies between QKeras's results for the two float32
neighbours of the exact input, and mostly they agree.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from hwgen.graph import Graph, evaluate
from hwgen.network import Network
from hwgen.quantize import frames_to_raw, quantize, raw_to_real
from hwgen.read import read
from tests.qkeras_layers import EXACT
from tests.qkeras_linear import LINEAR, unit_of

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


def layer_outputs(model: keras.Model, frames: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every layer's float32 result, called on those of the layers that it reads.

    Keras's own order and calls: a layer that is called again is `name:2`, one in a model `model/name`, as hwgen has it.
    Asserts that the whole model gives the same. A softmax inside a layer is taken out first.
    """
    network = read(model)
    values = {name: tf.constant(frame) for name, frame in frames.items()}
    for name, layer, sources in _calls(model, network):
        if getattr(layer, "activation", None) is keras.activations.softmax and not is_softmax(layer):
            layer.activation = keras.activations.linear
        inputs = [values[source] for source in sources]
        options = {"training": False} if "training" in inspect.signature(layer.call).parameters else {}
        values[name] = layer(inputs if len(inputs) > 1 else inputs[0], **options)
    whole = model([values[name] for name, _ in network.inputs] if len(frames) > 1 else values[network.inputs[0][0]])
    for (name, _), theirs in zip(network.outputs, whole if isinstance(whole, (list, tuple)) else [whole], strict=True):
        assert np.allclose(values[name], theirs, rtol=1e-6, atol=1e-7), f"{name} isn't the model's own output"
    return {name: np.asarray(value) for name, value in values.items()}


def _calls(model: keras.Model, network: Network) -> Iterator[tuple[str, object, list[str]]]:
    """(name, layer, names of those that it reads) of every call of a layer but inputs."""
    for made in network.layers:
        if made.class_name != "InputLayer":
            layer = model
            for part in made.name.split("/"):
                layer = layer.get_layer(part.partition(":")[0])
            yield made.name, layer, [source for source, _ in made.inbound]


def compare(sample) -> Comparison:
    """Asserts that the integer model of a `tests.random_models.Sample` is QKeras's, layer by layer."""
    network = read(sample.model)
    graph = quantize(network, sample.input_type)
    raw = evaluate(graph, {name: frames_to_raw(graph, frames, name) for name, frames in sample.frames.items()})
    real = {name: raw_to_real(graph[name].type, value) for name, value in raw.items()}
    truth = layer_outputs(sample.model, sample.frames)
    equal, exact, rational = set(sample.frames), [], []
    for name, layer, sources in _calls(sample.model, network):
        if is_softmax(layer):
            continue
        theirs = truth[name].reshape(real[name].shape)
        if equal.issuperset(sources) and layer.name not in sample.rounded and fits_float32(graph, name):
            assert np.array_equal(theirs, real[name]), _difference(sample, name, theirs, real[name])
            exact.append(name)
        else:
            _compare_exactly(sample, name, layer, graph, raw, sources)
            rational.append(name)
        # After a quantizer QKeras mostly has our values again: from there on it is the truth once more.
        if np.array_equal(theirs, real[name]):
            equal.add(name)
    return Comparison(graph, exact, rational)


def fits_float32(graph: Graph, layer: str) -> bool:
    """Whether float32 holds every integer of the layer, and what QKeras computes on the way to it."""
    return all(node.type.width <= FLOAT32_BITS and not _loses_bits(node) for node in graph.nodes if node.layer == layer)


def _loses_bits(node) -> bool:
    """Sigmoids, and hyperbolic tangents made of them, add 1/2 to a multiple of x: bits far behind the point are lost."""
    around_half = any(word in repr(getattr(node.op, "function", "")) for word in ("sigmoid", "tanh"))
    return around_half and node.op.input.frac > FLOAT32_BITS - 4


def is_softmax(layer) -> bool:
    kind = type(layer).__name__
    return kind == "Softmax" or (kind == "Activation" and layer.activation is keras.activations.softmax)


def _difference(sample, name: str, expected: np.ndarray, seen: np.ndarray) -> str:
    where = tuple(int(i) for i in np.argwhere(expected != seen)[0])
    return f"seed {sample.seed}: {name} at {where}: expected {expected[where]!r}, got {seen[where]!r}"


# Layers in which QKeras rounds, or that follow one: exact evaluation of the layer on our own inputs.


def _compare_exactly(sample, name: str, layer, graph: Graph, raw: dict, sources: list[str]) -> None:
    kind, own = type(layer).__name__, [n for n in graph.nodes if n.layer == name]
    rounds = layer.name in sample.rounded or any(map(_loses_bits, own))
    inputs = [(raw[s], graph[s].type) for s in sources]
    node, before = graph[name], None
    if kind in FUNCTIONS:
        _enclosed(sample, name, rounds, layer, *inputs[0], raw[name], node.type)
        return
    assert f"{name}.act" not in graph, "an activation is a layer's last node"
    if kind in LINEAR and len(own) > 1 and type(own[-1].op).__name__ == "Activation":
        before = own[-2]
        args = raw[before.name], before.type, raw[name], node.type
        _enclosed(sample, name, rounds, layer.activation, *args)
        node = before
    expected = (LINEAR | EXACT)[kind](layer, *inputs)
    _equal(sample, node.name, expected, raw[node.name], node.type)


def _equal(sample, name: str, expected, seen: np.ndarray, type) -> None:
    """expected: (integers as objects, unit)."""
    integers, unit = expected
    ratio = unit / unit_of(type)
    left = np.asarray(integers, dtype=object).reshape(seen.shape) * ratio.numerator
    right = seen.astype(object) * ratio.denominator
    assert np.array_equal(left, right), _difference(sample, name, left, right)


def _enclosed(sample, name: str, rounds: bool, function, x: np.ndarray, x_type, seen: np.ndarray, seen_type) -> None:
    """A monotone function's exact result lies between those for the float32 neighbours of its exact argument.

    A few steps away: QKeras's own steps lose the last bits of x, and a result off the grid of float32 is rounded too.
    Sigmoids, and hyperbolic tangents made of them, are computed around 1/2 whatever x is.
    """
    nearest = raw_to_real(x_type, x).astype(np.float32)
    inner = getattr(function, "activation", function)
    named = inner if isinstance(inner, str) else getattr(inner, "__name__", type(inner).__name__)
    least = "sigmoid" in named or "tanh" in named
    exact = x_type.divisor == 1 and max(x_type.width, seen_type.width) <= FLOAT32_BITS and not rounds
    margin = 0 if exact else 4 * np.spacing(np.maximum(np.abs(nearest), np.float32(least)))
    below, above = nearest - margin, nearest + margin
    low, high = (np.asarray(function(tf.constant(v)), dtype=np.float64) for v in (below, above))
    ours = raw_to_real(seen_type, seen)
    if not exact:
        largest = np.maximum.reduce([np.abs(nearest), np.abs(low), np.abs(high), np.full_like(low, least)])
        slack = 4 * np.spacing(largest.astype(np.float32))
        low, high = low - slack, high + slack
    wrong = (ours < low) | (ours > high)
    assert not wrong.any(), _difference(sample, name, np.where(wrong, low, ours), ours)


# Monotone functions of one value.
FUNCTIONS = ("QActivation", "Activation", "ReLU", "LeakyReLU", "ThresholdedReLU", "QAdaptiveActivation")
