"""What the program on the board needs beside the bitstream: the driver, the C header, and what this model's chip is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from hwgen.boards.board import ZYNQ, Board
from hwgen.boards.shell import c_header, driver
from hwgen.boards.shell.identity import Channel, identity
from hwgen.boards.shell.registers import CHANNELS
from hwgen.compiler import Compiled
from hwgen.layers.axi import element_bytes
from hwgen.passes.emit import fifos

DRIVER, HEADER = "hwgen_driver.py", "hwgen_registers.h"


def describe(compiled: Compiled, board: Board, clock_mhz: float, name: str) -> dict:
    """What the driver compares with a chip's registers, and what they don't say: names, and shapes as the model has them.

    Raises OptionError where the network has more inputs or outputs than a shell has room for.
    """
    found = _identity(compiled, board, clock_mhz)
    integer, hardware = compiled.integer, compiled.hardware
    layers = {"input": list(hardware.inputs), "output": [ref.node for ref in integer.outputs]}
    described: dict = {
        "model": name,
        "hash": found.hash.hex(),
        "board": board.name,
        "clock_hz": found.clock_hz,
        "inputs": [],
        "outputs": [],
    }
    for channel in found.channels:
        layer = layers[channel.kind][channel.k]
        shape = integer.frame_shape.get(layer, channel.port.type.shape)
        described[f"{channel.kind}s"].append(_channel(channel, layer, shape))
    described["fifos"] = [{"name": node.name, "depth": node.op.depth} for node in fifos(hardware)]
    return described


def write(compiled: Compiled, board: Board, clock_mhz: float, name: str, folder: Path) -> None:
    """Puts the files into a folder, which is made; none for a network that no shell has room for."""
    if max(len(compiled.hardware.inputs), len(compiled.hardware.outputs)) > CHANNELS:
        return
    folder.mkdir(exist_ok=True)
    described = describe(compiled, board, clock_mhz, name)
    (folder / f"{name}.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    header = c_header.text(_identity(compiled, board, clock_mhz), name)
    (folder / HEADER).write_text(header, encoding="utf-8")
    shutil.copyfile(driver.__file__, folder / DRIVER)


def _identity(compiled: Compiled, board: Board, clock_mhz: float):
    return identity(compiled.integer, compiled.hardware, clock_mhz, dma=board.shell == ZYNQ, fills=True)


def _channel(channel: Channel, layer: str, shape) -> dict:
    kind = channel.port.type
    return {
        "name": layer,
        "shape": list(shape),
        "type": kind.fixed,
        "lo": kind.lo,
        "hi": kind.hi,
        "fraction": kind.frac,
        "divisor": kind.divisor,
        "bytes": element_bytes(kind),
        "frame_bytes": channel.port.frame_bytes,
    }
