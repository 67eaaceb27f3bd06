"""What nextpnr for Xilinx is known to get wrong: cells that it places and routes, but gives other bits than they need.

From the trackers of openXC7's nextpnr-xilinx and of nextpnr, as of 2026-11:

- DSP48E1: constants on INMODE, ALUMODE and OPMODE get no bits that tie them, in neither tool (nextpnr-xilinx 159, open).
- RAMB36E1 of width 1 or 9: the half address or the parity is lost (nextpnr-xilinx 94, fixed 2026-07).
- LUTs as memory and as shift registers begin with 0, whatever INIT says (nextpnr-xilinx 28 and 185, fixed 2026-09; nextpnr 1765).
- PLLE2_ADV and MMCME2_ADV: loop filter, lock counters and inverted inputs (nextpnr-xilinx 138 and 191, nextpnr 1767, open).
  What is corrected of it was not held against anything here, so hwgen makes none by these tools.
- Outputs of block RAM begin with 0, whatever INIT_A says.
- Block RAM of 36 and 72 bits (SDP) needs the width of the opposite port's half as well (nextpnr-xilinx 150, fixed 2026-08): some
  states of both tools have it, so it is looked for in what nextpnr wrote.

nextpnr-xilinx 0.9.6 (2026-09-19) has the corrections of the openXC7 tracker that are dated here; of himbaechel no release is
known to have any.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from hwgen.errors import ToolFailed
from hwgen.netlist import block_of
from hwgen.place import Tool

CORRECTED = (0, 9, 6)  # nextpnr-xilinx
INSTEAD = (
    "fold the network for open tools (hwgen.compile(..., toolchain='open')) or differently (--interval), "
    "or use --toolchain vivado"
)


def corrected(tool: Tool) -> bool:
    """Whether a nextpnr has the corrections."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", tool.version)
    return not tool.himbaechel and found is not None and tuple(map(int, found.groups())) >= CORRECTED


def check_netlist(netlist: dict, top: str, tool: Tool, instances: Iterable[str]) -> None:
    """Refuses cells of a flat netlist, Yosys's JSON, that the tool is known to get wrong.

    instances: of blocks, to name them by. Raises ToolFailed, which names the blocks and what to do.
    """
    instances = list(instances)
    found: dict[str, set[str]] = {}
    cells = netlist["modules"][top]["cells"]
    uses = Counter(bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits)
    for name, cell in cells.items():
        fault = _fault(cell, uses, corrected(tool))
        if fault is not None:
            found.setdefault(fault, set()).add(block_of(name, instances))
    if found:
        what = "; ".join(f"{fault} (in {', '.join(sorted(blocks))})" for fault, blocks in found.items())
        raise ToolFailed(f"{tool.version} would make a bitstream that is wrong on the chip: {what}; {INSTEAD}")


def _fault(cell: dict, uses: Counter, corrected: bool) -> str | None:
    """What the tool makes of a cell that isn't what it says; None where it does. uses: how many pins each net has."""
    kind, parameters = cell["type"], cell.get("parameters", {})
    if kind in ("PLLE2_ADV", "MMCME2_ADV"):
        return f"a {kind} whose loop filter and lock counters it sets for another one"
    if kind == "DSP48E1":
        return "a DSP48E1 whose constant inputs it leaves open"
    if kind in ("RAMB18E1", "RAMB36E1") and any(
        _set(parameters, name) for name in ("INIT_A", "INIT_B", "SRVAL_A", "SRVAL_B")
    ):
        return f"a {kind} whose outputs begin with other values than 0, which it ignores"
    if corrected:
        return None
    if kind == "RAMB36E1":
        for port, side in (
            ("READ_WIDTH_A", "DOPADOP"),
            ("READ_WIDTH_B", "DOPBDOP"),
            ("WRITE_WIDTH_A", ""),
            ("WRITE_WIDTH_B", ""),
        ):
            width = _number(parameters.get(port, "0"))
            if width == 1 or (width == 9 and side and any(uses[bit] > 1 for bit in cell["connections"].get(side, []))):
                return f"a RAMB36E1 of width {width}, of which it loses {'the parity' if width == 9 else 'bits'}"
    if kind.startswith(("RAM32", "RAM64", "RAM128", "RAM256", "RAM16", "SRL")) and any(
        _set(parameters, name) for name in parameters if name.startswith("INIT")
    ):
        return f"a {kind} whose first contents it ignores"
    return None


def _number(value: str | int) -> int:
    """Of a parameter: Yosys writes them in binary."""
    return value if isinstance(value, int) else int(value, 2)


def _set(parameters: dict, name: str) -> bool:
    """Whether a parameter has a one; undefined bits may be anything."""
    value = parameters.get(name, "0")
    return value != 0 if isinstance(value, int) else "1" in value


# A half of a block RAM that is 36 bits wide: which other widths it has to have then (Project X-Ray, segbits_bram_l.db).
NEEDS = {
    ("RAMB18_Y0", "SDP_READ_WIDTH_36"): ("READ_WIDTH_B_18",),
    ("RAMB18_Y1", "SDP_READ_WIDTH_36"): ("READ_WIDTH_A_18", "READ_WIDTH_B_18"),
    ("RAMB18_Y0", "SDP_WRITE_WIDTH_36"): ("WRITE_WIDTH_A_18", "WRITE_WIDTH_B_18"),
    ("RAMB18_Y1", "SDP_WRITE_WIDTH_36"): ("WRITE_WIDTH_A_18", "WRITE_WIDTH_B_18"),
}


def check_fasm(text: str, tool: Tool) -> None:
    """Refuses a FASM that lacks what block RAMs of 36 and 72 bits need. Raises ToolFailed."""
    halves: dict[tuple[str, str], set[str]] = {}
    for tile, half, feature in re.findall(r"^(BRAM_[LR]_X\d+Y\d+)\.(RAMB18_Y[01])\.(\w+)$", text, re.MULTILINE):
        halves.setdefault((tile, half), set()).add(feature)
    for (tile, half), features in halves.items():
        for wide in ("SDP_READ_WIDTH_36", "SDP_WRITE_WIDTH_36"):
            lacking = [name for name in NEEDS[half, wide] if name not in features] if wide in features else []
            if lacking:
                raise ToolFailed(
                    f"{tool.version} would make a bitstream that is wrong on the chip: the block RAM at {tile}.{half} is "
                    f"36 bits wide, but {' and '.join(lacking)} isn't set; install a newer one, or use --toolchain vivado"
                )


# Warnings of nextpnr's after which it goes on, though the bitstream lacks something.
OMITS = {
    "Unprocessed route-thru": "a wire goes through a cell that it has no bits for",
    "found set_property with no cells matching": "a pin of the board isn't one of the chip's",
}


def check_log(text: str, tool: Tool) -> None:
    """Refuses what nextpnr only warns of. Raises ToolFailed."""
    for warning, what in OMITS.items():
        line = next((line for line in text.splitlines() if warning in line), None)
        if line is not None:
            said = line.removeprefix("Warning: ").strip()
            raise ToolFailed(f"{tool.version} would make a bitstream that is wrong on the chip: {what} ({said!r})")
