"""Concatenation: streams joined one behind the other within each pixel, each row or each frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat as Bits
from amaranth.hdl import Const, Module, Mux, Signal, Value

from hwgen.layers.beatwise import BeatwiseComponent
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.elastic import counter, counter_cost, register, register_cost
from hwgen.layers.stream import element_shape, layout
from hwgen.ops import joined_shape
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Cat(Block):
    """For each pixel all beats of the first part, then of the second, and so on; a register holds the result.

    axis: 2 joins channels, pixel by pixel; 1 columns, row by row; 0 rows, the frames one after the other: then a part
    waits while a frame of those before it passes. The parts (at least 2) are equal along the other axes, and in frac and
    divisor; elements are extended to the common type. A part's ready depends on the output's in the same cycle. A part
    that a beat has not reached yet has `needs` -1 in that frame.
    """

    output_room = 1
    holds = 1

    parts: tuple[TensorType, ...]
    lanes: int
    axis: int = 2

    def __post_init__(self):
        if len(self.parts) < 2:
            raise ValueError(f"a concatenation needs at least 2 parts, not {len(self.parts)}")
        first = self.parts[0]
        for part in self.parts:
            layout(part, self.lanes)
            for name in ("frac", "divisor"):
                if getattr(part, name) != getattr(first, name):
                    raise ValueError(f"{name} differs: {[getattr(p, name) for p in self.parts]}")
        self.result  # noqa: B018  refuses shapes that differ

    @property
    def inputs(self):
        return self.parts

    @cached_property
    def result(self):
        shape = joined_shape([part.shape for part in self.parts], self.axis)
        return replace(self.parts[0], shape=shape, lo=min(p.lo for p in self.parts), hi=max(p.hi for p in self.parts))

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
        return np.concatenate(inputs, axis=1 + self.axis)

    @cached_property
    def _turns(self) -> np.ndarray:
        """(beats of a round,): which part each beat comes from. A round is a pixel, a row, or a frame."""
        beats = [math.prod(part.shape[self.axis :]) // self.lanes for part in self.parts]
        return np.repeat(np.arange(len(self.parts)), beats)

    def needs(self, port=0):
        return np.cumsum(np.tile(self._turns == port, self.beats_out // len(self._turns))) - 1

    def schedule(self, *arrivals):
        turns = np.tile(self._turns, sum(map(len, arrivals)) // len(self._turns))
        offered = np.empty(len(turns), dtype=np.int64)
        for port, times in enumerate(arrivals):
            offered[turns == port] = times
        taken = paced(offered)
        return tuple(taken[turns == port] for port in range(len(self.parts))), taken + 1

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        streams = [getattr(ports, f"i{k}") for k in range(len(self.parts))]
        shape = element_shape(self.result)
        step = Signal()
        beat, _ = counter(m, len(self._turns), step, "beat")
        ends = np.searchsorted(self._turns, np.arange(len(self.parts)), side="right")
        # `turn` is a register of its own, one-hot, so that the multiplexer doesn't wait for the counter.
        turn = Signal(len(self.parts), init=1)
        leaves = Value.cast(0)
        for end in ends:
            leaves = leaves | (beat == int(end) - 1)
        with m.If(step & leaves):
            m.d.sync += turn.eq(Bits(turn[-1], turn[:-1]))
        valid, payload = Value.cast(0), Const(0, shape.width * self.lanes)
        for k, stream in enumerate(streams):
            wide = [Signal(shape) for _ in range(self.lanes)]
            m.d.comb += [element.eq(lane) for element, lane in zip(wide, stream.payload)]
            payload = payload | Mux(turn[k], Bits(wide), 0)
            valid = valid | (turn[k] & stream.valid)
        ready = register(m, valid, payload, ports.o)
        m.d.comb += [stream.ready.eq(turn[k] & ready) for k, stream in enumerate(streams)]
        m.d.comb += step.eq(valid & ready)

    def cost(self):
        count, bits = len(self.parts), self.result.width * self.lanes
        # A LUT6 takes three parts with their turns; the next ones two and the sum so far.
        select = bits * max(1, -(-(count - 1) // 2))
        control = Resources(lut=2 * count, ff=count) + counter_cost(len(self._turns))
        return Resources(lut=select) + control + register_cost(bits)

    def describe(self):
        along = ("rows", "columns", "channels")[self.axis]
        return f"Cat[{'+'.join(str(part.shape[self.axis]) for part in self.parts)} {along}, {self.lanes} lanes]"
