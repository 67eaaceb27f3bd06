"""Frames that a user gives: an .npy array, or an .npz with frames, labels and what the model itself answers."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import FrameError


@dataclass(frozen=True, eq=False)
class Frames:
    """x: frames as the model takes them. y: labels (n,), or None. expected: the model's outputs before softmax, or None."""

    x: np.ndarray
    y: np.ndarray | None = None
    expected: np.ndarray | None = None

    def first(self, count: int | None) -> Frames:
        cut = lambda a: None if a is None else a[:count]  # noqa: E731
        return Frames(self.x[:count], cut(self.y), cut(self.expected))


def load(path: str | Path) -> Frames:
    """Reads .npy, or .npz with `x` and optionally `y` and `expected`. FrameError says what is wrong with the file."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                return Frames(stored)
            if "x" not in stored:
                names = ", ".join(stored.files) or "nothing"
                raise FrameError(f"{path} holds {names}; frames must be in it under the name 'x'")
            arrays = {name: stored[name] for name in ("x", "y", "expected") if name in stored}
    except FileNotFoundError:
        raise FrameError(f"no such file: {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FrameError(f"{path} is not a whole numpy .npy or .npz file of plain numbers ({reason})") from None
    count = len(arrays["x"]) if arrays["x"].ndim else 0
    for name, array in arrays.items():
        if array.ndim == 0 or len(array) != count:
            raise FrameError(f"{path}: {name!r} has {array.shape} entries, but there are {count} frames in 'x'")
    return Frames(**arrays)
