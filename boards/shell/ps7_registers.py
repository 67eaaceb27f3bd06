"""Registers between a Zynq's processor and the shell.

What the processor's ports say comes late in a cycle, what they hear they want early, and nextpnr doesn't time these paths at
all. So next to them there is a register on the way in and on the way out, with a LUT in between at most.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.layers.queue import Queue


class Slow(wiring.Component):
    """One register for a stream whose beats are rare: a beat in two cycles. What comes goes into it without a LUT, and neither
    `ready` nor `valid` depends on the other side."""

    def __init__(self, bits: int):
        super().__init__({"i": In(stream.Signature(bits)), "o": Out(stream.Signature(bits))})

    def elaborate(self, platform):
        m = Module()
        held, full = Signal(len(self.i.payload), reset_less=True), Signal()
        m.d.comb += [self.i.ready.eq(~full), self.o.valid.eq(full), self.o.payload.eq(held)]
        m.d.sync += full.eq(Mux(full, ~self.o.ready, self.i.valid))
        with m.If(~full):
            m.d.sync += held.eq(self.i.payload)
        return m


def between(m: Module, name: str, source: dict[str, Value], sink: dict[str, Value], every_cycle: bool = False) -> None:
    """A register between two channels of AXI. source, sink: the signals of each side by what they are called on the bus, VALID
    and READY among them. every_cycle: for data, that can't wait."""
    parts = [part for part in source if part not in ("VALID", "READY")]
    given, taken = (Cat(side[part] for part in parts) for side in (source, sink))
    assert [len(source[part]) for part in parts] == [len(sink[part]) for part in parts]
    m.submodules[name] = register = Queue(len(given), 2) if every_cycle else Slow(len(given))
    m.d.comb += [
        register.i.payload.eq(given),
        register.i.valid.eq(source["VALID"]),
        source["READY"].eq(register.i.ready),
        taken.eq(register.o.payload),
        sink["VALID"].eq(register.o.valid),
        register.o.ready.eq(sink["READY"]),
    ]
