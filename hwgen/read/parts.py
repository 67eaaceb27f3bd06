"""A model in two files: its architecture as `model.to_json()` gives it, and its weights.

The weights may be of Keras 2's `model.save_weights('w.h5')`, of Keras 3's `model.save_weights('m.weights.h5')`, or a
whole-model .h5. A layer's weights are found by its name, or in Keras 3's files by its class and place, as Keras does.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import archive, h5, hdf5, limits
from hwgen.read.config import Model, flavour, parse_json, parse_model, version_of
from hwgen.read.flatten import leaves, network
from hwgen.read.variables import expected


def is_json(start: bytes) -> bool:
    """Whether a file that begins so is text with a JSON object, or with a text that holds one."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b'"')


def read(path: Path, weights: Path) -> Network:
    """The model whose architecture and weights stand in these files. Raises ModelError."""
    parsed = parse_json(_unquoted(_text(path)), repr(str(path)))
    if "class_name" not in parsed:
        change = "give what model.to_json() returns"
        raise ModelError(f"{str(path)!r} is JSON, but no Keras model", change=change)
    model = parse_model(parsed)
    return network(model, _weights(weights, model), flavour(version_of(parsed)))


def _text(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(limits.MAX_TEXT + 1).removeprefix(b"\xef\xbb\xbf")


def _unquoted(text: bytes) -> bytes | str:
    """json.dump(model.to_json(), file) writes a text that holds the JSON: the JSON."""
    if not text.lstrip().startswith(b'"'):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text  # what is wrong with it is said where the JSON is parsed


def _weights(path: Path, model: Model) -> dict[str, dict[str, np.ndarray]]:
    what = repr(str(path))
    with hdf5.opened(path, what) as (file, array):
        whole = hdf5.subgroup(file, "model_weights")
        if whole is not None or "layer_names" in file.attrs:
            found = h5.weights(file if whole is None else whole, array, model)
        elif h5.holds_weights(file):
            found = archive.weights(file, array, model)
        else:
            change = "give what model.save_weights('w.h5') writes"
            raise ModelError(f"{what} is HDF5, but holds no Keras weights", change=change)
    if not any(found.values()) and any(expected(leaf.class_name, leaf.config) for _, leaf in leaves(model)):
        reason = f"{what} holds weights of none of the model's layers"
        raise ModelError(reason, change="write architecture and weights from one and the same model")
    return found
