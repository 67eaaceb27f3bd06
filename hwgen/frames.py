"""Frames that a user gives: arrays in memory, an .npy file, or an .npz with labels and what the model itself answers.

A model with several inputs takes an array for each, under the input's name.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import FrameError, OptionError

_TRUTH = re.compile(r"(y|expected)([1-9][0-9]*)?")  # what in an .npz isn't frames; the number is that of the output


@dataclass(frozen=True, eq=False)
class Frames:
    """x: frames as the model takes them, a dict by input where it has several. y: labels (n,), or None.

    expected: the model's outputs before softmax, or None. further: (y, expected) of the outputs after the first.
    """

    x: np.ndarray | Mapping[str, np.ndarray]
    y: np.ndarray | None = None
    expected: np.ndarray | None = None
    further: tuple[tuple[np.ndarray | None, np.ndarray | None], ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.x.values())) if isinstance(self.x, Mapping) else self.x)

    @property
    def truths(self) -> tuple[tuple[np.ndarray | None, np.ndarray | None], ...]:
        """(y, expected) of each output for which there may be any."""
        return ((self.y, self.expected), *self.further)

    def first(self, count: int | None) -> Frames:
        def cut(a):
            return a if a is None or a.ndim == 0 else a[:count]  # a file may hold single numbers too

        x = {name: cut(a) for name, a in self.x.items()} if isinstance(self.x, Mapping) else cut(self.x)
        return Frames(x, cut(self.y), cut(self.expected), tuple(tuple(map(cut, pair)) for pair in self.further))


def load(path: str | Path) -> Frames:
    """Reads .npy; or .npz with `x`, or with an array for each input under its name, and optionally `y` and `expected`.

    `y1`, `expected1`, ... are those of the second output and so on. FrameError says what is wrong with the file.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                return Frames(stored)
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise FrameError(f"no such file: {path}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise FrameError(f"{path} is not a whole numpy .npy or .npz file of plain numbers ({reason})") from None
    inputs = {name: array for name, array in arrays.items() if not _TRUTH.fullmatch(name)}
    if not inputs:
        names = ", ".join(arrays) or "nothing"
        raise FrameError(
            f"{path} holds {names}; frames must be in it under the name 'x', or those of the model's inputs"
        )
    first = "x" if "x" in inputs else next(iter(inputs))
    count = len(inputs[first]) if inputs[first].ndim else 0
    for name, array in arrays.items():
        if (name == first or name not in inputs) and (array.ndim == 0 or len(array) != count):
            raise FrameError(f"{path}: {name!r} has {array.shape} entries, but there are {count} frames in {first!r}")
    numbers = [int(match[2] or 0) for match in map(_TRUTH.fullmatch, arrays) if match]
    (y, expected), *further = (
        (arrays.get(f"y{k or ''}"), arrays.get(f"expected{k or ''}")) for k in range(max(numbers, default=0) + 1)
    )
    return Frames(inputs["x"] if list(inputs) == ["x"] else inputs, y, expected, tuple(further))


def by_input(names: Sequence[str], frames) -> dict[str, np.ndarray]:
    """Frames in any form that a user may give as a dict with an array for each of the model's inputs.

    FrameError where some are missing, there are others, or their numbers differ.
    """
    frames = frames.x if isinstance(frames, Frames) else frames
    if len(names) > 1 and isinstance(frames, (list, tuple)) and len(frames) == len(names):
        frames = dict(zip(names, frames))
    if len(names) == 1 and isinstance(frames, Mapping) and names[0] not in frames and "x" in frames:
        frames = frames["x"]
    if not isinstance(frames, Mapping):
        frames = dict.fromkeys(names[:1], frames)
    inputs = ", ".join(map(repr, names))
    wanted = f"an array for each of {inputs}" if len(names) > 1 else f"them as an array, in a file as 'x' or {inputs}"
    if missing := [name for name in names if name not in frames]:
        raise FrameError(f"there are no frames for input {missing[0]!r}; give {wanted}")
    if len(names) > 1 and (other := [name for name in frames if name not in names]):
        raise FrameError(f"there are frames for {other[0]!r}, which is no input of the model; it has {inputs}")
    found = {name: np.asarray(frames[name]) for name in names}
    counts = {name: len(array) if array.ndim else 0 for name, array in found.items()}
    if len(set(counts.values())) > 1:
        raise FrameError(f"inputs have different numbers of frames: {counts}; give each as many")
    return found


def scores(frames: Frames, outputs: Sequence[np.ndarray]) -> dict | None:
    """Accuracy in hardware beside that of the model itself, where labels or its own outputs came with the frames.

    outputs: (n, ...) each. Keys of the second output begin with "output 1 ". OptionError where sizes differ.
    """
    found: dict = {}
    for k, (labels, expected) in enumerate(frames.truths):
        if labels is None and expected is None:
            continue
        if k >= len(outputs):
            raise OptionError(f"frames come with labels or results of output {k}, the network has {len(outputs)}")
        prefix, given = f"output {k} " if k else "", outputs[k].reshape(len(frames), -1)
        if labels is not None:
            labels = np.asarray(labels).reshape(-1)
            found[f"{prefix}hardware"] = float((given.argmax(axis=1) == labels).mean())
        if expected is not None:
            expected = np.asarray(expected, dtype=np.float64).reshape(len(frames), -1)
            if expected.shape != given.shape:
                name = f"'expected{k or ''}'"
                raise OptionError(f"{name} has {expected.shape[1]} values a frame, the network gives {given.shape[1]}")
            if labels is not None:
                found[f"{prefix}QKeras"] = float((expected.argmax(axis=1) == labels).mean())
            found[f"{prefix}outputs equal"] = int((given == expected).all(axis=1).sum())
    return {"frames": len(frames), **found} if found else None
