"""How values lie in the bytes of the outer AXI4-Streams: for the ports, the bench and the host driver alike.

A value takes 1, 2, 4 or 8 whole bytes, little-endian, sign-extended where its type is signed, else zero-extended. Lane
0, the first channel, comes first. A beat carries the lanes of one beat of the stream; TLAST marks the last beat of
each frame.
"""

from __future__ import annotations

import numpy as np

from hwgen.layers.stream import to_beats
from hwgen.tensor import TensorType


def element_bytes(type: TensorType) -> int:
    """Bytes of a value."""
    for count in (1, 2, 4, 8):
        if type.width <= 8 * count:
            return count
    raise ValueError(f"{type.width} bits don't fit into 8 bytes")


def element_dtype(type: TensorType) -> np.dtype:
    """The numpy type of a value as it lies in memory."""
    return np.dtype(f"<{'i' if type.signed else 'u'}{element_bytes(type)}")


def pack(frames: np.ndarray, type: TensorType) -> bytes:
    """Raw int64 (frames, H, W, C) as the bytes that go over the stream."""
    return np.ascontiguousarray(frames).astype(element_dtype(type)).tobytes()


def unpack(bytes_: bytes, type: TensorType) -> np.ndarray:
    """The inverse: raw int64 (frames, H, W, C)."""
    return np.frombuffer(bytes_, dtype=element_dtype(type)).astype(np.int64).reshape(-1, *type.shape)


def words(frames: np.ndarray, type: TensorType, lanes: int) -> list[int]:
    """The beats of raw frames as TDATA, one unsigned integer each."""
    beats = to_beats(frames.astype(element_dtype(type)), lanes)
    return [int.from_bytes(beat.tobytes(), "little") for beat in beats]


def from_words(tdata: list[int], type: TensorType, lanes: int) -> np.ndarray:
    """The inverse of `words`: raw int64 (frames, H, W, C)."""
    size = lanes * element_bytes(type)
    return unpack(b"".join(word.to_bytes(size, "little") for word in tdata), type)
