"""A FIFO: room for beats to wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.layers import queue
from hwgen.layers.beatwise import Beatwise
from hwgen.layers.block import Resources, paced
from hwgen.layers.elastic import counter_cost
from hwgen.layers.stream import layout, signature
from hwgen.tensor import TensorType

MEMORIES = ("auto", "distributed", "block")


@dataclass(frozen=True)
class Fifo(Beatwise):
    """Holds up to `depth` beats, the one that is offered included. Of one beat it is a register like a converter's: its
    ready depends on the output's in the same cycle.

    memory: "distributed" (LUTs), "block", or "auto", the cheaper. The component also has `level`, the beats held.
    spacing: cycles from offering a beat to offering the next, at least. More than 1 makes an even stream of bursts, so
    that nothing behind it needs room for them.
    """

    input: TensorType
    lanes: int
    depth: int
    memory: str = "auto"
    spacing: int = 1

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1:
            raise ValueError(f"a FIFO's depth must be at least 1, not {self.depth}")
        if self.memory not in MEMORIES:
            raise ValueError(f"a FIFO's memory must be one of {', '.join(MEMORIES)}, not {self.memory!r}")
        if self.spacing < 1:
            raise ValueError(f"a FIFO's spacing must be at least 1, not {self.spacing}")

    @property
    def result(self):
        return self.input

    @property
    def latency(self):
        return 1 if self.depth <= 2 else 2

    @property
    def interval(self):
        return self.beats_out * self.spacing

    def schedule(self, arrivals: np.ndarray):
        taken = paced(arrivals)
        return (taken,), paced(taken + self.latency, self.spacing)

    def evaluate(self, x):
        return x

    @property
    def bits(self) -> int:
        """Bits of a beat."""
        return self.input.width * self.lanes

    @property
    def style(self) -> str:
        """Where the beats lie: "registers", "distributed" or "block"."""
        if self.depth <= 2:
            return "registers"
        return self.memory if self.memory != "auto" else queue.cheaper(self.bits, self.depth)

    def cost(self):
        total = queue.cost(self.bits, self.depth, self.style)
        if self.depth > 2:
            bits = self.depth.bit_length()
            total += Resources(lut=bits - 1, carry4=-(-bits // 4))  # the adder of `level`
        if self.spacing > 1:
            total += counter_cost(self.spacing) + Resources(lut=3, ff=1)
        return total

    def component(self):
        inner = queue.Queue(layout(self.input, self.lanes), self.depth, self.style)
        return inner if self.spacing == 1 else Spaced(inner, self.input, self.lanes, self.spacing)

    def describe(self):
        spaced = f", a beat in {self.spacing} cycles" if self.spacing > 1 else ""
        return f"Fifo[{self.depth} × {self.bits} bits, {self.style}{spaced}]"


class Spaced(wiring.Component):
    """A queue whose beats are offered at least `spacing` (2 or more) cycles one after the other."""

    def __init__(self, inner: queue.Queue, type_: TensorType, lanes: int, spacing: int):
        self.inner, self.spacing = inner, spacing
        stream = signature(type_, lanes)
        super().__init__({"i": In(stream), "o": Out(stream), "level": Out(range(inner.depth + 1))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = inner = self.inner
        wiring.connect(m, wiring.flipped(self.i), inner.i)
        wait = Signal(range(self.spacing))  # cycles until another beat may be offered
        shown = Signal()  # the one in front was offered already
        first = inner.o.valid & (wait == 0) & ~shown
        m.d.comb += [
            self.o.payload.eq(inner.o.payload),
            self.o.valid.eq(first | shown),
            inner.o.ready.eq(self.o.ready & self.o.valid),
            self.level.eq(inner.level),
        ]
        m.d.sync += [
            shown.eq(self.o.valid & ~self.o.ready),
            wait.eq(Mux(first, self.spacing - 1, Mux(wait == 0, 0, wait - 1))),
        ]
        return m
