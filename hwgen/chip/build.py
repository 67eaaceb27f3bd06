"""Which tools make a board's bitstream, and the call of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hwgen.boards.board import UART, Board
from hwgen.boards.families import OPEN, VIVADO
from hwgen.chip import ecp5, vivado, xc7
from hwgen.chip.chip import Bitstream, Chip
from hwgen.chip.uart_top import uart_chip
from hwgen.chip.zynq_top import zynq_chip
from hwgen.compiler import Compiled
from hwgen.errors import OptionError

# (family, toolchain) -> the module that has `check(board)` and `build(chip, board, blocks, folder, progress)`.
FLOWS = {("ecp5", OPEN): ecp5, ("xc7", OPEN): xc7, ("xc7", VIVADO): vivado}


def check(board: Board, toolchain: str, *, scripts: bool = False) -> None:
    """Before anything is compiled. Raises OptionError where a board has no such toolchain, ToolMissing without the tools.

    scripts: only what `scripts` needs, which is no tool.
    """
    if scripts and toolchain != VIVADO:
        raise OptionError("--scripts writes what Vivado is run with: add --toolchain vivado")
    made = [name for family, name in FLOWS if family == board.family]
    if toolchain not in made:
        raise OptionError(
            f"{board.name} has no bitstream by --toolchain {toolchain}; it has: {', '.join(made) or 'none yet'}"
        )
    if not scripts:
        FLOWS[board.family, toolchain].check(board)


def chip_of(compiled: Compiled, board: Board, clock_mhz: float) -> Chip:
    """The whole chip around a network, with the board's shell. Raises OptionError."""
    return (uart_chip if board.shell == UART else zynq_chip)(compiled, board, clock_mhz)


def scripts(
    compiled: Compiled, board: Board, clock_mhz: float, toolchain: str, activity: Path | None
) -> dict[str, str]:
    """The files that Vivado is run with, by name; activity: as of `build`. Raises OptionError."""
    check(board, toolchain, scripts=True)
    return vivado.scripts(chip_of(compiled, board, clock_mhz), board, activity)


def build(
    compiled: Compiled,
    board: Board,
    clock_mhz: float,
    toolchain: str,
    folder: Path,
    progress: Callable[..., None],
    activity: Path | None = None,
) -> Bitstream:
    """The bitstream of the chip around a network. folder: where stages that are done stay done. activity: SAIF of the
    network's simulation, where there is one, for Vivado's figure of power. Raises HwgenError."""
    check(board, toolchain)
    blocks = list(compiled.emitted.instances.values())
    chip, more = chip_of(compiled, board, clock_mhz), {"activity": activity} if toolchain == VIVADO else {}
    return FLOWS[board.family, toolchain].build(chip, board, blocks, folder, progress, **more)
