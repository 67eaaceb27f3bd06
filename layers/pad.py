"""Zero padding of a stream. Windows make their own; this is for padding that no window follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream

from hwgen import ops
from hwgen.layers.beatwise import BeatwiseComponent
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.compare import between
from hwgen.layers.elastic import counter, counter_cost, register, register_cost
from hwgen.layers.stream import layout
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Pad(Block):
    """(top, bottom, left, right) rows and columns of zeros around (H, W, C). A beat a cycle.

    Input waits while zeros go out. The zeros before a frame's first pixel wait until it was taken, so that nothing is
    made of a frame that hasn't begun.
    """

    output_room = 1

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
        arrivals = paced(arrivals)
        there = arrivals.reshape(-1, self.beats_in())[:, self.needs()].reshape(-1) + 1
        emitted = paced(there)
        left = emitted.reshape(-1, self.beats_out)[:, self._inside].reshape(-1)
        # A pixel is taken as the one before it leaves.
        return (np.maximum(arrivals, np.concatenate([[0], left[:-1]])),), emitted

    def cost(self):
        counters = (self.input.channels // self.lanes, *self.result.shape[:2])
        bits = self.lanes * self.input.width
        control = sum((counter_cost(n) for n in counters), Resources()) + Resources(lut=12, ff=1)
        return control + register_cost(bits) + Resources(lut=bits if any(self.padding) else 0)

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i, o = ports.i, ports.o
        (height, width, _), (rows, columns, _) = self.input.shape, self.result.shape
        top, _, left, _ = self.padding
        # A pixel waits in a register while zeros go out in front of it.
        pixel, moves, inside, begun = stream.Signature(i.payload.shape()).create(), Signal(), Signal(), Signal()
        m.d.comb += i.ready.eq(register(m, i.valid, i.payload, pixel))
        _, last_group = counter(m, self.input.channels // self.lanes, moves, "group")
        x, last_column = counter(m, columns, moves & last_group, "x")
        y, last_row = counter(m, rows, moves & last_group & last_column, "y")
        with m.If(moves):
            m.d.sync += begun.eq(~(last_group & last_column & last_row) & (begun | inside))
        m.d.comb += [
            inside.eq(between(x, left, left + width) & between(y, top, top + height)),
            o.valid.eq(pixel.valid | (begun & ~inside)),
            moves.eq(o.valid & o.ready),
            pixel.ready.eq(o.ready & inside),
        ]
        m.d.comb += [o.payload[k].eq(Mux(inside, pixel.payload[k], 0)) for k in range(self.lanes)]
