"""A whole chip: its Verilog before the tools, and what they made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hwgen.boards.board import Board
from hwgen.boards.shell.identity import Identity
from hwgen.errors import DoesNotFit, ToolFailed
from hwgen.layers.block import Resources
from hwgen.place_log import Log

Progress = Callable[..., None]


@dataclass(frozen=True)
class Chip:
    """Verilog of a whole chip. top: its module; the ports of it have pins. network: the module whose instances are blocks,
    `path` the instances above it. parts: other instances, to name paths by. clock_mhz: that everything runs at. clock:
    hierarchical name of the net that carries it, where it is no port's."""

    top: str
    text: str
    network: str
    path: str
    parts: tuple[str, ...]
    identity: Identity
    clock_mhz: float
    clock: str | None = None


@dataclass(frozen=True)
class Bitstream:
    """A chip that was built. bit: the file. others: more that the user needs, as the .bit.bin of a Zynq's FPGA manager.
    clock_mhz: that was asked for. tools: name -> version. resources: of the whole chip. found: clock reached, used cells and
    slowest path. skipped: stages that were done before. power_w: of the chip, where the tools say it."""

    bit: Path
    clock_mhz: float
    tools: dict[str, str]
    resources: Resources
    found: Log
    skipped: tuple[str, ...]
    others: tuple[Path, ...] = ()
    power_w: float | None = None


def check_placed(found: Log, code: int, board: Board, tool: str, log: Path) -> None:
    """DoesNotFit where nextpnr found no placement or no routes, ToolFailed where it stopped for another reason."""
    if found.failure is not None:
        raise DoesNotFit(f"{board.name}: {found.failure}; ask for a lower rate; the log is {log}")
    if code or found.error is not None:
        raise ToolFailed(f"{tool} stopped: {found.error or f'code {code}'}; the log is {log}")


def check_clock(found: Log, chip: Chip, log: Path) -> None:
    """DoesNotFit where the chip is slower than its clock, with the blocks of the slowest path."""
    if found.routed_mhz is None:
        raise ToolFailed(f"nextpnr ended without a clock; the log is {log}")
    if found.routed_mhz >= chip.clock_mhz:
        return
    where = ""
    if path := found.path:
        names = [name.removeprefix(f"{chip.path}.") for name in (path.start, path.end)]
        where = f"; slowest path: {' to '.join(dict.fromkeys(names))}, {path.logic_ns:g} ns logic, {path.routing_ns:g} ns routing"
    raise DoesNotFit(
        f"the chip reaches {found.routed_mhz:g} MHz, not the {chip.clock_mhz:g} MHz that it is for{where}; "
        f"give a lower --clock; the log is {log}"
    )
