"""The pins of a board, as amaranth-boards knows them, or as the board's own file does."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from hwgen.boards.board import UART, Board
from hwgen.errors import OptionError


@dataclass(frozen=True)
class Pin:
    """A pin of the package. standard: its electrical standard, as the family's tools write it."""

    site: str
    standard: str = "LVCMOS33"


def pins(board: Board) -> dict[str, Pin]:
    """port -> pin of the chip's top: "clk", the oscillator; on a board of the UART shell "rx", into the FPGA, and "tx".

    Raises OptionError for a board whose file names no clock_pin and no platform.
    """
    if board.platform is None:
        if board.clock_pin is None:
            raise OptionError(f"{board.name} has no clock_pin, which place and route needs; add it to the board's file")
        return {"clk": Pin(board.clock_pin)}
    module, name = board.platform.split(":")
    platform = getattr(importlib.import_module(module), name)
    resources = {(resource.name, resource.number): resource for resource in platform.resources}
    clock = resources[platform.default_clk, 0]
    standard = next(iter(clock.attrs.values()))
    found = {"clk": Pin(clock.ios[0].names[0], standard)}
    if board.shell != UART:
        return found
    if board.serial is not None:
        connectors = {f"{one.name}_{one.number}": one.mapping for one in platform.connectors}
        for port, place in zip(("rx", "tx"), board.serial):
            connector, pin = place.split(":")
            found[port] = Pin(connectors[connector][pin], standard)
        return found
    for signal in resources["uart", 0].ios:
        if signal.name in {"rx", "tx"}:
            found[signal.name] = Pin(signal.ios[0].names[0], next(iter(resources["uart", 0].attrs.values())))
    return found
