"""Vivado's text reports, read: what the chip takes, its clock and slowest path, routing, rule checks, power.

The formats are those of Vivado 2014 to 2025. A report that isn't as it should be is a ToolFailed that names its file: nothing
is taken for zero that wasn't found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import ToolFailed
from hwgen.layers.block import Resources
from hwgen.netlist import block_of
from hwgen.place_log import Path as Slowest

_NUMBER = re.compile(r"\d+(?:\.\d+)?$")
_DELAY = re.compile(r"Data Path Delay:\s+\S+ns\s+\(logic ([\d.]+)ns \([\d.]+%\)\s+route ([\d.]+)ns")
SUMMARY = (
    "WNS(ns)",
    "TNS(ns)",
    "TNS Failing",
    "TNS Total",
    "WHS(ns)",
    "THS(ns)",
    "THS Failing",
    "THS Total",
    "WPWS(ns)",
)


@dataclass(frozen=True)
class Timing:
    """Slack in ns, negative where the chip is too slow. setup: of the slowest path; hold: of the fastest; pulse: of clocks."""

    setup: float
    hold: float
    pulse: float


@dataclass(frozen=True)
class Power:
    """W of the chip. basis: how sure Vivado is of it ("Low", "Medium", "High")."""

    total: float
    dynamic: float
    static: float
    basis: str


def _lines(file: Path, begin: str) -> list[str]:
    """Of a report that has a line with this text."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ToolFailed(f"Vivado's report {file} can't be read: {error.strerror}") from None
    if begin not in text:
        raise ToolFailed(f"{file} isn't the report that it should be: it has no {begin!r}")
    return text.splitlines()


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")] if line.lstrip().startswith("|") else []


def used(file: Path) -> dict[str, tuple[float, float]]:
    """`report_utilization`: site type -> (used, there), of those that a chip has a number of."""
    found, header = {}, []
    for line in _lines(file, "Slice Logic"):
        cells = _cells(line)
        if cells and cells[0] == "Site Type":
            header = cells
        elif cells and header and len(cells) == len(header):
            row = dict(zip(header, cells))
            if _NUMBER.match(row.get("Used", "")) and _NUMBER.match(row.get("Available", "")):
                found.setdefault(cells[0].rstrip("*"), (float(row["Used"]), float(row["Available"])))
        elif not cells and not line.startswith("+"):
            header = []
    return found


def resources(file: Path) -> Resources:
    """`report_utilization` of a routed chip of 7 series, in the terms of blocks' costs."""
    sites, carry = used(file), 0.0
    for line in _lines(file, "Primitives"):
        cells = _cells(line)
        if len(cells) == 3 and cells[0] == "CARRY4" and _NUMBER.match(cells[1]):
            carry = float(cells[1])
    names = {
        "lut": "Slice LUTs",
        "lutram": "LUT as Memory",
        "ff": "Slice Registers",
        "bram36": "Block RAM Tile",
        "dsp": "DSPs",
    }
    missing = [name for name in names.values() if name not in sites]
    if missing:
        raise ToolFailed(f"{file} doesn't say how many are used of: {', '.join(missing)}")
    return Resources(carry4=carry, **{kind: sites[name][0] for kind, name in names.items()})


def timing(file: Path) -> Timing:
    """`report_timing_summary`: the slacks of all clocks together."""
    lines = _lines(file, "Design Timing Summary")
    at = next((k for k, line in enumerate(lines) if line.split()[:2] == ["WNS(ns)", "TNS(ns)"]), None)
    if at is None or at + 2 >= len(lines) or any(name not in lines[at] for name in SUMMARY):
        raise ToolFailed(f"{file} has no table of slacks (WNS, WHS, WPWS)")
    values = lines[at + 2].split()
    if values[:1] == ["NA"]:
        raise ToolFailed(f"no path is timed, by {file}: the clock of chip.xdc was not found in the chip")
    try:
        return Timing(float(values[0]), float(values[4]), float(values[8]))
    except (IndexError, ValueError):
        raise ToolFailed(f"{file} has no slacks where they should be, but {lines[at + 2].strip()!r}") from None


