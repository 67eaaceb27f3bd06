"""The register map as the tables of docs/zynq-shell.md: `python -m hwgen.boards.shell.markdown` prints them."""

from __future__ import annotations

from collections.abc import Iterable

from hwgen.boards.shell.registers import BANKS, GLOBAL, Register

ACCESS = {"const": "constant", "ro": "read", "rw": "read, write", "wo": "write", "w1c": "read, write 1 to clear"}


def tables() -> str:
    parts = ["### Of the chip", _table(GLOBAL)]
    for bank in BANKS:
        parts.append(f"### Of {bank.name.lower()} k, from 0x{bank.offset:03x} + k · 0x{bank.stride:02x} on")
        parts.append(_table(bank.registers))
    return "\n\n".join(parts) + "\n"


def _table(registers: Iterable[Register]) -> str:
    lines = ["| offset | name | access | |", "|---|---|---|---|"]
    for one in registers:
        doc = one.doc + (" (DMA only)" if one.dma else "")
        lines.append(f"| 0x{one.offset:03x} | {one.name} | {ACCESS[one.access]} | {doc} |")
        for part in one.bits:
            high = part.low + part.width - 1
            where = f"{high}:{part.low}" if part.width > 1 else f"{part.low}"
            lines.append(f"| | bits {where} | {part.name} | {part.doc} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables(), end="")
