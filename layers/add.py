"""Sum of streams, beat by beat: the join of residual branches; with one part, a multiplication by a constant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat as Bits
from amaranth.hdl import Const, Module, Signal

from hwgen import ops
from hwgen.layers.beatwise import BeatwiseComponent
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.stream import layout
from hwgen.layers.sums import Sum, Term, digits
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Add(Block):
    """Σ raw_i · multiplier_i, which all have the same shape; `frac` and `divisor` are those of the sum.

    Multipliers are made of shifts and adders. All registers (one for two terms, two for up to four) move together; the
    inputs' ready depends on the output's in the same cycle.
    """

    output_room = 1
    holds = 1

    parts: tuple[TensorType, ...]
    multipliers: tuple[int, ...]
    frac: int
    divisor: int
    lanes: int

    def __post_init__(self):
        if len(self.parts) != len(self.multipliers) or not self.parts:
            raise ValueError(f"{len(self.parts)} parts, {len(self.multipliers)} multipliers")
        for part in self.parts:
            layout(part, self.lanes)
        self.result  # noqa: B018  refuses shapes that differ

    @property
    def inputs(self):
        return self.parts

    @cached_property
    def result(self):
        return ops.Add(self.multipliers, self.frac, self.divisor).infer(*self.parts)

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
        return sum(m * x for m, x in zip(self.multipliers, inputs))

    @cached_property
    def _sum(self) -> tuple[Sum, list[int]]:
        """The tree, and the part that each of its terms is made of."""
        terms, sources = [], []
        for k, (part, multiplier) in enumerate(zip(self.parts, self.multipliers)):
            for digit in digits(multiplier):
                terms.append(Term(part.lo, part.hi, *digit))
                sources.append(k)
        return Sum(terms or [Term(0, 0)]), sources

    @property
    def latency(self) -> int:
        return self._sum[0].levels

    def needs(self, port=0):
        return np.arange(self.beats_out)

    def schedule(self, *arrivals):
        taken = paced(np.maximum.reduce(arrivals))
        return (taken,) * len(arrivals), taken + self.latency

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        streams = [getattr(ports, f"i{k}") for k in range(len(self.parts))] if len(self.parts) > 1 else [ports.i]
        total, sources = self._sum
        held = Signal(total.levels)  # which registers hold a beat
        moves, offered = Signal(), Bits(stream.valid for stream in streams).all()
        m.d.comb += [moves.eq(~held[-1] | ports.o.ready), ports.o.valid.eq(held[-1])]
        m.d.comb += [stream.ready.eq(moves & offered) for stream in streams]
        with m.If(moves):
            m.d.sync += held.eq(Bits(offered, held[:-1]))
        for lane in range(self.lanes):
            values = [streams[k].payload[lane] for k in sources] or [Const(0)]
            m.d.comb += ports.o.payload[lane].eq(total.build(m, values, moves))

    def cost(self):
        total, _ = self._sum
        return total.cost * self.lanes + Resources(lut=len(self.parts) + total.levels, ff=total.levels)

    def describe(self):
        return f"Add[{self.multipliers}, {self.lanes} lanes]"