def path(file: Path, instances: Iterable[str]) -> Slowest:
    """`report_timing`: the slowest path. instances: of blocks, from the chip's top, a dot between them."""
    text = "\n".join(_lines(file, "Timing Report"))
    ends = [re.search(rf"^\s*{end}:\s+(\S+)/[^/\s]+\s*$", text, re.MULTILINE) for end in ("Source", "Destination")]
    delay, levels = _DELAY.search(text), re.search(r"Logic Levels:\s+(\d+)", text)
    if None in (*ends, delay, levels):
        raise ToolFailed(f"{file} has no path with source, destination, delays and levels")
    names = list(instances)
    start, end = (block_of(found[1].replace("/", "."), names) for found in ends)
    return Slowest(start, end, float(delay[1]), float(delay[2]), int(levels[1]))


def check_routed(file: Path) -> None:
    """`report_route_status`: ToolFailed where a net isn't routed whole."""
    counts = {}
    for line in _lines(file, "Design Route Status"):
        if found := re.match(r"\s*# of (.+?)\.* *:\s+(\d+)\s+:", line):
            counts[found[1]] = int(found[2])
    names = ("routable nets", "fully routed nets", "nets with routing errors")
    if any(name not in counts for name in names):
        raise ToolFailed(f"{file} doesn't say how many nets are routed")
    routable, whole, wrong = (counts[name] for name in names)
    if wrong or whole != routable or not routable:
        raise ToolFailed(f"{routable - whole} of {routable} nets aren't routed whole, {wrong} have errors; see {file}")


def check_rules(file: Path) -> None:
    """`report_drc`: ToolFailed where a rule is broken that is an error. Vivado 2015.4 has no table of the rules, which
    later versions have; both have each violation on its own further down."""
    table: dict[str, tuple[str, str, int]] = {}  # rule -> severity, description, how often
    single: dict[str, tuple[str, str, int]] = {}
    total, lines = None, _lines(file, "Report DRC")
    for line, after in zip(lines, [*lines[1:], ""]):
        if found := re.match(r"\s*(?:Violations|Checks) found: (\d+)", line):
            total = int(found[1])
        cells = _cells(line)
        if len(cells) == 4 and cells[3].isdigit():
            table[cells[0]] = cells[1], cells[2], int(cells[3])
        if found := re.match(r"(\S+)#\d+ (Fatal|Error|Critical Warning|Warning|Advisory)\s*$", line):
            single[found[1]] = found[2], after.strip(), single.get(found[1], ("", "", 0))[2] + 1
    if total is None:
        raise ToolFailed(f"{file} doesn't say how many rules are broken")
    if total not in {sum(row[2] for row in rules.values()) for rules in (table, single)}:
        raise ToolFailed(f"{file} says that rules are broken {total} times, but not all of which")
    rules = single | table
    broken = [
        f"{rule} ({text}, {times} times)" for rule, (kind, text, times) in rules.items() if kind in {"Error", "Fatal"}
    ]
    if broken:
        raise ToolFailed(f"Vivado's rule checks (DRC) found errors: {', '.join(broken)}; see {file}")


def power(file: Path) -> Power:
    """`report_power`."""
    rows = {cells[0]: cells[1] for cells in map(_cells, _lines(file, "Power Report")) if len(cells) == 2}
    names = ("Total On-Chip Power (W)", "Dynamic (W)", "Device Static (W)")
    try:
        numbers = [
            float(rows[name].split()[0].rstrip("*")) for name in names
        ]  # perhaps with "(Junction temp exceeded!)"
        return Power(*numbers, basis=rows["Confidence Level"])
    except (KeyError, IndexError, ValueError):
        raise ToolFailed(f"{file} doesn't say the power of the chip: {', '.join(names)}, Confidence Level") from None
