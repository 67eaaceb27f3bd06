"""The network's outer output: a stream of channel values in, AXI4-Stream out, the top-1 index where asked for."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Shape, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from hwgen.layers.argmax import Argmax
from hwgen.layers.axi import element_bytes
from hwgen.layers.beatwise import (
    THROUGH_CREDIT,
    Beatwise,
    BeatwiseComponent,
    delay_cost,
    delayed,
    free_running,
    free_running_cost,
)
from hwgen.layers.elastic import buffer, buffer_cost, counter, counter_cost
from hwgen.layers.stream import signature
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Sink(Beatwise):
    """Stream `i` to AXI4-Stream master `m_axis_*` (see `hwgen.layers.axi`); TLAST marks the last beat of each frame.

    top1: on that beat TUSER is the index of the greatest of the frame's values, the first one on ties. Only for
    vectors (1, 1, N).
    """

    input: TensorType
    lanes: int
    top1: bool

    def __post_init__(self):
        super().__post_init__()
        if self.top1 and self.input.pixels != 1:
            raise ValueError(f"top-1 needs a vector (1, 1, N), not {self.input.shape}")

    @property
    def result(self):
        return self.input

    @property
    def argmax(self) -> Argmax:
        return Argmax(self.input, self.lanes)

    @property
    def latency(self):
        return self.argmax.latency + THROUGH_CREDIT if self.top1 else 1

    def evaluate(self, x):
        return x

    def ports(self):
        members = {
            "i": In(signature(self.input, self.lanes)),
            "m_axis_tdata": Out(8 * element_bytes(self.input) * self.lanes),
            "m_axis_tvalid": Out(1),
            "m_axis_tready": In(1),
            "m_axis_tlast": Out(1),
        }
        if self.top1:
            members["m_axis_tuser"] = Out(self.argmax.index_width)
        return members

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i, bits = ports.i, self.input.width * self.lanes
        out = stream.Signature(
            data.StructLayout({"data": bits, "last": 1, "user": self.argmax.index_width if self.top1 else 0})
        ).create()
        started = Signal()
        _, last = counter(m, self.beats_out, started, "sent")
        if self.top1:
            start, output = free_running(m, i, out, self.argmax.latency)
            m.d.comb += [
                started.eq(start),
                output.payload.data.eq(delayed(m, i.payload.as_value(), self.argmax.latency)),
                output.payload.last.eq(delayed(m, last, self.argmax.latency)),
                output.payload.user.eq(self.argmax.build(m, start, list(i.payload))),
                ports.m_axis_tuser.eq(out.payload.user),
            ]
        else:
            ready, _ = buffer(m, i.valid, Cat(i.payload.as_value(), last), out)
            m.d.comb += [i.ready.eq(ready), started.eq(i.valid & ready)]
        size, width = 8 * element_bytes(self.input), self.input.width
        for k in range(self.lanes):
            wide = Signal(Shape(size, self.input.signed))
            element = out.payload.data.word_select(k, width)
            m.d.comb += wide.eq(element.as_signed() if self.input.signed else element)
            m.d.comb += ports.m_axis_tdata.word_select(k, size).eq(wide)
        m.d.comb += [
            ports.m_axis_tvalid.eq(out.valid),
            ports.m_axis_tlast.eq(out.payload.last),
            out.ready.eq(ports.m_axis_tready),
        ]

    def cost(self):
        bits = self.input.width * self.lanes + 1
        total = counter_cost(self.beats_out)
        if not self.top1:
            return total + buffer_cost(bits)
        latency = self.argmax.latency
        total += self.argmax.cost() + free_running_cost(bits + self.argmax.index_width, latency)
        return total + delay_cost(bits, latency)
