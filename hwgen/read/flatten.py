"""One list of layers in topological order from a tree of models, with their weights: the `Network`.

A layer that is called several times becomes as many layers with the same weights, the second one `name:2`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from hwgen.errors import ModelError
from hwgen.network import KerasLayer, Network
from hwgen.read import limits
from hwgen.read.config import Layer, Model, Ref
from hwgen.read.variables import check

_REBUILD = "save the model again"

Tensor = tuple[str, int]  # a layer of the network, and which of its outputs


class _Flat(NamedTuple):
    """One call of a layer. name: in the network. stored: the layer's full name, by which its weights are known."""

    name: str
    stored: str
    layer: Layer
    inbound: tuple[Tensor, ...]


def network(model: Model, weights: Mapping[str, Mapping[str, np.ndarray]], flavour: str) -> Network:
    """weights: by the layer's full name, `outer/inner` for a layer of a model in a model. Raises ModelError."""
    calls, outputs = _flatten(model, "", "", None, count(1))
    seen: set[str] = set()
    complete = []
    for call in _needed(calls, outputs):
        if call.name in seen:
            raise ModelError("two layers have this name", layer=call.name, change="give one another name")
        seen.add(call.name)
        own = dict(weights.get(call.stored, {}))
        check(call.layer, own)
        complete.append(KerasLayer(call.name, call.layer.class_name, call.layer.config, call.inbound, own))
    inputs = tuple((name, output) for name, _, output in model.inputs)
    return Network(model.name, flavour, tuple(complete), inputs, outputs)


def leaves(model: Model, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """(full name, layer) of every layer that isn't a model itself, in the order of the file."""
    for layer in model.layers:
        if layer.model is not None:
            yield from leaves(layer.model, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer


def _needed(calls: Sequence[_Flat], outputs: Sequence[Tensor]) -> list[_Flat]:
    """Without what no output depends on: a model in the model may have outputs that nobody reads. Inputs stay."""
    needed = {name for name, _ in outputs}
    kept = []
    for call in reversed(calls):
        if call.name in needed or call.layer.class_name == "InputLayer":
            needed.update(name for name, _ in call.inbound)
            kept.append(call)
    return kept[::-1]


def _flatten(
    model: Model, prefix: str, stored: str, feeds: Sequence[Tensor] | None, number: Iterator[int]
) -> tuple[list[_Flat], tuple[Tensor, ...]]:
    """Calls and outputs under their full names.

    prefix, stored: what goes before names in the network and before those of weights. feeds: what is fed to a model
    that is a layer; None at the top. number: of each call, in the whole network.
    """
    known: dict[str, Layer] = {}
    for layer in model.layers:
        if layer.name in known:
            raise ModelError("two layers have this name", layer=prefix + layer.name, change="give one another name")
        known[layer.name] = layer
    for name, _, _ in model.inputs:
        if name not in known or known[name].class_name != "InputLayer":
            raise ModelError("is an input of the model, but no InputLayer", layer=prefix + name, change=_REBUILD)
    fed = {}
    if feeds is not None:
        if len(feeds) != len(model.inputs):
            reason = f"takes {len(model.inputs)} inputs and is given {len(feeds)}"
            raise ModelError(reason, layer=prefix.rstrip("/"), change=_REBUILD)
        fed = {name: feed for (name, _, _), feed in zip(model.inputs, feeds)}

    results: dict[tuple[str, int], tuple[Tensor, ...]] = {}  # outputs of each call of the models among the layers

    def resolve(ref: Ref, reader: str) -> Tensor:
        name, call, output = ref
        if name not in known:
            raise ModelError(f"reads from {name!r}, which isn't in the model", layer=reader, change=_REBUILD)
        own = (fed[name],) if name in fed else ((prefix + _numbered(name, call), 0),)
        outputs = results.get((name, call), own)
        if output >= len(outputs):
            raise ModelError(f"reads output {output} of {name!r}, which has none", layer=reader, change=_REBUILD)
        return outputs[output]

    flat: list[_Flat] = []
    for layer, call in _sorted(model, known, prefix):
        if layer.name in fed:
            continue
        name = prefix + _numbered(layer.name, call)
        limits.check_layers(next(number))  # models that are called twice in models that are called twice multiply
        inbound = tuple(resolve(ref, name) for ref in layer.calls[call])
        if layer.model is not None:
            inner, results[layer.name, call] = _flatten(
                layer.model, f"{name}/", f"{stored}{layer.name}/", inbound, number
            )
            flat += inner
        elif not inbound and layer.class_name != "InputLayer":
            raise ModelError("reads from no layer", layer=name, change=_REBUILD)
        else:
            flat.append(_Flat(name, stored + layer.name, layer, inbound))
    outputs = tuple(resolve(ref, f"{prefix}(output)") for ref in model.outputs)
    if not outputs:
        raise ModelError(f"the model {model.name!r} has no outputs", change=_REBUILD)
    return flat, outputs


def _numbered(name: str, call: int) -> str:
    """The name of a layer's first call is its own; no Keras name has a colon."""
    return f"{name}:{call + 1}" if call else name


def _sorted(model: Model, known: Mapping[str, Layer], prefix: str) -> list[tuple[Layer, int]]:
    """Every call of a layer after those that it reads from; otherwise in the order of the file."""
    order: list[tuple[Layer, int]] = []
    state: dict[tuple[str, int], str] = {}
    for root in ((layer.name, call) for layer in model.layers for call in range(len(layer.calls))):
        path = [root]
        while path:  # depth first, without recursion: networks may be thousands of layers deep
            name, call = at = path[-1]
            state.setdefault(at, "open")
            read = [ref[:2] for ref in known[name].calls[call]]
            waiting = [ref for ref in read if ref[0] in known and state.get(ref) != "done"]
            if state[at] == "done":
                path.pop()
            elif not waiting:
                state[at] = "done"
                order.append((known[name], call))
                path.pop()
            elif state.get(waiting[0]) == "open":
                raise ModelError("its input depends on its own output", layer=prefix + name, change=_REBUILD)
            else:
                path.append(waiting[0])
    return order
