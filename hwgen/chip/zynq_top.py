"""The top of a chip with the Zynq shell: no pins of its own, all goes through the processor."""

from __future__ import annotations

from hwgen.boards.board import Board
from hwgen.boards.shell.zynq import PORT_REGISTERS, emit_zynq
from hwgen.chip.chip import Chip
from hwgen.compiler import Compiled

SHELL = "shell.emitted"  # instances above what `hwgen.boards.shell.shell` emits


def zynq_chip(compiled: Compiled, board: Board, clock_mhz: float) -> Chip:
    """The chip of a network on a Zynq board. Raises OptionError where the shell has no room for its inputs or outputs."""
    made = emit_zynq(compiled, clock_mhz)
    parts = tuple(f"{SHELL}.{part}" for part in ("control", "dma", "slave")) + (*PORT_REGISTERS, "ps7")
    network = compiled.emitted.top
    return Chip(made.top, made.text, network, f"{SHELL}.network.emitted", parts, made.identity, clock_mhz, "clk")
