"""Which tools make a board's bitstream, and the call of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hwgen.boards.board import UART, Board
from hwgen.boards.families import OPEN
from hwgen.chip import ecp5, xc7
from hwgen.chip.chip import Bitstream, Chip
from hwgen.chip.uart_top import uart_chip
from hwgen.chip.zynq_top import zynq_chip
from hwgen.compiler import Compiled
from hwgen.errors import OptionError

# (family, toolchain) -> the module that has `check(board)` and `build(chip, board, blocks, folder, progress)`.
FLOWS = {("ecp5", OPEN): ecp5, ("xc7", OPEN): xc7}


def check(board: Board, toolchain: str) -> None:
    """Before anything is compiled. Raises OptionError where a board has no such toolchain, ToolMissing without the tools."""
    made = [name for family, name in FLOWS if family == board.family]
    if toolchain not in made:
        raise OptionError(
            f"{board.name} has no bitstream by --toolchain {toolchain}; it has: {', '.join(made) or 'none yet'}"
        )
    FLOWS[board.family, toolchain].check(board)


def chip_of(compiled: Compiled, board: Board, clock_mhz: float) -> Chip:
    """The whole chip around a network, with the board's shell. Raises OptionError."""
    return (uart_chip if board.shell == UART else zynq_chip)(compiled, board, clock_mhz)


def build(
    compiled: Compiled, board: Board, clock_mhz: float, toolchain: str, folder: Path, progress: Callable[..., None]
) -> Bitstream:
    """The bitstream of the chip around a network. folder: where stages that are done stay done. Raises HwgenError."""
    check(board, toolchain)
    blocks = list(compiled.emitted.instances.values())
    return FLOWS[board.family, toolchain].build(chip_of(compiled, board, clock_mhz), board, blocks, folder, progress)
