"""Which tools make a board's bitstream, and the call of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hwgen.boards import BOARDS
from hwgen.boards.board import Board
from hwgen.chip import ecp5
from hwgen.chip.uart_top import uart_chip
from hwgen.compiler import Compiled
from hwgen.errors import OptionError


def check(board: Board, toolchain: str) -> None:
    """Before anything is compiled. Raises OptionError where a board has no such toolchain, ToolMissing without the tools."""
    if not board.toolchains:
        made = ", ".join(other.name for other in BOARDS.values() if other.toolchains)
        raise OptionError(f"hwgen makes no bitstream for {board.name} yet; it does for {made}")
    if toolchain not in board.toolchains:
        raise OptionError(
            f"{board.name} has no bitstream by --toolchain {toolchain}; it has: {', '.join(board.toolchains)}"
        )
    ecp5.tools()


def build(
    compiled: Compiled, board: Board, clock_mhz: float, toolchain: str, folder: Path, progress: Callable[..., None]
) -> ecp5.Bitstream:
    """The bitstream of the chip around a network. folder: where stages that are done stay done. Raises HwgenError."""
    check(board, toolchain)
    chip = uart_chip(compiled, board, clock_mhz)
    return ecp5.build(chip, board, list(compiled.emitted.instances.values()), folder, progress)
