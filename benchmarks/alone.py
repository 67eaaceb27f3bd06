"""One block by itself: its Verilog as in a network, and what Yosys makes of it."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring

from hwgen.layers.block import Block, Resources
from hwgen.layers.cells import Target
from hwgen.synth import synthesize

FAMILY, TOP = "xc7", "alone"


class _Around(wiring.Component):
    """A top module that is nothing but the block: synthesis flattens a block in itself, as it does in a network."""

    def __init__(self, block: Block):
        self.block = block.component()
        super().__init__(self.block.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.block = self.block
        wiring.connect(m, wiring.flipped(self), self.block)
        return m


def emitted(block: Block, family: str = FAMILY) -> str:
    """The block's Verilog, as `hwgen.passes.emit` makes it in a network."""
    target = Target(family)
    text = verilog.convert(_Around(block), name=TOP, platform=target, emit_src=False, strip_internal_attrs=True)
    return f"{text}\n{target.library}"


def digest(text: str) -> str:
    """Stands for the Verilog in the data."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def measure(text: str, folder: Path, family: str = FAMILY) -> Resources:
    """What Yosys makes of the block in `emitted` text. Files are left in the folder. Raises HwgenError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "alone.v"
    file.write_text(text, encoding="utf-8")
    return synthesize([file], TOP, folder, family).blocks["block"]


def key(block: Block) -> str:
    """Stands for a block's fields, its weights included: blocks that have the same one are the same hardware."""
    found = hashlib.sha256(type(block).__name__.encode())
    for field in fields(block):
        value = getattr(block, field.name)
        found.update(f"{field.name}={value.shape if isinstance(value, np.ndarray) else value!r};".encode())
        found.update(value.tobytes() if isinstance(value, np.ndarray) else b"")
    return found.hexdigest()[:16]
