"""Reads a Keras model, from a file or from memory, into a `Network`. TensorFlow, Keras and QKeras are never imported.

Nothing in a file is ever executed, and whatever is wrong with it ends as one `ModelError`.
"""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import archive, h5, live

__all__ = ["read"]

_WHOLE = "give the file that model.save('model.keras') or model.save('model.h5') writes"


def read(model) -> Network:
    """The layers and stored weights of a model.

    model: path of a whole-model `.h5` (Keras 2 or 3) or `.keras` file, or a Keras model object (Keras 2, tf-keras or
        Keras 3). The format of a file is told by its content, not its name.

    Raises ModelError where the model can't be read, or has parts that are no network of single-use layers.
    """
    if isinstance(model, (str, Path)):
        return _read_file(Path(model))
    if live.is_model(model):
        return live.read(model)
    kind = type(model).__name__
    raise ModelError(f"an object of type {kind} is neither a path nor a built Keras model", change=_WHOLE)


def _read_file(path: Path) -> Network:
    try:
        if path.is_dir():
            raise _folder(path)
        with path.open("rb") as file:
            start = file.read(8)
    except FileNotFoundError as problem:
        raise ModelError(f"there is no file {str(path)!r}", change="check the path") from problem
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise ModelError(f"{str(path)!r} can't be opened: {reason}", change="check the path") from problem
    if start == h5.SIGNATURE:
        return h5.read(path)
    if start.startswith(archive.SIGNATURE):
        return archive.read(path)
    if not start:
        raise ModelError(f"{str(path)!r} is empty", change="save the model again")
    raise ModelError(f"{str(path)!r} is neither an HDF5 nor a .keras file", change=_WHOLE)


def _folder(path: Path) -> ModelError:
    if (path / "saved_model.pb").exists():
        change = "load it in Keras and save it again with model.save('model.h5')"
        return ModelError(f"{str(path)!r} is a SavedModel folder, which holds a TensorFlow program", change=change)
    return ModelError(f"{str(path)!r} is a folder", change=_WHOLE)
