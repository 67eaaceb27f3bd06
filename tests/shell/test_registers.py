"""The register map says nothing twice, and has room for what it promises."""

from pathlib import Path

import pytest

from hwgen.boards.shell import registers as map_
from hwgen.boards.shell.markdown import tables
from hwgen.boards.shell.registers import BANKS, CHANNELS, GLOBAL, INPUT, OUTPUT, WINDOW, offset, register, registers

EVERY = [*GLOBAL, *INPUT.registers, *OUTPUT.registers]


@pytest.mark.parametrize("inputs, outputs", [(1, 1), (3, 2), (CHANNELS, CHANNELS)])
def test_every_register_has_a_place_and_a_name_of_its_own(inputs, outputs):
    found = registers(inputs, outputs)
    assert list(found) == sorted(found)
    assert all(at % 4 == 0 and 0 <= at < WINDOW for at in found)
    assert len({name for name, _ in found.values()}) == len(found)
    assert len(found) == len(GLOBAL) + inputs * len(INPUT.registers) + outputs * len(OUTPUT.registers)


@pytest.mark.parametrize("count", [0, CHANNELS + 1])
def test_more_channels_than_there_is_room_for_are_refused(count):
    with pytest.raises(ValueError, match=f"room for 1 to 16 inputs and outputs, not {count}"):
        registers(count, 1)
    with pytest.raises(ValueError, match=f"room for 1 to 16 inputs and outputs, not {count}"):
        registers(1, count)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_fields_lie_in_the_word_and_apart(one):
    used = 0
    for part in one.bits:
        assert part.width >= 1 and part.low >= 0 and part.low + part.width <= 32
        assert not used & part.mask
        used |= part.mask
    assert len({part.name for part in one.bits}) == len(one.bits)
    assert one.access in {"const", "ro", "rw", "wo", "w1c"}
    assert one.doc
    assert one.access in {"const", "ro"} or one.reset is not None


def test_registers_are_found_by_name():
    assert offset("MAGIC") == 0
    assert offset("FRAMES", INPUT, 2) == 0x498
    assert register("ERRORS")["OVERFLOW"].mask == 0x20
    for bank in BANKS:
        for one in bank.registers:
            assert registers(1, 1)[offset(one.name, bank)] == (f"{bank.name}0_{one.name}", one)
    with pytest.raises(KeyError):
        register("FRAMES")


def test_the_magic_word_reads_as_its_letters():
    assert map_.MAGIC.to_bytes(4, "little") == b"hwgn"


def test_the_page_has_every_register():
    page = (Path(__file__).resolve().parents[2] / "docs" / "zynq-shell.md").read_text(encoding="utf-8")
    begin, end = (page.index(f"<!-- registers: {mark}") for mark in ("begin", "end"))
    written = page[begin:end].split("\n", 1)[1].strip()
    assert written == tables().strip(), "print it anew with python -m hwgen.boards.shell.markdown"
