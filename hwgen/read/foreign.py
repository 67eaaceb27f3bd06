"""What else people have lying about, told by its first bytes or its name: what it is, and what to give instead."""

from __future__ import annotations

import re
from pathlib import Path

from hwgen.errors import ModelError

WHOLE = "give the file that model.save('model.keras') or model.save('model.h5') writes"
HEAD = 512  # bytes that tell a format

_AGAIN = "load the model in Keras and save it with model.save('model.h5')"
_JSON = "load it in Keras 2.2 to 2.5 and write model.to_json() to a file in its place"
_H5_WEIGHTS = "load them into the model in Keras and write model.save_weights('w.h5')"
_FRAMES = f"{WHOLE}; frames are for --simulate"

# (what it is, its first bytes, the ends of its name, what to do)
_KINDS = (
    ("YAML", rb"(---\s+)?(backend|class_name|config|keras_version):", r"\.ya?ml", _JSON),
    ("a TensorFlow Lite model, whose integers aren't those of QKeras", rb".{4}TFL3", r"\.tflite", _AGAIN),
    ("an ONNX model, which has lost its quantizers", None, r"\.q?onnx", _AGAIN),
    ("a TensorFlow program", None, r"\.pb(txt)?", _AGAIN),
    ("a TensorFlow checkpoint, which holds weights only", None, r"\.(index|ckpt|data-\d+-of-\d+)", _H5_WEIGHTS),
    ("a TensorFlow checkpoint's list", rb"model_checkpoint_path:", None, _H5_WEIGHTS),
    ("a pickle, which may run code when it is opened; hwgen never opens one", rb"\x80[\x02-\x05]", r"\.pkl", _AGAIN),
    ("a PyTorch file", None, r"\.(pt|pth)", WHOLE),
    ("an array of numpy, no model", rb"\x93NUMPY", r"\.np[yz]", _FRAMES),
)


def error(path: Path, start: bytes) -> ModelError:
    """The refusal of a file that is neither HDF5 nor JSON nor a .keras file. start: its first HEAD bytes."""
    if not start:
        return ModelError(f"{str(path)!r} is empty", change="save the model again")
    for what, magic, suffix, change in _KINDS:
        named = suffix is not None and re.fullmatch(suffix, path.suffix.lower())
        if named or (magic is not None and re.match(magic, start, re.DOTALL)):
            return ModelError(f"{str(path)!r} is {what}", change=change)
    return ModelError(f"{str(path)!r} is neither an HDF5 nor a .keras file, nor a model's JSON", change=WHOLE)


def folder(path: Path) -> ModelError:
    """The refusal of a folder."""
    if any((path / name).exists() for name in ("saved_model.pb", "keras_metadata.pb")):
        return ModelError(f"{str(path)!r} is a SavedModel folder, which holds a TensorFlow program", change=_AGAIN)
    return ModelError(f"{str(path)!r} is a folder", change=WHOLE)
