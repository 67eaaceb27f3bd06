"""Keras's JSON description of a model, in the forms of Keras 2 and 3, as one tree of layers.

A model may hold models; `hwgen.read.flatten` makes one list of layers of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from hwgen.errors import ModelError
from hwgen.read import limits

_SEQUENTIAL = ("Sequential",)
_FUNCTIONAL = ("Functional", "Model")  # "Model" until TensorFlow 2.2

Ref = tuple[str, int, int]  # layer, which of its calls, which of that call's outputs


@dataclass(frozen=True)
class Layer:
    """One layer as described; `model` is set where the layer is a model.

    calls: for each time that the layer is called the tensors that it is called with, which come from layers beside it.
        An InputLayer has one call, with nothing.
    """

    name: str
    class_name: str
    config: Mapping
    calls: tuple[tuple[Ref, ...], ...]
    model: Model | None = None


@dataclass(frozen=True)
class Model:
    """Layers in the order of the file, inputs and outputs of the whole."""

    name: str
    layers: tuple[Layer, ...]
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]


def parse_json(text: str | bytes, what: str) -> dict:
    """A JSON object; ModelError names `what` it should have described."""
    limits.check_text(text, what)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise damaged(what, f"isn't valid JSON ({_line(problem)})") from problem
    if not isinstance(value, dict):
        raise damaged(what, "isn't a JSON object")
    return value


def parse_model(description: Mapping) -> Model:
    """The model that a parsed `model_config` or `config.json` describes. Raises ModelError."""
    try:
        return _model(description)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as problem:
        raise damaged("the model's configuration", f"can't be understood ({_line(problem)})") from problem


def version_of(description: Mapping) -> str:
    """The Keras that a model's description is of: Keras 3 doesn't say it, but has marks of its own."""
    return description.get("keras_version") or ("3" if "registered_name" in description else "2")


def flavour(version) -> str:
    """ "0.9" for the QKeras of Keras 2, "v3" for that of Keras 3. Raises ModelError for any other Keras."""
    major = str(version).split(".")[0]
    if major not in ("2", "3"):
        raise ModelError(f"the model was saved by Keras {version}", change="save it with Keras 2 or 3")
    return "0.9" if major == "2" else "v3"


def damaged(what: str, reason: str) -> ModelError:
    return ModelError(f"{what} {reason}", change="the file is damaged: save the model again")


def _line(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}".splitlines()[0][:120]


def _class_name(description: Mapping) -> str:
    """Without the package it is registered in: QConv2D for qkeras>QConv2D."""
    name = description["class_name"]
    if not isinstance(name, str) or not name.isprintable():
        raise TypeError("a class name isn't text that can be printed")
    return name.rpartition(">")[2]


def _model(description: Mapping, name: str | None = None) -> Model:
    kind, config = _class_name(description), description["config"]
    if isinstance(config, list):  # a Sequential of the first Keras 2 releases
        config = {"layers": config}
    name = name or config.get("name") or kind.lower()
    if kind in _SEQUENTIAL:
        return _sequential(name, config)
    if kind in _FUNCTIONAL and "layers" in config:
        return _functional(name, config)
    raise ModelError(f"the model is a {kind}, whose structure only its own code knows", change=_REBUILD)


_REBUILD = "build it with keras.Sequential or the functional API"


def _functional(name: str, config: Mapping) -> Model:
    layers = [_layer(d, _calls(d)) for d in config["layers"]]
    keras3 = any(isinstance(node, dict) for d in config["layers"] for node in d["inbound_nodes"])
    inside, ends = (_call_numbers(layers, keras3, at_end) for at_end in (False, True))
    inputs, outputs = (tuple(map(ends, _refs(config[key]))) for key in ("input_layers", "output_layers"))
    layers = [replace(layer, calls=tuple(tuple(map(inside, call)) for call in layer.calls)) for layer in layers]
    return Model(name, tuple(layers), inputs, outputs)


def _call_numbers(layers: list[Layer], keras3: bool, at_end: bool) -> Callable[[Ref], Ref]:
    """What turns Keras's numbers of calls into ours, which count from 0 in every layer.

    Keras counts from 1 for a model in a model, whose own making was its first call; Keras 3 does so only for Functional
    ones and where it names the ends of the outer model. A layer's only call is meant whatever its number.
    """
    known = {layer.name: layer for layer in layers}

    def numbered(ref: Ref) -> Ref:
        name, call, output = ref
        layer = known.get(name)
        if layer is None or len(layer.calls) == 1:
            return name, 0, output
        from_one = layer.model is not None and (not keras3 or (at_end and layer.class_name in _FUNCTIONAL))
        if not 0 <= call - from_one < len(layer.calls):
            raise damaged(f"the model reads call {call} of layer {name!r}, which", f"has {len(layer.calls)}")
        return name, call - from_one, output

    return numbered


def _sequential(name: str, config: Mapping) -> Model:
    layers: list[Layer] = []
    for description in config["layers"]:
        inbound = ((layers[-1].name, 0, 0),) if layers else ()
        layers.append(_layer(description, (inbound,)))
    if not layers:
        raise ModelError(f"the model {name!r} has no layers", change="add some")
    if layers[0].class_name != "InputLayer":
        first = layers[0]
        made = Layer(f"{first.name}_input", "InputLayer", {"shape": _first_shape(name, first, config)}, ((),))
        layers[0] = replace(first, calls=(((made.name, 0, 0),),))
        layers.insert(0, made)
    return Model(name, tuple(layers), ((layers[0].name, 0, 0),), ((layers[-1].name, 0, 0),))


def _first_shape(name: str, first: Layer, config: Mapping) -> tuple[int, ...]:
    """The frame of a Sequential that has no InputLayer of its own."""
    if first.model is not None:
        entry = next(layer for layer in first.model.layers if layer.name == first.model.inputs[0][0])
        return entry.config["shape"]
    for shape in (first.config.get("batch_input_shape"), config.get("build_input_shape")):
        if shape is not None:
            return _frame(first.name, shape)
    change = "start it with keras.Input(shape=...), or call it once before saving"
    raise ModelError(f"the model {name!r} doesn't say the shape of its input", change=change)


def _layer(description: Mapping, calls: tuple[tuple[Ref, ...], ...]) -> Layer:
    kind, config = _class_name(description), description["config"]
    name = description.get("name") or (config.get("name") if isinstance(config, dict) else None)
    if not isinstance(name, str) or not name:
        raise ModelError(f"a {kind} layer has no name", change="save the model again")
    if not name.isprintable():  # codes that a terminal would obey; Keras takes no such names either
        raise damaged(f"the name {name!r} of a layer", "has characters that can't be printed")
    if kind in _SEQUENTIAL or (kind in _FUNCTIONAL and "layers" in config):
        return Layer(name, kind, {}, calls, _model(description, name))
    if not isinstance(config, dict):
        raise TypeError(f"layer {name!r} has no configuration")
    if kind == "InputLayer":
        shape = config.get("batch_input_shape") or config.get("batch_shape")
        return Layer(name, kind, {**config, "shape": _frame(name, shape)}, calls)
    return Layer(name, kind, config, calls)


def _frame(name: str, batch_shape) -> tuple[int, ...]:
    """The shape of one frame, from a shape that starts with the batch."""
    if not isinstance(batch_shape, list) or len(batch_shape) < 2:
        raise ModelError(f"has no input shape: {batch_shape!r}", layer=name, change="give keras.Input a shape")
    if any(type(n) is int and n > limits.MAX_FRAME for n in batch_shape[1:]):
        raise ModelError(f"has more than {limits.MAX_FRAME:,} values a frame", layer=name, change="use a smaller frame")
    if any(type(n) is not int or n < 1 for n in batch_shape[1:]):
        reason = f"its shape {tuple(batch_shape[1:])} leaves a dimension open"
        raise ModelError(reason, layer=name, change="give Input(shape=...) the size of a frame, such as (32, 32, 3)")
    return tuple(batch_shape[1:])


def _refs(value) -> Iterator[Ref]:
    """["a", 0, 0], [["a", 0, 0], ...] or a dict of them, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if len(value) == 3 and isinstance(value[0], str):
        yield _ref(value)
    else:
        for item in value:
            yield from _refs(item)


