"""Frames as the model takes them become raw integers, and raw integers become real numbers again."""

from __future__ import annotations

import numpy as np

from hwgen.errors import FrameError
from hwgen.graph import Graph
from hwgen.tensor import TensorType


def frames_to_raw(graph: Graph, frames: np.ndarray, input_name: str | None = None) -> np.ndarray:
    """Real-valued frames (n, *frame shape) as int64 (n, H, W, C) of the input's type; nothing is rounded.

    Raises FrameError for a wrong shape, values that aren't numbers, and values that the type can't represent.
    """
    name = input_name or graph.inputs[0]
    type, shape = graph[name].type, tuple(graph.frame_shape[name])
    frames = np.asarray(frames)
    if frames.dtype.kind not in "biuf":
        raise FrameError(f"input {name!r}: frames of type {frames.dtype} aren't real numbers")
    if frames.shape[1:] != shape or frames.ndim != len(shape) + 1:
        expected = "(frames, " + ", ".join(map(str, shape)) + ")"
        raise FrameError(f"input {name!r}: the model takes frames of shape {expected}, these have {frames.shape}")
    if len(frames) == 0:
        raise FrameError(f"input {name!r}: there are no frames")
    values = frames.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        raw = np.ldexp(values, type.frac)
        good = np.isfinite(values) & (raw == np.rint(raw)) & (raw >= type.lo) & (raw <= type.hi)
    if not good.all():
        raise FrameError(_first_bad(name, type, frames, good))
    return raw.astype(np.int64).reshape(len(frames), *type.shape)


def _first_bad(name: str, type: TensorType, frames: np.ndarray, good: np.ndarray) -> str:
    frame, *index = (int(i) for i in np.argwhere(~good)[0])
    step = float(type.step)
    more = int((~good).sum()) - 1
    return (
        f"input {name!r}: frame {frame} has {frames[(frame, *index)]} at {tuple(index)}, which the input type can't "
        f"represent: multiples of {step:g} from {type.lo * step:g} to {type.hi * step:g}"
        + (f" (and {more} more values)" if more else "")
    )


def raw_to_real(type: TensorType, raw: np.ndarray) -> np.ndarray:
    """Raw integers of a type as real numbers: the nearest float64 of each."""
    raw = np.asarray(raw)
    # Python divides integers of any size with one rounding; float64 does where it holds the integer.
    kept = np.float64 if type.width <= 53 or type.divisor == 1 else object
    return np.ldexp((raw.astype(kept) / type.divisor).astype(np.float64), -type.frac)
