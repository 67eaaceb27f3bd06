"""Beats of one number of lanes repacked into beats of another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat as Bits
from amaranth.hdl import Module, Mux, Signal, Value

from hwgen.layers.beatwise import BeatwiseComponent
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.elastic import counter, counter_cost
from hwgen.layers.stream import layout
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Convert(Block):
    """lanes_from lanes in, lanes_to lanes out, at the full rate of the narrower side.

    Where neither divides the other, beats are collected up to their least common multiple and then taken apart. Each
    stage is one register; its ready depends on the output's in the same cycle.
    """

    input: TensorType
    lanes_from: int
    lanes_to: int

    def __post_init__(self):
        layout(self.input, self.lanes_from)
        layout(self.input, self.lanes_to)
        if self.lanes_from == self.lanes_to:
            raise ValueError(f"nothing to convert: {self.lanes_from} lanes on both sides")

    @property
    def output_room(self):
        # While collected lanes wait, the register that the next ones would go into is taken.
        return 0 if self.lanes_to > self.lanes_from else 1

    @property
    def holds(self):
        return 1 if self.collected == 1 else 0

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        return self.input

    @property
    def lanes_in(self):
        return (self.lanes_from,)

    @property
    def lanes_out(self):
        return self.lanes_to

    @property
    def common(self) -> int:
        """Lanes of a word: what a whole number of beats of either side makes."""
        return math.lcm(self.lanes_from, self.lanes_to)

    @property
    def collected(self) -> int:
        """Input beats a word."""
        return self.common // self.lanes_from

    @property
    def given(self) -> int:
        """Output beats a word."""
        return self.common // self.lanes_to

    @property
    def interval(self):
        return max(self.beats_in(), self.beats_out)

    def evaluate(self, x):
        return x

    def needs(self, port=0):
        return (np.arange(self.beats_out) // self.given + 1) * self.collected - 1

    def schedule(self, arrivals):
        if self.given == 1:
            taken = paced(arrivals)
            return (taken,), taken[self.collected - 1 :: self.collected] + 1
        if self.collected == 1:
            taken = paced(arrivals, self.given)
            return (taken,), (taken[:, None] + 1 + np.arange(self.given)).reshape(-1)
        # A word is full a cycle after its last beat; the next stage takes it when it has given away the one before.
        beats, offered = np.arange(self.collected), arrivals.reshape(-1, self.collected)
        full = (offered - beats).max(axis=1) + self.collected
        passed = paced(full, max(self.collected, self.given))
        before = np.concatenate([[np.iinfo(np.int64).min // 2], passed[:-1]])
        steps = np.maximum(np.maximum.accumulate(offered - beats, axis=1), before[:, None])
        taken = (steps + beats).reshape(-1)
        return (taken,), (passed[:, None] + 1 + np.arange(self.given)).reshape(-1)

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        valid, payload = ports.i.valid, ports.i.payload.as_value()
        ready = ports.i.ready
        if self.collected > 1:
            valid, payload, ready = _collect(m, valid, payload, ready, self.collected)
        if self.given > 1:
            valid, payload, ready = _give(m, valid, payload, ready, self.given)
        m.d.comb += [ports.o.valid.eq(valid), ports.o.payload.as_value().eq(payload), ready.eq(ports.o.ready)]

    def cost(self):
        total, bits = Resources(), self.common * self.input.width
        if self.collected > 1:
            total += Resources(lut=3, ff=bits + 1) + counter_cost(self.collected)
        if self.given > 1:
            muxed = bits - self.lanes_to * self.input.width
            total += Resources(lut=muxed + 3, ff=bits + 1) + counter_cost(self.given)
        return total

    def describe(self):
        return f"Convert[{self.lanes_from}→{self.lanes_to} lanes]"


def _collect(m: Module, valid, payload, ready, count: int) -> tuple[Value, Value, Signal]:
    """`count` beats shifted into one word; sets ready, returns the word's valid, the word, and the ready it wants."""
    width = len(payload)
    word, full, taken = Signal(width * count, reset_less=True), Signal(), Signal()
    m.d.comb += ready.eq(~full | taken)
    step = valid & ready
    _, last = counter(m, count, step, "collected")
    with m.If(step):
        m.d.sync += [word.eq(Bits(word[width:], payload)), full.eq(last)]
    with m.Elif(taken):
        m.d.sync += full.eq(0)
    return full, word, taken


def _give(m: Module, valid, payload, ready, count: int) -> tuple[Value, Value, Signal]:
    """A word shifted out as `count` beats; sets ready, returns a beat's valid, the beat, and the ready it wants."""
    width = len(payload) // count
    word, full, taken = Signal(width * count, reset_less=True), Signal(), Signal()
    step = full & taken
    _, last = counter(m, count, step, "given")
    m.d.comb += ready.eq(~full | (taken & last))
    with m.If(ready):
        m.d.sync += full.eq(valid)
    with m.If(ready | taken):
        # The top beat has nothing to shift in: it stays, which saves its multiplexer.
        m.d.sync += word.eq(Mux(ready, payload, Bits(word[width:], word[-width:])))
    return full, word[:width], taken