def _ref(history) -> Ref:
    name, node, output = history[:3]
    if not isinstance(name, str) or type(node) is not int or type(output) is not int or output < 0:
        raise TypeError(f"{history!r} doesn't name a tensor")
    return name, node, output


def _calls(description: Mapping) -> tuple[tuple[Ref, ...], ...]:
    """What a layer of a functional model is called with each time, in order."""
    nodes = description["inbound_nodes"]
    name = description.get("name") or description["config"]["name"]
    _need_layer(name, description)
    return tuple(_call(name, node) for node in nodes) or ((),)


def _call(name: str, node) -> tuple[Ref, ...]:
    if isinstance(node, dict):
        tensors = list(_keras3_tensors(name, node["args"]))
        kwargs = dict(node["kwargs"])
        if not tensors and "inputs" in kwargs:
            tensors = list(_keras3_tensors(name, kwargs.pop("inputs")))
        _need_plain_call(name, kwargs)
        return tuple(tensors)
    if node and isinstance(node[0], str):  # Keras 2's form for a function called as a layer
        node = [node]
    for tensor in node:
        _need_plain_call(name, tensor[3] if len(tensor) > 3 else {})
    return tuple(_ref(tensor) for tensor in node)


def _need_layer(name: str, description: Mapping) -> None:
    """Refuses operations on tensors, whose arguments and defaults aren't those of the layers of the same name.

    Keras 3's `x + y` passes: it stands there as an Add.
    """
    kind, config, nodes = _class_name(description), description["config"], description["inbound_nodes"]
    # Most layers have a `trainable`, and those of Keras 3 that don't a module; Keras 2 has own classes for operations.
    layer = "trainable" in config or "layers" in config or description.get("module") == "keras.layers"
    keras3 = nodes and isinstance(nodes[0], dict) and not layer
    if kind in ("TFOpLambda", "SlicingOpLambda") or (keras3 and kind not in ("Add", "InputLayer")):
        what = config.get("function", kind)
        raise ModelError(f"is the operation {what!r}, not a layer", layer=name, change="use a layer, such as Add for +")


def _keras3_tensors(name: str, value) -> Iterator[Ref]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _keras3_tensors(name, item)
    elif isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield _ref(value["config"]["keras_history"])
    else:
        raise ModelError(f"is called with {str(value)[:60]!r}, not a layer's output", layer=name, change=_PLAIN_CALL)


_PLAIN_CALL = "call it with the outputs of other layers only"


def _need_plain_call(name: str, kwargs: Mapping) -> None:
    """Inference with no mask is what hardware computes; any other argument would be left out silently."""
    for key, value in kwargs.items():
        if value is not None and not (key == "training" and value is False):
            raise ModelError(f"is called with {key}={str(value)[:60]}", layer=name, change=_PLAIN_CALL)
