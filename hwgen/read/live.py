"""Keras model objects in memory, of Keras 2, tf-keras or Keras 3, known by what they can do and not by their class."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import unsaved
from hwgen.read.config import Layer, Model, flavour, parse_json, parse_model, version_of
from hwgen.read.flatten import network
from hwgen.read.variables import named


def is_model(thing) -> bool:
    """True for an object with the methods of a Keras model."""
    kind = type(thing)  # Keras 2 refuses some properties of a model that was never called
    return all(hasattr(kind, name) for name in ("to_json", "layers", "weights"))


def read(model) -> Network:
    """The model as it stands, weights copied. Raises ModelError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras 2 wonders at QKeras's quantizers
            text = model.to_json()
    except Exception as problem:  # the model's own code: anything can happen there
        reason = (str(problem).splitlines() or [type(problem).__name__])[0][:160]
        change = "build it with keras.Sequential or the functional API"
        raise ModelError(f"Keras can't describe this model ({reason})", change=change) from problem
    description = parse_json(text, "the model's description")
    tree = parse_model(description)
    return network(tree, dict(_weights(tree, model, "")), flavour(version_of(description)))


def _weights(tree: Model, model, prefix: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    objects = {layer.name: layer for layer in model.layers}
    for layer in tree.layers:
        thing = objects.get(layer.name)
        if thing is None:  # the InputLayer of a Sequential
            continue
        if layer.model is not None:
            yield from _weights(layer.model, thing, f"{prefix}{layer.name}/")
        else:
            unsaved.check(prefix + layer.name, thing)
            yield prefix + layer.name, _layer_weights(layer, thing)


def _layer_weights(layer: Layer, thing) -> dict[str, np.ndarray]:
    # Keras 3 calls the full name of a variable its path, Keras 2 its name. A copy, so that training can go on.
    return named(layer, [(getattr(w, "path", None) or w.name, np.array(w)) for w in thing.weights])
