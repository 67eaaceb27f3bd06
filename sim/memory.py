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
    shifts = np.arange(width, dtype=np.int64)
    step = max(1, _CHUNK_BITS // bits)
    with open(path, "wb") as file:
        for start in range(0, len(beats), step):
            part = beats[start : start + step]
            text = np.full((len(part), digits + 1), ord("\n"), dtype=np.uint8)
            if width in (4, 8):  # whole digits: no need to go by bits
                nibbles = part[:, :, None] >> shifts[::4] & 15
            else:
                unpacked = np.zeros((len(part), digits * 4), dtype=np.uint8)
                unpacked[:, :bits] = (part[:, :, None] >> shifts & 1).reshape(len(part), bits)
                nibbles = unpacked.reshape(len(part), digits, 4) @ np.array([1, 2, 4, 8], dtype=np.uint8)
            text[:, :digits] = _HEX[nibbles.reshape(len(part), digits)[:, ::-1]]
            file.write(text.tobytes())


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
