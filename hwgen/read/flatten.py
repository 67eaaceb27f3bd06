"""One list of layers in topological order from a tree of models, with their weights: the `Network`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from hwgen.errors import ModelError
from hwgen.network import KerasLayer, Network
from hwgen.read.config import Layer, Model, Ref
from hwgen.read.variables import check

_REBUILD = "save the model again"


def network(model: Model, weights: Mapping[str, Mapping[str, np.ndarray]], flavour: str) -> Network:
    """weights: by the layer's full name, `outer/inner` for a layer of a model in a model. Raises ModelError."""
    layers, outputs = _flatten(model, "", None)
    seen: set[str] = set()
    complete = []
    for layer in layers:
        if layer.name in seen:
            raise ModelError("two layers have this name", layer=layer.name, change="give one another name")
        seen.add(layer.name)
        own = dict(weights.get(layer.name, {}))
        check(layer, own)
        complete.append(KerasLayer(layer.name, layer.class_name, layer.config, layer.inbound, own))
    return Network(model.name, flavour, tuple(complete), model.inputs, outputs)


def leaves(model: Model, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """(full name, layer) of every layer that isn't a model itself, in the order of the file."""
    for layer in model.layers:
        if layer.model is not None:
            yield from leaves(layer.model, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer


def _flatten(model: Model, prefix: str, feeds: Sequence[Ref] | None) -> tuple[list[Layer], tuple[Ref, ...]]:
    """Layers and outputs under their full names. feeds: what is fed to a model that is a layer; None at the top."""
    known: dict[str, Layer] = {}
    for layer in model.layers:
        if layer.name in known:
            raise ModelError("two layers have this name", layer=prefix + layer.name, change="give one another name")
        known[layer.name] = layer
    for name, _ in model.inputs:
        if name not in known or known[name].class_name != "InputLayer":
            raise ModelError("is an input of the model, but no InputLayer", layer=prefix + name, change=_REBUILD)
    fed = {}
    if feeds is not None:
        if len(feeds) != len(model.inputs):
            reason = f"takes {len(model.inputs)} inputs and is given {len(feeds)}"
            raise ModelError(reason, layer=prefix.rstrip("/"), change=_REBUILD)
        fed = {name: feed for (name, _), feed in zip(model.inputs, feeds)}

    results: dict[str, tuple[Ref, ...]] = {}  # outputs of the models among the layers

    def resolve(ref: Ref, reader: str) -> Ref:
        name, output = ref
        if name not in known:
            raise ModelError(f"reads from {name!r}, which isn't in the model", layer=reader, change=_REBUILD)
        outputs = results.get(name, (fed[name],) if name in fed else ((prefix + name, 0),))
        if output >= len(outputs):
            raise ModelError(f"reads output {output} of {name!r}, which has none", layer=reader, change=_REBUILD)
        return outputs[output]

    flat: list[Layer] = []
    for layer in _sorted(model, known, prefix):
        if layer.name in fed:
            continue
        inbound = tuple(resolve(ref, prefix + layer.name) for ref in layer.inbound)
        if layer.model is not None:
            inner, results[layer.name] = _flatten(layer.model, f"{prefix}{layer.name}/", inbound)
            flat += inner
        elif not inbound and layer.class_name != "InputLayer":
            raise ModelError("reads from no layer", layer=prefix + layer.name, change=_REBUILD)
        else:
            flat.append(Layer(prefix + layer.name, layer.class_name, layer.config, inbound))
    outputs = tuple(resolve(ref, f"{prefix}(output)") for ref in model.outputs)
    if not outputs:
        raise ModelError(f"the model {model.name!r} has no outputs", change=_REBUILD)
    return flat, outputs


def _sorted(model: Model, known: Mapping[str, Layer], prefix: str) -> list[Layer]:
    """Every layer after those that it reads from; otherwise in the order of the file."""
    order: list[Layer] = []
    state: dict[str, str] = {}
    for root in model.layers:
        path = [root]
        while path:  # depth first, without recursion: networks may be thousands of layers deep
            layer = path[-1]
            state.setdefault(layer.name, "open")
            waiting = [name for name, _ in layer.inbound if name in known and state.get(name) != "done"]
            if state[layer.name] == "done":
                path.pop()
            elif not waiting:
                state[layer.name] = "done"
                order.append(path.pop())
            elif state.get(waiting[0]) == "open":
                raise ModelError("its input depends on its own output", layer=prefix + layer.name, change=_REBUILD)
            else:
                path.append(known[waiting[0]])
    return order
