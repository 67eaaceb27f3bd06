"""What a toolchain can place of a chip, where that is less than what there is.

The open tools for Xilinx 7 series: no DSP48E1, since nextpnr leaves constants on their inputs open (`hwgen.chip.faults`), and
carry chains up to a share of the chip. Designs with 39 % of a xc7z010's CARRY4 were placed, such with 52 % weren't, by either
nextpnr (docs/bitstream.md). That share is of the CARRY4 that nextpnr makes, more than Yosys's: a carry into a chain and one out
of a full CARRY4 take another one.
"""

from __future__ import annotations

from dataclasses import replace

from hwgen.boards.board import Board
from hwgen.boards.families import OPEN
from hwgen.layers.block import Resources

PLACED = 0.40  # of the chip's CARRY4
PACKED = 1.4  # CARRY4 of nextpnr for one of Yosys, of whole networks
SHELL = 150  # CARRY4 of the Zynq's shell by Yosys; the serial one has fewer


def placeable(board: Board, toolchain: str | None) -> Board:
    """The board with the ceiling of a toolchain; itself where the toolchain has none, or no bitstream is wanted."""
    if board.family != "xc7" or toolchain != OPEN:
        return board
    carry4 = PLACED * board.resources.carry4 / PACKED - SHELL
    ceiling = Resources(**(vars(board.resources) | {"dsp": 0, "carry4": float(int(carry4))}))
    return replace(board, ceiling=ceiling)


def entry(board: Board) -> dict:
    """The part of report.json."""
    if board.ceiling is None:
        return {}
    chip = {kind: getattr(board.resources, kind) for kind in ("dsp", "carry4")}
    return {"limits": {kind: {"network": getattr(board.ceiling, kind), "chip": there} for kind, there in chip.items()}}


def summary(report: dict) -> list[str]:
    """The line about it."""
    if "limits" not in report:
        return []
    carry4 = report["limits"]["carry4"]
    text = f"limits of --toolchain open: no DSP slices, {carry4['network']:,.0f} of {carry4['chip']:,.0f} carry chains (CARRY4)"
    return [f"{text} for the network"]
