"""The queue of streams: a ring memory and an output register, in LUTs or in block RAM, and what it costs."""

from __future__ import annotations

import math

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwgen.layers.block import Resources
from hwgen.layers.elastic import (
    buffer,
    buffer_cost,
    counter_cost,
    plus_one,
    register,
    register_cost,
    up_down,
    up_down_cost,
)

# Where a queue could be either, so many LUTs are worth a RAMB18: about their ratio on a small chip.
LUTS_PER_RAMB18 = 60


class Queue(wiring.Component):
    """A FIFO for payloads of any shape and `depth` beats, a beat a cycle. Latency two cycles, one up to depth 2.

    style: "distributed" (LUTs) or "block". level: the beats held. Neither `ready` nor `valid` depends on the other
    side, but at depth 1: there `i.ready` depends on `o.ready` in the same cycle. Amaranth's SyncFIFOBuffered does the
    same, but with up to eight CARRY4 at depth 33. Here the ring is a power of two, so that pointers wrap by themselves,
    and short counters are LUT logic.
    """

    def __init__(self, shape, depth: int, style: str = "distributed"):
        if depth < 1:
            raise ValueError(f"a queue's depth must be at least 1, not {depth}")
        self.depth, self.style = depth, style
        super().__init__(
            {
                "i": In(stream.Signature(shape)),
                "o": Out(stream.Signature(shape)),
                "level": Out(range(depth + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        payload = Value.cast(self.i.payload)
        if self.depth == 1:
            ready = register(m, self.i.valid, payload, self.o)
            m.d.comb += [self.i.ready.eq(ready), self.level.eq(self.o.valid)]
            return m
        if self.depth == 2:
            ready, level = buffer(m, self.i.valid, payload, self.o)
            m.d.comb += [self.i.ready.eq(ready), self.level.eq(level)]
            return m
        size = ring(self.depth)
        memory = Memory(shape=len(payload), depth=size, init=[], attrs={"ram_style": self.style})
        m.submodules.memory = memory
        write, read = memory.write_port(), memory.read_port()
        inside = Signal(range(self.depth))  # beats in the ring
        valid = Signal()
        written, fetched = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(inside != self.depth - 1),
            written.eq(self.i.valid & self.i.ready),
            fetched.eq((inside != 0) & (~valid | self.o.ready)),
            write.en.eq(written),
            write.data.eq(payload),
            read.en.eq(fetched),
            Value.cast(self.o.payload).eq(read.data),
            self.o.valid.eq(valid),
            self.level.eq(inside + valid),
        ]
        m.d.sync += inside.eq(up_down(inside, written, fetched))
        for port, moves in ((write, written), (read, fetched)):
            pointer = Signal(range(size))
            m.d.comb += port.addr.eq(pointer)
            with m.If(moves):
                m.d.sync += pointer.eq(plus_one(pointer))
        with m.If(fetched | self.o.ready):
            m.d.sync += valid.eq(fetched)
        return m


def ring(depth: int) -> int:
    """Words of the ring memory of a queue of this depth."""
    return 1 << (depth - 2).bit_length()


def cheaper(bits: int, depth: int) -> str:
    """ "distributed" or "block", whichever is worth less."""
    luts = _memory(bits, depth, "distributed").lut
    rams = _memory(bits, depth, "block").bram36
    return "block" if ring(depth) > 64 and luts > 2 * rams * LUTS_PER_RAMB18 else "distributed"


def _memory(bits: int, depth: int, style: str) -> Resources:
    size = ring(depth)
    if style == "block":
        return Resources(bram36=block_rams(bits, size))
    # RAM32M holds 6 bits in four LUTs, RAM64M 3; what is deeper is several of them and a multiplexer.
    if size <= 32:
        luts = 4 * math.ceil(bits / 6)
        return Resources(lut=luts, lutram=luts, ff=bits)
    banks = size // 64
    luts = 4 * math.ceil(bits / 3) * banks
    mux = 0 if banks == 1 else bits * math.ceil((banks - 1) / 3)
    return Resources(lut=luts + mux, lutram=luts, ff=bits)


def block_rams(bits: int, size: int) -> float:
    """RAMB36 (a RAMB18 is half a one) that hold `size` words, a power of two, of so many bits, with a port each way."""
    if size <= 512:
        return math.ceil(bits / 36) / 2
    width = max(1, 36 * 1024 // size) if size <= 4096 else max(1, 32 * 1024 // size)
    deep = max(1, size // 32768)
    whole, rest = divmod(bits, width)
    return deep * (whole + (0.5 if 0 < rest <= width // 2 else 1 if rest else 0))


def cost(bits: int, depth: int, style: str) -> Resources:
    """The cost of a Queue for payloads of so many bits."""
    if depth == 1:
        return register_cost(bits)
    if depth == 2:
        return buffer_cost(bits)
    level = up_down_cost((depth - 1).bit_length())
    pointers = counter_cost(ring(depth)) * 2
    return level + pointers + Resources(lut=4, ff=1) + _memory(bits, depth, style)
