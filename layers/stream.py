"""Streams between blocks: how a tensor travels, and a `connect` that checks more than total width.

A tensor travels in raster order, channels last: (row, column, channel). One transfer (a beat) carries `lanes` consecutive
channel values of one pixel, so that channels / lanes beats make a pixel. Nothing marks the ends of pixels, rows or frames:
shapes are static and everybody counts.

Handshake as in `amaranth.lib.stream`: a beat passes in a cycle in which valid and ready are both high. While valid is high and
ready is low, valid stays high and the payload doesn't change. `valid` never depends on `ready` in the same cycle, so that no
combinational loop can form; `ready` may depend on `valid`.
"""

import numpy as np
from amaranth.hdl import Module, Shape
from amaranth.lib import data, stream, wiring

from hwgen.tensor import TensorType


def element_shape(type: TensorType) -> Shape:
    """The hardware shape of one raw value."""
    return Shape(type.width, signed=type.signed)


def layout(type: TensorType, lanes: int) -> data.ArrayLayout:
    """The payload of a beat: lane 0 is the first channel. Raises ValueError where lanes don't divide the channels."""
    if lanes < 1 or type.channels % lanes:
        raise ValueError(f"{lanes} lanes do not divide {type.channels} channels")
    return data.ArrayLayout(element_shape(type), lanes)


def signature(type: TensorType, lanes: int) -> stream.Signature:
    return stream.Signature(layout(type, lanes))


def connect(m: Module, source, sink) -> None:
    """Connects a stream to another of the same lanes and the same element shape; TypeError where they differ.

    `wiring.connect` accepts signed to unsigned and 3×6 to 2×9 lanes, which would reinterpret the bits.
    """
    given, taken = source.payload.shape(), sink.payload.shape()
    if given != taken:
        raise TypeError(f"a stream of {given} can't feed one of {taken}")
    wiring.connect(m, source, sink)


def to_beats(array: np.ndarray, lanes: int) -> np.ndarray:
    """(frames, H, W, C) as the beats that carry it: (frames · H · W · C / lanes, lanes)."""
    return np.ascontiguousarray(array).reshape(-1, lanes)


def from_beats(beats: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The inverse of to_beats: (frames, H, W, C)."""
    return np.asarray(beats, dtype=np.int64).reshape(-1, *shape)
