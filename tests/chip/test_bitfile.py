"""The .bit file, taken apart and turned for the FPGA manager, against files that are put together here byte by byte."""

import random

import pytest

from hwgen.chip.bitfile import fpga_manager, parse
from hwgen.errors import ToolFailed

START = b"\x00\x09" + b"\x0f\xf0" * 4 + b"\x00\x00\x01"  # as in files of Vivado and of Project X-Ray


def made(words: list[bytes], part: str = "xc7z010clg400-1") -> bytes:
    fields = b""
    for letter, text in zip(b"abcd", ("chip.frames;Generator=xc7frames2bit", part, "2026/11/26", "10:00:00")):
        value = text.encode() + b"\0"
        fields += bytes([letter]) + len(value).to_bytes(2, "big") + value
    data = b"".join(words)
    return START + fields + b"e" + len(data).to_bytes(4, "big") + data


def words(count: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    return [b"\xff" * 4] * 8 + [b"\xaa\x99\x55\x66"] + [rng.randbytes(4) for _ in range(count)]


def test_parts_of_a_file_and_its_bytes_for_the_processor():
    given = words(1000, 3)
    bit = parse(made(given))
    assert (bit.part, bit.date, bit.design.split(";")[0]) == ("xc7z010clg400-1", "2026/11/26", "chip.frames")
    assert bit.data == b"".join(given)
    turned = fpga_manager(bit)
    assert turned == b"".join(word[::-1] for word in given)
    assert turned[32:36] == bytes([0x66, 0x55, 0x99, 0xAA])  # what Linux looks for


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: b"\x7fELF" + file, "doesn't begin as one"),
        (lambda file: file[:60], "the field 'b' .part. is cut off"),
        (lambda file: file[:-4], "cut off: 72 of 76 bytes"),
        (lambda file: file + b"more", "too long: 80 of 76 bytes"),
        (lambda file: file.replace(b"\xaa\x99\x55\x66", b"\xff\xff\xff\xff"), "no synchronization word"),
        (lambda file: file.replace(b"c\x00\x0b2026", b"x\x00\x0b2026"), "the field 'c' .date. isn't at byte"),
    ],
)
def test_what_is_no_bit_file_is_refused(spoil, message):
    file = made(words(10, 4))
    parse(file)
    with pytest.raises(ToolFailed, match=message):
        parse(spoil(file))


def test_words_that_are_not_whole_are_refused():
    with pytest.raises(ToolFailed, match="no synchronization word"):
        parse(made([b"\xff\xff", *words(10, 5), b"\xff\xff"]))
    with pytest.raises(ToolFailed, match="no synchronization word"):
        parse(made([*words(10, 5), b"\xff\xff"]))
