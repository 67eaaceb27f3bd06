"""Where a training stands after an epoch: a small .npz that is there whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import OutputError


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Finished epochs, and the arrays of the model and of its optimizer (moments, steps), in Keras's order."""

    epoch: int
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]


def save(path: Path, settings: dict, checkpoint: Checkpoint) -> None:
    """Replaces the file in one move, so that being killed meanwhile leaves the one before. Raises OutputError."""
    arrays = {"settings": np.array(json.dumps(settings)), "epoch": np.array(checkpoint.epoch)}
    arrays |= {f"weight{k}": array for k, array in enumerate(checkpoint.weights)}
    arrays |= {f"optimizer{k}": array for k, array in enumerate(checkpoint.optimizer)}
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with open(partial, "wb") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror}") from None


def load(path: Path, settings: dict) -> Checkpoint | None:
    """The checkpoint of a training with these settings; None where there is no file.

    Raises OutputError where the file is something else or belongs to a training with other settings.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            found = json.loads(str(stored["settings"]))
            checkpoint = Checkpoint(int(stored["epoch"]), _numbered(stored, "weight"), _numbered(stored, "optimizer"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise OutputError(
            f"{path} is not a checkpoint of this training; move it away or choose another folder"
        ) from None
    check_settings(path, found, settings)
    return checkpoint


def check_settings(path: Path, found: dict, wanted: dict) -> None:
    """OutputError where what lies at `path` comes from a training with other settings: names the first that differs."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise OutputError(
                f"{path} is of a training with {name} {found.get(name)}, not {value}; "
                "remove it or choose another folder with -o"
            )


def _numbered(stored, prefix: str) -> list[np.ndarray]:
    return [stored[f"{prefix}{k}"] for k in range(sum(name.startswith(prefix) for name in stored.files))]
