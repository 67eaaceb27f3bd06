"""Streams as text for $readmemh: one beat a line, lane 0 in the lowest bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_CHUNK_BITS = 1 << 25  # bits unpacked at a time: each is a byte of memory


def write_memory(path: Path, beats: np.ndarray, width: int) -> None:
    """Writes int64 (beats, lanes) as hexadecimal words of lanes · width bits, each value in two's complement."""
    lanes = beats.shape[1]
    bits = lanes * width
    digits = -(-bits // 4)
    narrow = next(kind for kind in ("<u1", "<u2", "<u4", "<u8") if np.dtype(kind).itemsize * 8 >= width)
    step = max(1, _CHUNK_BITS // bits)
    with open(path, "wb") as file:
        for start in range(0, len(beats), step):
            part = beats[start : start + step].astype(narrow)
            unpacked = np.unpackbits(part[:, :, None].view(np.uint8), axis=2, count=width, bitorder="little")
            packed = np.packbits(unpacked.reshape(len(part), bits), axis=1, bitorder="little")[:, ::-1]
            text = np.stack([_HEX[packed >> 4], _HEX[packed & 15]], axis=2).reshape(len(part), -1)
            ends = np.full((len(part), 1), ord("\n"), dtype=np.uint8)
            file.write(np.hstack([text[:, -digits:], ends]).tobytes())


def read_word(text: str, lanes: int, width: int, signed: bool) -> list[int | None]:
    """The values of one hexadecimal word; None where the simulator printed unknown bits (x or z)."""
    if not set(text) <= set("0123456789abcdefABCDEF"):
        return [_unknown(text, lane * width, width, signed) for lane in range(lanes)]
    return [_value(int(text, 16) >> lane * width, width, signed) for lane in range(lanes)]


def _value(word: int, width: int, signed: bool) -> int:
    word &= (1 << width) - 1
    return word - (1 << width) if signed and word >> (width - 1) else word


def _unknown(text: str, low: int, width: int, signed: bool) -> int | None:
    # A digit with an unknown bit makes every value that it touches unknown.
    digits = text[::-1][low // 4 : (low + width - 1) // 4 + 1][::-1]
    if not set(digits) <= set("0123456789abcdefABCDEF"):
        return None
    return _value(int(digits, 16) >> low % 4, width, signed)
