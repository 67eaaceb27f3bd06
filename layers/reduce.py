"""Pooling behind a window block: maximum or sum over all the taps of a position."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring

from hwgen import ops
from hwgen.layers import queue
from hwgen.layers.beatwise import THROUGH_CREDIT, BeatwiseComponent, delay_cost, delayed
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.credit import CreditedOutput, credits_needed
from hwgen.layers.elastic import SHORT, counter, counter_cost, up_down_cost
from hwgen.layers.stream import element_shape
from hwgen.layers.taps import Taps
from hwgen.tensor import TensorType

KINDS = ("max", "sum")


@dataclass(frozen=True)
class Reduce(Block):
    """(H, W, Kh·Kw·C) windows in `taps` order to (H, W, C): of each channel the maximum or the sum of its Kh·Kw taps.

    A beat a cycle.

    kind: "max" or "sum". average: the sum stands for an average, which its type says (`ops.Pool`).
    """

    input: TensorType
    taps: Taps
    kind: str
    average: bool = False

    def __post_init__(self):
        check_kind(self.kind, self.average, "reduce")
        if self.input.channels != self.taps.fan_in:
            raise ValueError(f"reduce: {self.input.channels} values a position for a fan-in of {self.taps.fan_in}")
        _ = self.result

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        height, width, _ = self.input.shape
        return pooled(self.input, self.kind, self.taps.kernel, self.average, (height, width, self.taps.channels))

    @property
    def lanes_in(self):
        return (self.taps.parallel,)

    @property
    def lanes_out(self):
        return self.taps.lanes

    @property
    def turns(self) -> int:
        """Beats that make one result."""
        return self.taps.beats // self.taps.groups

    @property
    def output_room(self):
        return credits_needed(self.stages)

    @property
    def output_lead(self):
        return self.stages + THROUGH_CREDIT

    @property
    def interval(self):
        return self.beats_in()

    @property
    def stages(self) -> int:
        """Registers from a beat to its result: the levels of the tree, then the accumulator."""
        return math.ceil(math.log2(self.taps.rows * self.taps.columns)) + (self.turns > 1)

    def evaluate(self, x):
        taps = self.taps
        view = x.reshape(*x.shape[:3], taps.groups, self.turns, taps.rows * taps.columns, taps.lanes)
        result = view.max(axis=(4, 5)) if self.kind == "max" else view.sum(axis=(4, 5))
        return result.reshape(*x.shape[:3], taps.channels)

    def needs(self, port=0):
        return np.arange(1, self.beats_out + 1) * self.turns - 1

    def schedule(self, arrivals):
        taken = paced(arrivals)
        return (taken,), taken[self.turns - 1 :: self.turns] + self.stages + THROUGH_CREDIT

    def cost(self):
        total = self._tree_cost
        if self.turns > 1:
            total += combine_cost(self.kind, self.result.width, held=True) + Resources(ff=self.result.width)
        bits, depth = self.taps.lanes * self.result.width, credits_needed(self.stages)
        control = up_down_cost(depth.bit_length()) + counter_cost(self.turns) + Resources(lut=4, ff=self.stages)
        return total * self.taps.lanes + control + queue.cost(bits, depth, queue.cheaper(bits, depth))

    @property
    def _tree_cost(self) -> Resources:
        """Of one lane; a value that finds no partner waits in registers, a shift register where they are many."""
        total = Resources()
        level = [(self.input.width, 0)] * (self.taps.rows * self.taps.columns)  # (bits, registers that it came through)
        while len(level) > 1:
            combined = []
            for (width, waited), (other, waited_too) in zip(level[::2], level[1::2]):
                total += combine_cost(self.kind, max(width, other))
                total += delay_cost(width, waited) + delay_cost(other, waited_too)
                combined.append((max(width, other) + (self.kind == "sum"), 1))
            level = combined + [(width, waited + 1) for width, waited in level[2 * len(combined) :]]
        return total + delay_cost(*level[0])

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i, taps = ports.i, self.taps
        m.submodules.output = output = CreditedOutput(ports.o.payload.shape(), credits_needed(self.stages))
        taken = Signal()
        turn, last = counter(m, self.turns, taken, "turn")
        # Only the beat that completes a result needs room for it.
        m.d.comb += [i.ready.eq(output.ready | ~last), taken.eq(i.valid & i.ready), output.start.eq(taken & last)]
        m.d.comb += output.push.eq(delayed(m, taken & last, self.stages, reset_less=False))
        tree = self.stages - (self.turns > 1)
        first, arrived = delayed(m, turn == 0, tree), delayed(m, taken, tree)
        for lane in range(taps.lanes):
            values = [i.payload[k * taps.lanes + lane] for k in range(taps.rows * taps.columns)]
            while len(values) > 1:
                pairs = [combine(self.kind, a, b) for a, b in zip(values[::2], values[1::2])]
                values = [delayed(m, value, 1) for value in pairs + values[len(pairs) * 2 :]]
            value = values[0]
            if self.turns > 1:
                sofar = Signal(element_shape(self.result), reset_less=True)
                with m.If(arrived):
                    m.d.sync += sofar.eq(accumulated(self.kind, first, sofar, value))
                value = sofar
            m.d.comb += output.payload[lane].eq(value)
        wiring.connect(m, output.o, wiring.flipped(ports.o))


def check_kind(kind: str, average: bool, block: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"{block}: kind is max or sum, not {kind!r}")
    if average and kind != "sum":
        raise ValueError(f"{block}: only a sum can be an average")


def pooled(x: TensorType, kind: str, kernel: tuple[int, int], average: bool, shape: tuple[int, int, int]) -> TensorType:
    """The type of a maximum or sum over kernel values of type x."""
    one = ops.Pool(kind, kernel, kernel, average=average).infer(x.with_shape((*kernel, x.channels)))
    return one.with_shape(shape)


def combine(kind: str, a: Value, b: Value) -> Value:
    """The greater ("max") or the lesser ("min") of two, or their sum ("sum")."""
    if kind == "sum":
        return a + b
    greater = _greater(a, b, Mux(0, a, b).shape())
    return Mux(greater, a, b) if kind == "max" else Mux(greater, b, a)


def accumulated(kind: str, first: Value, sofar: Value, value: Value) -> Value:
    """The two combined, or where `first` the value alone."""
    if kind == "sum":
        return value + Mux(first, 0, sofar)  # fits the adder's LUTs
    return Mux(first, value, combine(kind, sofar, value))


def _greater(a: Value, b: Value, shape: Shape) -> Value:
    """a > b. Up to a few bits in LUTs alone: carry chains run out before LUTs do."""
    if shape.width > SHORT:
        return a > b
    bits = [[v[k] if k < len(v) else _sign(v) for k in range(shape.width)] for v in (a, b)]
    if shape.signed:
        # The sign counts against a number.
        bits[0][-1], bits[1][-1] = bits[1][-1], bits[0][-1]
    greater = None
    for x, y in zip(*bits):
        greater = x & ~y if greater is None else (x & ~y) | (~(x ^ y) & greater)
    return greater


def _sign(value: Value):
    return value[-1] if value.shape().signed else Const(0)


def combine_cost(kind: str, width: int, held: bool = False) -> Resources:
    """Of `combine`. held: one of the two is the register that takes the result, whose clock enable then chooses."""
    if kind == "sum":
        return Resources(lut=width, carry4=math.ceil((width + 1) / 4))
    choice = Resources(lut=0 if held else width)
    if width > SHORT:
        return choice + Resources(lut=0.5 * width, carry4=math.ceil(width / 12))
    return choice + Resources(lut=0.7 * width)
