"""Going on behind a layer that is refused, for `--check`: all that is wrong with it, and something in its place.

A refused layer is mended one remedy after the other, as its error messages tell the user to, and read again until it
passes. So the layers behind it have a value to be read on, whose shape is right and whose type is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from hwgen.errors import ModelError
from hwgen.graph import Node, Ref
from hwgen.network import KerasLayer
from hwgen.ops import Input
from hwgen.quantize import READERS, linear, read_layer
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.options import UnknownOptions
from hwgen.quantize.refusals import unknown_layer
from hwgen.tensor import TensorType

EIGHT_BITS = TensorType((1, 1, 1), -128, 127, 7)
_WEIGHTS = "quantized_bits(8,0,alpha=1)"
_BIAS = "quantized_bits(8,3,alpha=1)"
_ACTIVATION = "quantized_relu(8,3)"
# Classes whose result has the shape of their (first) input.
_KEEP_SHAPE = (
    *("Activation", "QActivation", "QAdaptiveActivation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU"),
    *("Softmax", "BatchNormalization", "QBatchNormalization", "LayerNormalization", "GroupNormalization"),
    *("UnitNormalization", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
)
_PLAIN = {"dtype": None, "mask": None, "groups": 1, "dilation_rate": 1, "threshold": 0, "max_value": None}
_PLAIN |= {"negative_slope": 0, "alpha": 0, "data_format": None}

Values = Mapping[str, Value]


def read_on(layer: KerasLayer, flavour: str, values: Values) -> tuple[list[Node], Value | None, list[ModelError]]:
    """The nodes of a layer, its value or one that stands in for it, and everything that is wrong with it.

    values: those of the layers that it reads. There is no value where not even the shape can be told.
    """
    try:
        nodes, value = read_layer(layer, flavour, values)
        return nodes, value, []
    except UnknownOptions as problem:
        return _without_options(problem, layer, flavour, values)
    except ModelError as problem:
        problems = [problem]
    for remedy in _REMEDIES:
        for mended, with_values in remedy(layer, values):
            try:
                nodes, value = read_layer(mended, flavour, with_values)
                return nodes, replace(value, softmax=""), problems
            except UnknownOptions as problem:
                nodes, value, more = _without_options(problem, mended, flavour, with_values)
                return nodes, value, [*problems, *more]
            except ModelError as problem:
                if str(problem) not in map(str, problems):
                    problems.append(problem)
                    layer, values = mended, with_values
    return *_same_shape(layer, values), problems


def _without_options(problem: UnknownOptions, layer: KerasLayer, flavour: str, values: Values):
    """As read_on, without the options that the problem names."""
    config = {key: value for key, value in layer.config.items() if key not in problem.options}
    nodes, value, more = read_on(replace(layer, config=config), flavour, values)
    return nodes, value, [problem, *more]


def problems_alone(layer: KerasLayer, flavour: str) -> list[ModelError]:
    """What is wrong with a layer whatever it reads: its class, its quantizers, its activation."""
    found = []
    reader = READERS.get(layer.class_name)
    if reader is None:
        return [unknown_layer(layer)]
    build = LayerBuilder(layer, flavour, ())
    vector = {"x": Value(Ref("x"), EIGHT_BITS, (1,))}
    alone = KerasLayer(layer.name, "QActivation", {"activation": layer.config.get("activation")}, (("x", 0),))
    checks: list[Callable[[], object]] = [
        *([lambda: reader(build)] if reader is linear.refuse_float else []),
        *(lambda key=key: build.quantizer(key) for key in layer.config if key.endswith("_quantizer")),
        lambda: read_layer(alone, flavour, vector),
    ]
    for check in checks:
        try:
            check()
        except ModelError as problem:
            found.append(problem)
    return found


Remedy = Iterator[tuple[KerasLayer, Values]]


def _quantized_class(layer: KerasLayer, values: Values) -> Remedy:
    if READERS.get(layer.class_name) is linear.refuse_float and f"Q{layer.class_name}" in READERS:
        config = {**layer.config, **dict.fromkeys(linear.FLOAT[layer.class_name], _WEIGHTS)}
        yield replace(layer, class_name=f"Q{layer.class_name}", config=config), values


def _known_quantizers(layer: KerasLayer, values: Values) -> Remedy:
    for key in layer.config:
        if key.endswith("_quantizer"):
            quantizer = _BIAS if key == "bias_quantizer" else _WEIGHTS
            yield replace(layer, config={**layer.config, key: quantizer}), values


def _known_activation(layer: KerasLayer, values: Values) -> Remedy:
    if "activation" in layer.config:
        yield replace(layer, config={**layer.config, "activation": _ACTIVATION}), values


def _no_softmax_inside(layer: KerasLayer, values: Values) -> Remedy:
    yield layer, {name: replace(value, softmax="") for name, value in values.items()}


def _plain_options(layer: KerasLayer, values: Values) -> Remedy:
    for key, value in _PLAIN.items():
        if key in layer.config:
            yield replace(layer, config={**layer.config, key: value}), values


_REMEDIES = (_no_softmax_inside, _quantized_class, _known_quantizers, _known_activation, _plain_options)


def _same_shape(layer: KerasLayer, values: Values) -> tuple[list[Node], Value | None]:
    """Values of 8 bits out of nowhere, where the layer's class tells their shape."""
    sources = [values[name] for name, _ in layer.inbound if name in values]
    if layer.class_name not in _KEEP_SHAPE or not sources:
        return [], None
    type = EIGHT_BITS.with_shape(sources[0].type.shape)
    return [Node(layer.name, Input(type), (), type, layer.name)], Value(Ref(layer.name), type, sources[0].shape)
