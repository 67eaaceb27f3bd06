"""What nextpnr's log says: the clock, the slowest path, what is used of the chip, and why it stopped.

All of nextpnr (openXC7's for Xilinx, the "xilinx" target of himbaechel, nextpnr-ecp5) print the same lines for these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hwgen.netlist import block_of

# Lines that begin a stage, and what the stage is called while it runs.
STAGES = {
    "Packing": "packing",
    "Creating initial": "placing",
    "Running simulated annealing": "refining the placement",
    "Routing global clocks": "routing",
    "Running router": "routing",
    "Routing": "routing",
}

_FREQUENCY = re.compile(r"Max frequency for clock\s+'(?P<clock>.*)':\s+(?P<mhz>[\d.]+) MHz")
_USED = re.compile(r"Info:\s+(?P<kind>\w+):\s+(?P<used>\d+)/\s*(?P<there>\d+)\s+\d+%")
_SOURCE = re.compile(r"\s(?P<delay>-?[\d.]+)\s+-?[\d.]+\s+Source (?P<cell>\S+)\.\S+$")
_NET = re.compile(r"\s(?P<delay>-?[\d.]+)\s+-?[\d.]+\s+Net ")
_SETUP = re.compile(r"\s(?P<delay>-?[\d.]+)\s+-?[\d.]+\s+Setup (?P<cell>\S+)\.\S+$")
_SINK = re.compile(r"\sSink (?P<cell>\S+)\.\S+$")
_PATH = "Critical path report for clock"
# nextpnr's names of what a design can run out of.
RESOURCES = {
    "CARRY4": "carry chains (CARRY4)",
    "SLICE_LUTX": "LUTs (SLICE_LUTX)",
    "SLICE_FFX": "flip-flops (SLICE_FFX)",
    "RAMB18E1_RAMB18E1": "block RAM halves (RAMB18E1)",
    "RAMB36E1_RAMB36E1": "block RAM (RAMB36E1)",
    "DSP48E1_DSP48E1": "DSP slices (DSP48E1)",
    "SELMUX2_1": "wide multiplexers (MUXF7, MUXF8)",
    "TRELLIS_COMB": "LUT4s (TRELLIS_COMB)",
    "TRELLIS_FF": "flip-flops (TRELLIS_FF)",
    "TRELLIS_RAMW": "distributed RAM (TRELLIS_RAMW)",
    "DP16KD": "block RAM of 18 Kb (DP16KD)",
    "MULT18X18D": "multipliers (MULT18X18D)",
}


@dataclass(frozen=True)
class Path:
    """The slowest path from flip-flop to flip-flop. start, end: blocks, as `hwgen.netlist.block_of` names them.

    logic_ns, routing_ns: delay of cells and of wires. levels: cells that it passes between the two.
    """

    start: str
    end: str
    logic_ns: float
    routing_ns: float
    levels: int


@dataclass(frozen=True)
class Log:
    """placed_mhz: nextpnr's estimate before routing. routed_mhz: after it. used: nextpnr's cell type -> (used, there),
    of RESOURCES those that the design has.

    failure: why the design can't be placed or routed, in a line. error: why nextpnr stopped where it is for another
    reason, as nextpnr says it. Both None where there is a routed design.
    """

    placed_mhz: float | None = None
    routed_mhz: float | None = None
    path: Path | None = None
    used: dict[str, tuple[int, int]] = field(default_factory=dict)
    failure: str | None = None
    error: str | None = None


def parse(text: str, instances: Iterable[str] = ()) -> Log:
    """Reads a log. instances: names of the network's blocks in the netlist, to tell which ones a path is in.

    The slowest clock counts, where there are several.
    """
    lines = text.splitlines()
    routing = next((k for k, line in enumerate(lines) if re.match(r"Info: (Running router|Routing)", line)), len(lines))
    at = next((k for k, line in enumerate(lines) if line.startswith("ERROR: ") and not _missed(line)), None)
    error = None if at is None else lines[at].removeprefix("ERROR: ")
    used = {
        found["kind"]: (int(found["used"]), int(found["there"]))
        for found in map(_USED.match, lines)
        if found is not None
    }
    return Log(
        placed_mhz=_slowest(lines[:routing]),
        routed_mhz=_slowest(lines[routing:]) if error is None else None,
        path=_path(lines, list(instances)) if error is None else None,
        used={kind: amounts for kind, amounts in used.items() if amounts[0] and kind in RESOURCES},
        **_reason(error, used, routing=at is not None and at > routing, instances=list(instances)),
    )


def _missed(line: str) -> bool:
    """Whether an error is only the target clock that was missed, which is a result."""
    return _FREQUENCY.search(line) is not None


def _slowest(lines: list[str]) -> float | None:
    """The last frequency of each clock, of these the least."""
    clocks = {found["clock"]: float(found["mhz"]) for found in map(_FREQUENCY.search, lines) if found is not None}
    return min(clocks.values(), default=None)


def _path(lines: list[str], instances: list[str]) -> Path | None:
    """The last report of a path within a clock."""
    starts = [k for k, line in enumerate(lines) if _PATH in line]
    if not starts:
        return None
    cells, logic, routing = [], 0.0, 0.0
    for line in lines[starts[-1] + 1 :]:
        if "Critical path report" in line or "Max frequency" in line:
            break
        if found := _SOURCE.search(line) or _SETUP.search(line):
            logic += float(found["delay"])
            cells.append(found["cell"])
        elif found := _NET.search(line):
            routing += float(found["delay"])
        elif found := _SINK.search(line):
            cells.append(found["cell"])
    if not cells:
        return None
    start, end = (block_of(cell, instances) for cell in (cells[0], cells[-1]))
    between = len(dict.fromkeys(cells)) - 2
    return Path(start, end, round(logic, 3), round(routing, 3), max(between, 0))


def _reason(
    error: str | None, used: dict[str, tuple[int, int]], *, routing: bool, instances: list[str]
) -> dict[str, str]:
    """The `failure` or `error` of a Log. A placement that failed says of what, and how much of it the design takes."""
    if error is None:
        return {}
    if routing:
        return {"failure": f"routing failed: {error}"}
    if not re.search(r"unable to (find|place)|no bels remaining|failed to (place|expand region)", error, re.IGNORECASE):
        return {"error": error}
    named = re.search(r"type '?(\w+)'?", error)
    shares = {kind: n / there for kind, (n, there) in used.items() if kind in RESOURCES}
    kind = named[1] if named and named[1] in RESOURCES else max(shares, key=shares.get, default=None)
    if kind is None or kind not in used:
        return {"failure": f"no legal placement was found: {error}"}
    share = f"{used[kind][0]:,} of {used[kind][1]:,}"
    cell = re.search(r"cell '(\S+)'", error)
    block = f" in {block_of(cell[1], instances)}" if cell else ""
    how = f"a cell of type {kind}{block} found no place" if named and named[1] == kind else "the design is too dense"
    return {"failure": f"no legal placement was found: {how}; it takes {share} {RESOURCES[kind]}"}
