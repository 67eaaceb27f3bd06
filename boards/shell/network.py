"""The network as a part of a chip: an instance of the Verilog that the compiler emitted."""

from __future__ import annotations

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.gearbox import stream_ports
from hwgen.boards.shell.identity import Identity
from hwgen.passes.emit import Emitted


class Network(wiring.Component):
    """The emitted module with its own ports (see `hwgen.passes.emit.Top`), and `clear`, which resets it like `rst`.

    level{k}: of the k-th FIFO, where it was emitted with levels.
    """

    def __init__(self, emitted: Emitted, identity: Identity):
        self.emitted = emitted
        members = {"clear": In(1), "frame_error": Out(1)}
        for channel in identity.channels:
            members |= stream_ports(channel.axis, channel.port.beat_bytes, into=channel.kind == "input")
            if channel.port.top1:
                members[f"{channel.axis}_tuser"] = Out(channel.port.top1)
        members |= {f"level{k}": Out(range(depth + 1)) for k, depth in enumerate(identity.fifos)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        ports = {"i_clk": ClockSignal(), "i_rst": ResetSignal() | self.clear}
        for name, member in self.signature.members.items():
            if name != "clear":
                ports[f"{'i' if member.flow == wiring.In else 'o'}_{name}"] = getattr(self, name)
        m.submodules.emitted = Instance(self.emitted.top, **ports)
        return m
