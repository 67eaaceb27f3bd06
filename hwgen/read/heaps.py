"""Checks of what the HDF5 library takes on trust about texts: wrong sizes there hang it, or cost gigabytes.

Texts of any length lie in global heaps; an attribute holds references to them. The layouts are those of the HDF5 file
format specification, sections III.E (global heap), IV.A.2.b (dataspace), d (datatype) and m (attribute).
"""

from __future__ import annotations

import io
import mmap
import re
import struct

from hwgen.read.config import damaged

_HEAP = re.compile(rb"GCOL\x01\0\0\0")
# A variable-length type of 16 bytes with its base type, padded or not; then a dataspace (of version 1 or 2) of some
# rank, with or without maxima.
_REFERENCES = re.compile(
    rb"\x19...\x10\0\0\0.{12}(?:.{4})?(?:\x01([\0-\x20])([\0\x01])\0{5}|\x02([\0-\x20])([\0\x01])[\0-\x02])",
    re.DOTALL,
)


def check(source, what: str) -> None:
    """Raises ModelError about `what` where the file at a path, or in a BytesIO, has a broken heap or reference."""
    if isinstance(source, io.BytesIO):
        _check(source.getvalue(), what)
        return
    with open(source, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _check(data, what)


def _check(data, what: str) -> None:
    try:
        sound = all(_heap_is_sound(data, found.start()) for found in _HEAP.finditer(data)) and all(
            _references_are_sound(data, found) for found in _REFERENCES.finditer(data)
        )
    except struct.error:  # it reaches over the end of the file
        sound = False
    if not sound:
        raise damaged(what, "has broken texts inside")


def _heap_is_sound(data, start: int) -> bool:
    """The objects of a heap fill it exactly. The library never returns from free space of size 0.

    After 16 bytes, the last 8 of which are the heap's size, come objects: index, references, 4 unused bytes, size, and
    the object padded to 8 bytes. Index 0 is the free space at the end, whose size counts its own 16 bytes.
    """
    (size,) = struct.unpack_from("<8xQ", data, start)
    end, at = start + size, start + 16
    if end > len(data):
        return False
    while at + 16 <= end:
        index, length = struct.unpack_from("<H6xQ", data, at)
        if index == 0 and length < 16:
            return False
        at += 16 + (length + 7) // 8 * 8 if index else length
    return at <= end


def _references_are_sound(data, found: re.Match) -> bool:
    """The texts together aren't longer than the file. A reference is a length, and the address and index of an object.

    The library takes the memory first and looks whether the object is as long afterwards; and many references could
    mean the same object.
    """
    rank, maxima = (found[1] or found[3])[0], (found[2] or found[4])[0]
    count = 1
    for length in struct.unpack_from(f"<{rank}Q", data, found.end()):
        count *= length
    at = found.end() + 8 * rank * (1 + maxima)
    if at + 16 * count > len(data):
        return False
    return sum(length for (length,) in struct.iter_unpack("<I12x", data[at : at + 16 * count])) <= len(data)
