"""The .bit file of a Xilinx chip: its header, and the .bin that Linux's FPGA manager of a Zynq takes.

A .bit is a header of fields, each a letter and a length, and then what the chip is configured with, in words of 32 bits, the
most significant byte first. The processor's configuration port wants the words alone, the least significant byte first
(Xilinx UG585, "PL configuration"; `drivers/fpga/zynq-fpga.c` of Linux looks for the synchronization word in that order).
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import ToolFailed

MAGIC = bytes.fromhex("00090ff00ff00ff00ff0000001")
TEXTS = {"a": "design", "b": "part", "c": "date", "d": "time"}
SYNC = bytes.fromhex("aa995566")
SYNC_WITHIN = 256  # bytes: what a chip reads before it are words of dummy data and of the detection of its bus's width


@dataclass(frozen=True)
class BitFile:
    """design, part, date, time: what the tool wrote about it. data: that the chip reads."""

    design: str
    part: str
    date: str
    time: str
    data: bytes


def parse(content: bytes) -> BitFile:
    """Reads a .bit file. Raises ToolFailed, naming what is wrong, where it isn't one from its first byte to its last."""
    if not content.startswith(MAGIC):
        raise ToolFailed("no .bit file: it doesn't begin as one")
    texts, at = {}, len(MAGIC)
    for letter, name in TEXTS.items():
        if content[at : at + 1] != letter.encode() or len(content) < at + 3:
            raise ToolFailed(f"no .bit file: the field {letter!r} ({name}) isn't at byte {at}")
        (length,) = struct.unpack_from(">H", content, at + 1)
        text = content[at + 3 : at + 3 + length]
        if len(text) != length or not text.endswith(b"\0"):
            raise ToolFailed(f"no .bit file: the field {letter!r} ({name}) is cut off")
        texts[name] = text[:-1].decode("ascii", "replace")
        at += 3 + length
    if content[at : at + 1] != b"e" or len(content) < at + 5:
        raise ToolFailed(f"no .bit file: the field 'e' (data) isn't at byte {at}")
    (length,) = struct.unpack_from(">I", content, at + 1)
    data = content[at + 5 :]
    if len(data) != length:
        raise ToolFailed(
            f"the .bit file is {'cut off' if len(data) < length else 'too long'}: {len(data)} of {length} bytes"
        )
    if length % 4 or data.find(SYNC, 0, SYNC_WITHIN) % 4:  # -1 % 4 isn't 0
        raise ToolFailed("the .bit file has no synchronization word where the chip looks for it")
    return BitFile(data=data, **texts)


def fpga_manager(bit: BitFile) -> bytes:
    """The .bit.bin: the data, the bytes of each word in the order of the Zynq's processor."""
    words = len(bit.data) // 4
    return struct.pack(f"<{words}I", *struct.unpack(f">{words}I", bit.data))


def main(arguments: list[str]) -> int:
    """python -m hwgen.chip.bitfile FILE.bit: writes FILE.bit.bin beside it."""
    if len(arguments) != 1:
        print("usage: python -m hwgen.chip.bitfile FILE.bit", file=sys.stderr)
        return 2
    source = Path(arguments[0])
    try:
        source.with_name(f"{source.name}.bin").write_bytes(fpga_manager(parse(source.read_bytes())))
    except (OSError, ToolFailed) as error:
        print(f"{source}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
