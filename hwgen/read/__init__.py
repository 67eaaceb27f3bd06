"""Reads a Keras model, from files or from memory, into a `Network`. TensorFlow, Keras and QKeras are never imported.

Nothing in a file is ever executed, and whatever is wrong with it ends as one `ModelError`.
"""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import archive, foreign, h5, hdf5, live, parts

__all__ = ["FORMATS", "read"]

# For the support table: what is read, and how to name it. tests/read writes each with Keras.
FORMATS = (
    ("whole-model `.h5` of Keras 2 (QKeras 0.9) and Keras 3 (qkeras-v3)", "`python -m hwgen model.h5`"),
    ("`.keras` of Keras 2.15 and Keras 3", "`python -m hwgen model.keras`"),
    ("`model.to_json()` of Keras 2 or 3", "with its weights: `python -m hwgen model.json --weights w.h5`"),
    (
        "`model.save_weights('w.h5')` of Keras 2, `'m.weights.h5'` of Keras 2.15 or 3, a whole-model `.h5`",
        "`--weights`",
    ),
    ("a model in memory", "`hwgen.compile(model)`, `hwgen.check(model)`"),
)

_WEIGHTS = "give what model.save_weights('w.h5') writes, or 'm.weights.h5' in Keras 3"


def read(model, weights: str | Path | None = None) -> Network:
    """The layers and stored weights of a model.

    model:   path of a whole-model `.h5` (Keras 2 or 3) or `.keras` file, or of a JSON file with what `model.to_json()`
        returned, or a Keras model object (Keras 2, tf-keras or Keras 3). A file's content tells its format, not its
        name.
    weights: path of the weights that belong to a JSON file; None for all else.

    Raises ModelError where the model can't be read.
    """
    if isinstance(model, (str, Path)):
        return _read_file(Path(model), None if weights is None else Path(weights))
    if live.is_model(model):
        if weights is not None:
            raise ModelError("a model in memory has its weights", change="load them into it, or leave weights away")
        return live.read(model)
    kind = type(model).__name__
    raise ModelError(f"an object of type {kind} is neither a path nor a built Keras model", change=foreign.WHOLE)


def _read_file(path: Path, weights: Path | None) -> Network:
    start = _start(path)
    if parts.is_json(start):
        if weights is None:
            reason = f"{str(path)!r} is a model's architecture, without weights"
            raise ModelError(reason, change=f"say {path.name} --weights W.h5, or {foreign.WHOLE}")
        first = _start(weights)
        if first.startswith(archive.SIGNATURE):
            raise ModelError(f"{str(weights)!r} is a whole model", change=f"give it in place of {path.name}")
        if not first.startswith(hdf5.SIGNATURE):
            raise ModelError(f"the weights {str(weights)!r} are no HDF5 file", change=_WEIGHTS)
        return parts.read(path, weights)
    if start.startswith((hdf5.SIGNATURE, archive.SIGNATURE)):
        if weights is not None:
            reason = f"--weights belongs to a model's JSON, and {str(path)!r} is none"
            raise ModelError(reason, change="leave --weights away, or give what model.to_json() returns")
        return (h5 if start.startswith(hdf5.SIGNATURE) else archive).read(path)
    raise foreign.error(path, start)


def _start(path: Path) -> bytes:
    """The first bytes of a file. Raises ModelError where it can't be opened, or is a folder."""
    try:
        if path.is_dir():
            raise foreign.folder(path)
        with path.open("rb") as file:
            return file.read(foreign.HEAD)
    except FileNotFoundError as problem:
        raise ModelError(f"there is no file {str(path)!r}", change="check the path") from problem
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise ModelError(f"{str(path)!r} can't be opened: {reason}", change="check the path") from problem
