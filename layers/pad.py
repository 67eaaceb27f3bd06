"""Zero padding of a stream. Windows make their own; this is for padding that no window follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal

from hwgen import ops
from hwgen.layers.beatwise import BeatwiseComponent
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.compare import at_least
from hwgen.layers.elastic import counter, counter_cost, register, register_cost
from hwgen.layers.stream import layout
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Pad(Block):
    """(top, bottom, left, right) rows and columns of zeros around (H, W, C). A beat a cycle.

    Input waits while zeros go out. The zeros before a frame's first pixel wait for that pixel, so that nothing is made
    of a frame that hasn't begun.
    """

    input: TensorType
    padding: tuple[int, int, int, int]
    lanes: int = 1

    def __post_init__(self):
        if len(self.padding) != 4 or min(self.padding) < 0:
            raise ValueError(f"pad: padding is four numbers, none negative, not {self.padding}")
        layout(self.input, self.lanes)

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        return ops.Pad(self.padding).infer(self.input)

    @property
    def lanes_in(self):
        return (self.lanes,)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def interval(self):
        return self.beats_out

    def evaluate(self, x):
        return ops.Pad(self.padding).evaluate(x)

    @property
    def _inside(self) -> np.ndarray:
        """(beats_out,) bool: which beats are the input's."""
        inside = np.zeros((*self.result.shape[:2], self.input.channels // self.lanes), dtype=bool)
        top, _, left, _ = self.padding
        inside[top : top + self.input.shape[0], left : left + self.input.shape[1]] = True
        return inside.reshape(-1)

    def needs(self, port=0):
        return np.maximum(np.cumsum(self._inside) - 1, 0)

    def schedule(self, arrivals):
        ready = arrivals.reshape(-1, self.beats_in())[:, self.needs()]
        moved = paced(ready.reshape(-1))
        return (moved.reshape(-1, self.beats_out)[:, self._inside].reshape(-1),), moved + 1

    def cost(self):
        counters = (self.input.channels // self.lanes, *self.result.shape[:2])
        bits = self.lanes * self.result.width
        control = sum((counter_cost(n) for n in counters), Resources()) + Resources(lut=12, ff=1)
        return control + register_cost(bits) + Resources(lut=bits if any(self.padding) else 0)

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i, o = ports.i, ports.o
        (height, width, _), (rows, columns, _) = self.input.shape, self.result.shape
        top, _, left, _ = self.padding
        moves, inside, begun = Signal(), Signal(), Signal()
        _, last_group = counter(m, self.input.channels // self.lanes, moves, "group")
        x, last_column = counter(m, columns, moves & last_group, "x")
        y, last_row = counter(m, rows, moves & last_group & last_column, "y")
        m.d.comb += inside.eq(_between(x, left, left + width) & _between(y, top, top + height))
        with m.If(moves):
            m.d.sync += begun.eq(~(last_group & last_column & last_row) & (begun | inside))
        valid = i.valid | (begun & ~inside)
        payload = [Signal(o.payload[0].shape(), name=f"lane{k}") for k in range(self.lanes)]
        m.d.comb += [lane.eq(Mux(inside, i.payload[k], 0)) for k, lane in enumerate(payload)]
        ready = register(m, valid, Cat(payload), o)
        m.d.comb += [moves.eq(valid & ready), i.ready.eq(ready & inside)]


def _between(at, lo: int, hi: int):
    return at_least(at, lo) & ~at_least(at, hi) if len(at) else Const(1)
