"""Maximum or minimum of streams, value by value: the join of branches that a Maximum or Minimum layer makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat as Bits
from amaranth.hdl import Module, Signal, Value

from hwgen.layers.beatwise import BeatwiseComponent
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.reduce import combine, combine_cost
from hwgen.layers.stream import layout
from hwgen.tensor import TensorType

KINDS = ("max", "min")


@dataclass(frozen=True)
class MinMax(Block):
    """Of each value the greatest or the least among the parts (at least 2), which have the same shape, frac and divisor.

    A tree of comparisons, a register behind each. All registers (one for two parts, two for up to four) move together;
    the inputs' ready depends on the output's in the same cycle.
    """

    output_room = 1
    holds = 1

    parts: tuple[TensorType, ...]
    kind: str
    lanes: int

    def __post_init__(self):
        if len(self.parts) < 2:
            raise ValueError(f"a {self.kind} of streams needs at least 2 parts, not {len(self.parts)}")
        if self.kind not in KINDS:
            raise ValueError(f"minmax: kind is max or min, not {self.kind!r}")
        first = self.parts[0]
        for part in self.parts:
            layout(part, self.lanes)
            for name in ("shape", "frac", "divisor"):
                if getattr(part, name) != getattr(first, name):
                    raise ValueError(f"{name} differs: {[getattr(p, name) for p in self.parts]}")

    @property
    def inputs(self):
        return self.parts

    @cached_property
    def result(self):
        choose = max if self.kind == "max" else min
        return replace(self.parts[0], lo=choose(p.lo for p in self.parts), hi=choose(p.hi for p in self.parts))

    @property
    def lanes_in(self):
        return (self.lanes,) * len(self.parts)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def interval(self):
        return self.beats_out

    def evaluate(self, *inputs):
        return (np.maximum if self.kind == "max" else np.minimum).reduce(inputs)

    @property
    def latency(self) -> int:
        return (len(self.parts) - 1).bit_length()

    def needs(self, port=0):
        return np.arange(self.beats_out)

    def schedule(self, *arrivals):
        taken = paced(np.maximum.reduce(arrivals))
        return (taken,) * len(arrivals), taken + self.latency

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        streams = [getattr(ports, f"i{k}") for k in range(len(self.parts))]
        held = Signal(self.latency)  # which registers hold a beat
        moves, offered = Signal(), Bits(stream.valid for stream in streams).all()
        m.d.comb += [moves.eq(~held[-1] | ports.o.ready), ports.o.valid.eq(held[-1])]
        m.d.comb += [stream.ready.eq(moves & offered) for stream in streams]
        with m.If(moves):
            m.d.sync += held.eq(Bits(offered, held[:-1]))
        for lane in range(self.lanes):
            found = self._tree(m, [stream.payload[lane] for stream in streams], moves)
            m.d.comb += ports.o.payload[lane].eq(found)

    def _tree(self, m: Module, values: list[Value], moves: Signal) -> Value:
        while len(values) > 1:
            level = [combine(self.kind, a, b) for a, b in zip(values[::2], values[1::2])]
            level += values[2 * len(level) :]
            values = [Signal(value.shape(), reset_less=True) for value in level]
            with m.If(moves):
                m.d.sync += [register.eq(value) for register, value in zip(values, level)]
        return values[0]

    def cost(self):
        # What the range of the result leaves out of the last registers, synthesis leaves out too.
        widths, total = [part.width for part in self.parts], Resources()
        while len(widths) > 1:
            pairs = [max(a, b) for a, b in zip(widths[::2], widths[1::2])]
            total += sum((combine_cost(self.kind, width) for width in pairs), Resources())
            widths = pairs + widths[2 * len(pairs) :]
            total += Resources(ff=sum(widths) if len(widths) > 1 else self.result.width)
        return total * self.lanes + Resources(lut=len(self.parts) + self.latency, ff=self.latency)

    def describe(self):
        return f"MinMax[{self.kind} of {len(self.parts)}, {self.lanes} lanes]"
