"""Whole-model `.h5` files, of Keras 2 and of Keras 3."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import hdf5
from hwgen.read.config import Layer, Model, flavour, parse_json, parse_model, version_of
from hwgen.read.flatten import leaves, network
from hwgen.read.hdf5 import Arrays
from hwgen.read.variables import named


def read(path: Path) -> Network:
    """The model in a file. Raises ModelError."""
    with hdf5.opened(path, repr(str(path))) as (file, array):
        description = hdf5.text(file, "model_config")
        if description is None:
            raise _not_a_model(file, path)
        parsed = parse_json(description, "the attribute model_config")
        model = parse_model(parsed)
        version = hdf5.text(file, "keras_version") or version_of(parsed)
        groups = hdf5.subgroup(file, "model_weights")
        return network(model, weights(groups, array, model), flavour(version))


def weights(groups: h5py.Group | None, array: Arrays, model: Model) -> dict[str, dict[str, np.ndarray]]:
    """Full layer name -> weights, of a group `model_weights`, or of a file that Keras 2's model.save_weights() wrote."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for layer in model.layers:
        found |= _layer_weights(layer, groups, array)
    return found


def _layer_weights(layer: Layer, groups: h5py.Group | None, array: Arrays) -> dict[str, dict[str, np.ndarray]]:
    """Full name -> weights, of one layer or of all layers in a model that is a layer."""
    group = None if groups is None else hdf5.subgroup(groups, layer.name)
    if group is None:
        return {}
    names = hdf5.texts(group, "weight_names") or []
    variables = [(name, array(hdf5.member(group, name), f"weight {name!r}")) for name in names]
    if layer.model is None:
        return {layer.name: named(layer, variables)}
    inner = list(leaves(layer.model, f"{layer.name}/"))
    found: dict[str, list] = {full: [] for full, _ in inner}
    for name, values in variables:
        found[_owner(name, layer, inner)].append((name, values))
    return {full: named(leaf, found[full]) for full, leaf in inner}


def _owner(variable: str, layer: Layer, inner: list[tuple[str, Layer]]) -> str:
    """Which layer of a model in the model a variable belongs to: the file says it by the layer's own name only."""
    parts = variable.split("/")[:-1]
    owners = [full for full, leaf in inner if leaf.name in parts]
    if len(owners) != 1:
        reason = f"its variable {variable!r} could belong to {len(owners)} of its layers"
        raise ModelError(reason, layer=layer.name, change="save the model as .keras, or give its layers distinct names")
    return owners[0]


def _not_a_model(file: h5py.File, path: Path) -> ModelError:
    if holds_weights(file):
        change = f"save the whole model with model.save('model.h5'), or say MODEL.json --weights {path.name}"
        return ModelError(f"{str(path)!r} holds weights only, not the model", change=change)
    return ModelError(f"{str(path)!r} is HDF5, but no Keras model", change="save it with model.save('model.h5')")


def holds_weights(file: h5py.File) -> bool:
    """Whether it is what some Keras's model.save_weights() writes."""
    return "layer_names" in file.attrs or "layers" in file or "_layer_checkpoint_dependencies" in file
