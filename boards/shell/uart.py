"""A serial line of 8 data bits, no parity, one stop bit: bytes from bits, and bits from bytes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

IDLE = 1  # level of the line


class Receiver(wiring.Component):
    """`data` with `strobe` for a cycle, one for each byte on `line`. divisor: cycles a bit, at least 4.

    Each bit is taken in its middle. A byte without a stop bit is dropped.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"line": In(1, init=IDLE), "data": Out(8), "strobe": Out(1)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=IDLE)
        m.submodules.synchronizer = FFSynchronizer(self.line, line, init=IDLE)
        wait, bits = Signal(range(self.divisor)), Signal(4)
        m.d.sync += self.strobe.eq(0)
        with m.If(bits == 0):  # no byte is under way; a start bit is 0
            m.d.sync += wait.eq(self.divisor // 2 - 1)
            with m.If(line == 0):
                m.d.sync += bits.eq(10)
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [wait.eq(self.divisor - 1), bits.eq(bits - 1)]
            with m.If((bits == 10) & (line == 1)):  # too short for a start bit
                m.d.sync += bits.eq(0)
            with m.Elif(bits == 1):
                m.d.sync += self.strobe.eq(line)
            with m.Elif(bits != 10):
                m.d.sync += self.data.eq(Cat(self.data[1:], line))
        return m


class Transmitter(wiring.Component):
    """Sends the bytes of `bytes` on `line`, one after the other. divisor: cycles a bit."""

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"bytes": In(stream.Signature(8)), "line": Out(1, init=IDLE)})

    def elaborate(self, platform):
        m = Module()
        wait, bits, held = Signal(range(self.divisor)), Signal(4), Signal(9, init=0x1FF)
        m.d.comb += self.bytes.ready.eq(bits == 0)
        m.d.sync += self.line.eq(held[0])  # from a flip-flop: no glitches
        with m.If(bits == 0):
            with m.If(self.bytes.valid):
                m.d.sync += [held.eq(Cat(0, self.bytes.payload)), bits.eq(10), wait.eq(self.divisor - 1)]
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [wait.eq(self.divisor - 1), bits.eq(bits - 1), held.eq(Cat(held[1:], 1))]
        return m
