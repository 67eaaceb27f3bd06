"""`.keras` files: a zip of config.json, metadata.json and model.weights.h5, as Keras 2.15 and Keras 3 write them."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import h5py
import numpy as np

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import hdf5, limits
from hwgen.read.config import Layer, Model, damaged, flavour, parse_json, parse_model
from hwgen.read.flatten import network
from hwgen.read.hdf5 import Arrays
from hwgen.read.variables import folded, own

SIGNATURE = b"PK\x03\x04"
MAX_WEIGHTS = 2**33  # bytes
DEFLATION = 30  # times that a member may grow; Keras doesn't compress, and trained weights hardly can be
SMALL = 2**22  # bytes that a member may have in any case

_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, LookupError, MemoryError)


def read(path: Path) -> Network:
    """The model in a file. Raises ModelError."""
    what = repr(str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if "config.json" not in names:
                raise ModelError(f"{what} is a zip archive, but no Keras model", change="save it with model.save()")
            if "model.weights.h5" not in names:
                change = "save the whole model in one file"
                raise ModelError(f"{what} has no model.weights.h5 inside", change=change)
            metadata = parse_json(_member(archive, "metadata.json", limits.MAX_TEXT), "metadata.json")
            model = parse_model(parse_json(_member(archive, "config.json", limits.MAX_TEXT), "config.json"))
            stored = _member(archive, "model.weights.h5", MAX_WEIGHTS)
    except _ZIP_ERRORS as problem:
        reason = (str(problem).splitlines() or [type(problem).__name__])[0][:160]
        raise damaged(what, f"can't be read ({reason})") from problem
    with hdf5.opened(io.BytesIO(stored), f"model.weights.h5 in {what}") as (file, array):
        return network(model, weights(file, array, model), flavour(metadata.get("keras_version")))


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A file of the archive; its size is checked before it is unpacked, and no more than that is unpacked."""
    info = archive.getinfo(name)
    if info.file_size > min(limit, max(SMALL, DEFLATION * info.compress_size)):
        raise damaged(name, f"would unpack to {info.file_size} bytes")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(f"{name} is packed in a way that Keras never uses", change="save the model again")
    with archive.open(info) as member:
        return member.read(info.file_size)


def weights(file: h5py.File, array: Arrays, model: Model) -> dict[str, dict[str, np.ndarray]]:
    """Full layer name -> weights, of a model.weights.h5, or of a file that Keras 3's model.save_weights() wrote."""
    if "layers" not in file and "_layer_checkpoint_dependencies" in file:
        raise ModelError("Keras 2.12 to 2.14 named the layers otherwise in this file", change="save the model as .h5")
    return _weights(file, array, model, "")


def _weights(group: h5py.Group, array: Arrays, model: Model, prefix: str) -> dict[str, dict[str, np.ndarray]]:
    """Layers have automatic names here: the class, numbered from the second one on."""
    layers = hdf5.subgroup(group, "layers")
    weights: dict[str, dict[str, np.ndarray]] = {}
    if layers is None:
        return weights
    count: Counter[str] = Counter()
    for layer in model.layers:
        automatic = _snake_case(layer.class_name)
        stored = f"{automatic}_{count[automatic]}" if count[automatic] else automatic
        count[automatic] += 1
        found = hdf5.subgroup(layers, stored)
        if found is None:
            continue
        if layer.model is not None:
            weights |= _weights(found, array, layer.model, f"{prefix}{layer.name}/")
        else:
            weights[prefix + layer.name] = _layer_weights(found, array, layer, prefix)
    return weights


def _layer_weights(group: h5py.Group, array: Arrays, layer: Layer, prefix: str) -> dict[str, np.ndarray]:
    variables = _stored(group, array, layer, prefix)
    # The step counter of the folded layers stands last; Keras 3 stores it by its name as well, or by its name only.
    names = own(layer.class_name, layer.config)
    inner = folded(layer.class_name, layer.config)
    names += ("iteration",) if inner else ()
    result = _by_name(layer, names, variables)
    batchnorm = hdf5.subgroup(group, "batchnorm")
    if inner and batchnorm is not None:
        result |= _by_name(layer, inner, _stored(batchnorm, array, None, prefix))
    return result


def _stored(group: h5py.Group, array: Arrays, layer: Layer | None, prefix: str) -> dict[str, np.ndarray]:
    """The variables of a group by number, as text; by name where a layer stores one so."""
    variables = hdf5.subgroup(group, "vars")
    if variables is None:
        return {}
    name = hdf5.text(variables, "name")  # Keras 3 notes the layer's own name
    if layer is not None and name is not None and name != layer.name:
        reason = f"its weights are marked as those of {name!r}"
        raise ModelError(reason, layer=prefix + layer.name, change="save the model again")
    return {k: array(hdf5.member(variables, k), f"{variables.name}/{k}") for k in variables}


def _by_name(layer: Layer, names: tuple[str, ...], variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbered variables under their names; they keep their numbers in a layer class that isn't known."""
    result = {}
    for key, array in variables.items():
        if names and key.isascii() and key.isdigit():
            if int(key) >= len(names):
                reason = f"it has {len(variables)} stored variables, not {len(names)}"
                raise ModelError(reason, layer=layer.name, change="save the model as .h5")
            key = names[int(key)]
        result[key] = array
    return result


def _snake_case(name: str) -> str:
    """QConv2DBatchnorm -> q_conv2d_batchnorm, as Keras names the groups."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
