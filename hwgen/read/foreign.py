"""What else people have lying about, told by its first bytes or its name: what it is, and what to give instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from hwgen.errors import ModelError

WHOLE = "give the file that model.save('model.keras') or model.save('model.h5') writes"
HEAD = 512  # bytes that tell a format

_AGAIN = "load the model in Keras and save it with model.save('model.h5')"
_JSON = "load it in Keras 2.2 to 2.5 and write model.to_json() to a file in its place"
_H5_WEIGHTS = "load them into the model in Keras and write model.save_weights('w.h5')"
_FRAMES = f"{WHOLE}; frames are for --simulate"


class Kind(NamedTuple):
    """What a file is, its first bytes and the end of its name where they tell it, and what to do."""

    what: str
    magic: bytes | None
    suffix: str | None
    change: str


KINDS = (
    Kind("YAML", rb"(---\s+)?(backend|class_name|config|keras_version):", r"\.ya?ml", _JSON),
    Kind("a TensorFlow Lite model, whose integers aren't those of QKeras", rb".{4}TFL3", r"\.tflite", _AGAIN),
    Kind("an ONNX model, which has lost its quantizers", None, r"\.q?onnx", _AGAIN),
    Kind("a TensorFlow program", None, r"\.pb(txt)?", _AGAIN),
    Kind("a TensorFlow checkpoint, which holds weights only", None, r"\.(index|ckpt|data-\d+-of-\d+)", _H5_WEIGHTS),
    Kind("a TensorFlow checkpoint's list", rb"model_checkpoint_path:", None, _H5_WEIGHTS),
    Kind(
        "a pickle, which may run code when it is opened; hwgen never opens one", rb"\x80[\x02-\x05]", r"\.pkl", _AGAIN
    ),
    Kind("a PyTorch file", None, r"\.(pt|pth)", WHOLE),
    Kind("an array of numpy, no model", rb"\x93NUMPY", r"\.np[yz]", _FRAMES),
)


def error(path: Path, start: bytes) -> ModelError:
    """The refusal of a file that is neither HDF5 nor JSON nor a .keras file. start: its first HEAD bytes."""
    if not start:
        return ModelError(f"{str(path)!r} is empty", change="save the model again")
    for kind in KINDS:
        named = kind.suffix is not None and re.fullmatch(kind.suffix, path.suffix.lower())
        if named or (kind.magic is not None and re.match(kind.magic, start, re.DOTALL)):
            return ModelError(f"{str(path)!r} is {kind.what}", change=kind.change)
    return ModelError(f"{str(path)!r} is neither an HDF5 nor a .keras file, nor a model's JSON", change=WHOLE)


def folder(path: Path) -> ModelError:
    """The refusal of a folder."""
    if any((path / name).exists() for name in ("saved_model.pb", "keras_metadata.pb")):
        return ModelError(f"{str(path)!r} is a SavedModel folder, which holds a TensorFlow program", change=_AGAIN)
    return ModelError(f"{str(path)!r} is a folder", change=WHOLE)
