"""Whole-model `.h5` files, of Keras 2 and of Keras 3."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import hdf5
from hwgen.read.config import Layer, damaged, flavour, parse_json, parse_model
from hwgen.read.flatten import leaves, network
from hwgen.read.variables import named

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read(path: Path) -> Network:
    """The model in a file. Raises ModelError."""
    with hdf5.opened(path, repr(str(path))) as file:
        description = hdf5.text(file, "model_config")
        if description is None:
            raise _not_a_model(file, path)
        model = parse_model(parse_json(description, "the attribute model_config"))
        version = hdf5.text(file, "keras_version")
        if version is None:
            raise damaged(repr(str(path)), "doesn't say which Keras wrote it")
        groups = hdf5.subgroup(file, "model_weights")
        weights: dict[str, dict[str, np.ndarray]] = {}
        for layer in model.layers:
            weights |= _layer_weights(layer, groups)
        return network(model, weights, flavour(version))


def _layer_weights(layer: Layer, groups: h5py.Group | None) -> dict[str, dict[str, np.ndarray]]:
    """Full name -> weights, of one layer or of all layers in a model that is a layer."""
    group = None if groups is None else hdf5.subgroup(groups, layer.name)
    if group is None:
        return {}
    names = hdf5.texts(group, "weight_names") or []
    variables = [(name, hdf5.array(hdf5.member(group, name), f"weight {name!r}")) for name in names]
    if layer.model is None:
        return {layer.name: named(layer, variables)}
    inner = list(leaves(layer.model, f"{layer.name}/"))
    found: dict[str, list] = {full: [] for full, _ in inner}
    for name, array in variables:
        found[_owner(name, layer, inner)].append((name, array))
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
    weights = "layer_names" in file.attrs or "layers" in file or "_layer_checkpoint_dependencies" in file
    change = "save the whole model with model.save('model.h5')"
    if weights:
        return ModelError(f"{str(path)!r} holds weights only, not the model", change=change)
    return ModelError(f"{str(path)!r} is HDF5, but no Keras model", change=change)
