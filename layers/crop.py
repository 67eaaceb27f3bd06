"""Cropping of a stream: rows and columns at the edges are taken and dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Signal

from hwgen import moves
from hwgen.layers.beatwise import BeatwiseComponent
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.compare import between
from hwgen.layers.elastic import counter, counter_cost
from hwgen.layers.stream import layout
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Crop(Block):
    """(top, bottom, left, right) rows and columns less of (H, W, C). A beat a cycle, no registers for data.

    What is dropped is taken whether or not the output is ready; else the input's ready is the output's.
    """

    output_room = 0

    input: TensorType
    amount: tuple[int, int, int, int]
    lanes: int = 1

    def __post_init__(self):
        layout(self.input, self.lanes)
        self.result  # noqa: B018  refuses what leaves nothing

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        return moves.Crop(self.amount).infer(self.input)

    @property
    def lanes_in(self):
        return (self.lanes,)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def interval(self):
        return self.beats_in()

    def evaluate(self, x):
        return moves.Crop(self.amount).evaluate(x)

    def needs(self, port=0):
        beats = np.arange(self.beats_in()).reshape(1, *self.input.shape[:2], -1)
        return moves.Crop(self.amount).evaluate(beats).reshape(-1)

    def schedule(self, arrivals):
        taken = paced(arrivals)
        return (taken,), taken.reshape(-1, self.beats_in())[:, self.needs()].reshape(-1)

    def cost(self):
        counters = (self.input.channels // self.lanes, *self.input.shape[1::-1])
        return sum((counter_cost(n) for n in counters), Resources()) + Resources(lut=3)

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i, o = ports.i, ports.o
        (height, width, _), (top, bottom, left, right) = self.input.shape, self.amount
        taken, inside = Signal(), Signal()
        _, last_group = counter(m, self.input.channels // self.lanes, taken, "group")
        x, last_column = counter(m, width, taken & last_group, "x")
        y, _ = counter(m, height, taken & last_group & last_column, "y")
        m.d.comb += [
            inside.eq(between(x, left, width - right) & between(y, top, height - bottom)),
            o.payload.eq(i.payload),
            o.valid.eq(i.valid & inside),
            i.ready.eq(o.ready | ~inside),
            taken.eq(i.valid & i.ready),
        ]

    def describe(self):
        return f"Crop[{self.amount}, {self.lanes} lanes]"
