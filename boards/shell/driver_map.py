"""The register map as it stands in the driver, which needs no other file: `python -m hwgen.boards.shell.driver_map` writes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hwgen.boards.shell.registers import BANKS, GLOBAL, INPUT, MAGIC, OUTPUT, VERSION, Register, register

DRIVER = Path(__file__).with_name("driver.py")
BEGIN, END = "# registers: begin", "# registers: end\n"


def text() -> str:
    """Python: offsets in bytes, fields as (lowest bit, bits), what ERRORS mean."""
    shared = {one.name for one in INPUT.registers} & {one.name for one in OUTPUT.registers}
    lines = [f"MAGIC, MAJOR = 0x{MAGIC:08X}, {VERSION[0]}", "OFFSETS = {"]
    lines += [f'    "{one.name}": 0x{one.offset:03X},' for one in GLOBAL]
    lines += ["}", "BANKS = {  # name -> (offset of the first, distance of the next, offsets in it)"]
    for bank in BANKS:
        lines.append(f'    "{bank.name}": (0x{bank.offset:03X}, 0x{bank.stride:02X}, {{')
        lines += [f'        "{one.name}": 0x{one.offset:02X},' for one in bank.registers]
        lines.append("    }),")
    lines += ["}", "FIELDS = {  # register -> name -> (lowest bit, bits)"]
    lines += _fields("", GLOBAL)
    for bank in BANKS:
        lines += _fields(f"{bank.name}.", bank.registers)
    lines += ["}", "MEANINGS = {  # of ERRORS"]
    lines += [f'    "{part.name}": "{part.doc}",' for part in register("ERRORS").bits]
    changing = [one.name for one in GLOBAL if one.access in {"ro", "w1c"} and one.name != "FIFO_FILL"]
    of_channels = [one.name for one in INPUT.registers if one.access in {"ro", "w1c"} and one.name in shared]
    lines += ["}", f"STATE = {_tuple(['CONTROL', *changing])}", f"CHANNEL_STATE = {_tuple(of_channels)}"]
    return "\n".join(lines) + FUNCTION


FUNCTION = '''


def offset(name, bank=None, k=0):
    """Bytes to a register; of a bank, to that of input or output k."""
    if bank is None:
        return OFFSETS[name]
    first, distance, inside = BANKS[bank]
    return first + distance * k + inside[name]


'''


def _fields(prefix: str, registers: Iterable[Register]) -> list[str]:
    return [
        f'    "{prefix}{one.name}": {{' + ", ".join(f'"{p.name}": ({p.low}, {p.width})' for p in one.bits) + "},"
        for one in registers
        if one.bits
    ]


def _tuple(names: list[str]) -> str:
    return "(" + "".join(f'\n    "{name}",' for name in names) + "\n)"


def whole(driver: str) -> str:
    """The driver with the map in it."""
    before, rest = driver.split(BEGIN, 1)
    heading, rest = rest.split("\n", 1)
    return f"{before}{BEGIN}{heading}\n{text()}{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    DRIVER.write_text(whole(DRIVER.read_text(encoding="utf-8")), encoding="utf-8")
