"""The network's outer input: AXI4-Stream in, a stream of channel values out."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module
from amaranth.lib.wiring import In, Out

from hwgen.layers.axi import element_bytes
from hwgen.layers.beatwise import Beatwise, BeatwiseComponent
from hwgen.layers.elastic import buffer, buffer_cost, counter, counter_cost
from hwgen.layers.stream import signature
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Source(Beatwise):
    """AXI4-Stream slave `s_axis_*` (see `hwgen.layers.axi`) to stream `o`; of each value's bytes the low bits are used.

    frame_error: high for good once TLAST was missing on the last beat of a frame, or came on another one. As an op it
    has no
    inputs: evaluate() is given the frames.
    """

    input: TensorType
    lanes: int

    @property
    def inputs(self):
        return ()

    @property
    def result(self):
        return self.input

    @property
    def latency(self):
        return 1

    def evaluate(self, x):
        return x

    def ports(self):
        return {
            "s_axis_tdata": In(8 * element_bytes(self.input) * self.lanes),
            "s_axis_tvalid": In(1),
            "s_axis_tready": Out(1),
            "s_axis_tlast": In(1),
            "o": Out(signature(self.input, self.lanes)),
            "frame_error": Out(1),
        }

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        size, width = 8 * element_bytes(self.input), self.input.width
        data = Cat(ports.s_axis_tdata.word_select(k, size)[:width] for k in range(self.lanes))
        ready, _ = buffer(m, ports.s_axis_tvalid, data, ports.o)
        taken = ports.s_axis_tvalid & ready
        _, last = counter(m, self.beats_out, taken, "beat")
        m.d.comb += ports.s_axis_tready.eq(ready)
        with m.If(taken & (ports.s_axis_tlast != last)):
            m.d.sync += ports.frame_error.eq(1)

    def cost(self):
        return buffer_cost(self.input.width * self.lanes) + counter_cost(self.beats_out)
