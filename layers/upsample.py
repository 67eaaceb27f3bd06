"""Nearest-neighbour upsampling: every pixel several times, every row several times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Module, Mux, Signal

from hwgen.layers.beatwise import THROUGH_CREDIT, BeatwiseComponent, delayed, free_running_cost
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.credit import CreditedOutput, credits_needed
from hwgen.layers.elastic import counter, counter_cost
from hwgen.layers.stream import layout
from hwgen.layers.window_memory import ram, ram_cost, ram_kind, ram_latency
from hwgen.tensor import TensorType

AT_HAND = -(2**62)  # when a beat out of the memory is there: always


@dataclass(frozen=True)
class Upsample(Block):
    """(H, W, C) to (H·factors[0], W·factors[1], C). A beat a cycle.

    A memory holds the row that comes in, or where rows aren't repeated, the pixel. Every beat is read out of it: one that
    is new, in the cycle after it was written. Input waits while rows and pixels are given again.
    """

    input: TensorType
    factors: tuple[int, int]
    lanes: int = 1

    def __post_init__(self):
        if min(self.factors) < 1 or self.factors == (1, 1):
            raise ValueError(f"upsample: factors are two positive integers, not both 1, not {self.factors}")
        layout(self.input, self.lanes)

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        height, width, channels = self.input.shape
        return self.input.with_shape((height * self.factors[0], width * self.factors[1], channels))

    @property
    def lanes_in(self):
        return (self.lanes,)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def groups(self) -> int:
        """Beats a pixel."""
        return self.input.channels // self.lanes

    @property
    def words(self) -> int:
        """What the memory holds, in beats."""
        return self.groups * (self.input.shape[1] if self.factors[0] > 1 else 1)

    @property
    def kind(self) -> str:
        return ram_kind("auto", self.words, self.lanes * self.input.width)

    @property
    def stages(self) -> int:
        """Cycles from taking a beat until it is read: a register of the address, the memory."""
        return 1 + ram_latency(self.kind)

    @property
    def output_room(self):
        return credits_needed(self.stages)

    @property
    def output_lead(self):
        return self.stages + THROUGH_CREDIT

    @property
    def interval(self):
        return self.beats_out

    def evaluate(self, x):
        return x.repeat(self.factors[0], axis=1).repeat(self.factors[1], axis=2)

    @cached_property
    def _fresh(self) -> np.ndarray:
        """(beats_out,) bool: which beats are new ones of the input."""
        height, width, _ = self.input.shape
        fresh = np.zeros((height, self.factors[0], width, self.factors[1], self.groups), dtype=bool)
        fresh[:, 0, :, 0] = True
        return fresh.reshape(-1)

    def needs(self, port=0):
        return np.cumsum(self._fresh) - 1

    def schedule(self, arrivals):
        fresh = np.tile(self._fresh, len(arrivals) // self.beats_in())
        offered = np.full(len(fresh), AT_HAND)
        offered[fresh] = arrivals
        given = paced(offered)
        return (given[fresh],), given + self.output_lead

    def cost(self):
        counts = (self.groups, self.factors[1], self.input.shape[1], self.factors[0])
        bits, address = self.lanes * self.input.width, (self.words - 1).bit_length()
        control = sum(
            (counter_cost(n) for n in counts), Resources(lut=4 + 2 * address, ff=2 * address, carry4=address / 4)
        )
        return control + ram_cost(self.kind, self.words, bits) + free_running_cost(bits, self.stages)

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i, o = ports.i, ports.o
        m.submodules.output = output = CreditedOutput(o.payload.shape(), credits_needed(self.stages))
        step, fresh = Signal(), Signal()
        again_row, again_pixel = self.factors
        _, last_group = counter(m, self.groups, step, "group")
        copy, last_copy = counter(m, again_pixel, step & last_group, "copy")
        pixel = step & last_group & last_copy
        _, last_column = counter(m, self.input.shape[1], pixel, "column")
        row, _ = counter(m, again_row, pixel & last_column, "row")
        m.d.comb += [
            fresh.eq((copy == 0) & (row == 0)),
            step.eq((i.valid | ~fresh) & output.ready),
            i.ready.eq(output.ready & fresh),
            output.start.eq(step),
            output.push.eq(delayed(m, step, self.stages, reset_less=False)),
        ]

        word = Signal(range(max(self.words, 2)))
        # Back to the pixel's first word for its next copy; one pixel is all there is where rows aren't repeated.
        back = (last_group & ~last_copy) if again_row > 1 else last_group
        whole = (last_group & last_copy & last_column) if again_row > 1 else 0
        with m.If(step):
            m.d.sync += word.eq(Mux(whole, 0, Mux(back, word - (self.groups - 1), word + 1)))
        write, read, data = ram(m, self.kind, self.words, len(i.payload.as_value()))
        address = Signal(word.shape(), reset_less=True)
        m.d.sync += address.eq(word)
        m.d.comb += [
            write.addr.eq(word),
            write.data.eq(i.payload.as_value()),
            write.en.eq(step & fresh),
            read.eq(address),
            output.payload.as_value().eq(data),
            o.payload.eq(output.o.payload),
            o.valid.eq(output.o.valid),
            output.o.ready.eq(o.ready),
        ]

    def describe(self):
        return f"Upsample[{self.factors[0]}×{self.factors[1]}, {self.lanes} lanes, {self.kind}]"
