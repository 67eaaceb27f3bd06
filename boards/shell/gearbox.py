"""Between words of memory, 8 bytes, and the beats of a network's AXI4-Stream, any number of bytes.

A frame starts at a word of its own, so the last word of a frame may be padded.
"""

from __future__ import annotations

import math

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.layers.elastic import counter

WORD = 8  # bytes


def stream_ports(prefix: str, beat_bytes: int, into: bool) -> dict:
    """The ports of an AXI4-Stream, of its slave's side or (not `into`) its master's."""
    there, back = (In, Out) if into else (Out, In)
    found = {"tdata": there(8 * beat_bytes), "tvalid": there(1), "tready": back(1), "tlast": there(1)}
    return {f"{prefix}_{name}": flow for name, flow in found.items()}


class Unpack(wiring.Component):
    """Words in, the beats of frames of `frame_bytes` out on `axis_*`; padding is dropped. A beat a cycle where 8 bytes or
    fewer make one, else a word a cycle. Latency 1."""

    def __init__(self, beat_bytes: int, frame_bytes: int):
        self.beat_bytes, self.frame_bytes = beat_bytes, frame_bytes
        super().__init__({"words": In(stream.Signature(64)), **stream_ports("axis", beat_bytes, into=False)})

    def elaborate(self, platform):
        m = Module()
        unit = math.gcd(self.beat_bytes, WORD)
        word, beat = WORD // unit, self.beat_bytes // unit  # in units
        size = word if beat <= 1 else beat if word == 1 else beat + word - 1
        held, count = Signal(8 * unit * size), Signal(range(size + 1))
        take, load, after = Signal(), Signal(), Signal(range(size + 1))
        m.d.comb += take.eq(self.axis_tvalid & self.axis_tready)
        _, last = counter(m, self.frame_bytes // self.beat_bytes, take, "beat")
        ends = take & last
        m.d.comb += [
            self.axis_tvalid.eq(count >= beat),
            self.axis_tdata.eq(held),
            self.axis_tlast.eq(last),
            after.eq(Mux(ends, 0, Mux(take, count - beat, count))),
            load.eq(self.words.valid & self.words.ready),
        ]
        # While a beat of the frame is still to come, there is no room for a word of the next one.
        m.d.comb += self.words.ready.eq(after <= size - word)
        shifted = Mux(take, held >> 8 * unit * beat, held)[: len(held)]
        m.d.sync += [held.eq(shifted), count.eq(after)]
        with m.If(load):
            m.d.sync += count.eq(after + word)
            place(m, held, shifted, self.words.payload, after, range(0, size - word + 1), 8 * unit)
        return m


class Pack(wiring.Component):
    """Beats of `axis_*` in, words out; the last word of a frame is padded with anything. A beat a cycle where 8 bytes or
    fewer make one, else a word a cycle; where beats are neither a part of 8 bytes nor a multiple, a frame may take a cycle
    more. Latency 1."""

    def __init__(self, beat_bytes: int):
        self.beat_bytes = beat_bytes
        super().__init__({"words": Out(stream.Signature(64)), **stream_ports("axis", beat_bytes, into=True)})

    def elaborate(self, platform):
        m = Module()
        unit = math.gcd(self.beat_bytes, WORD)
        word, beat = WORD // unit, self.beat_bytes // unit
        # A beat is taken where up to `most` units are before it; with the padding behind it, it has to fit.
        most = word - 1
        size = -(-(most + beat) // word) * word
        held, count = Signal(8 * unit * size), Signal(range(size + 1))
        leave, take, after = Signal(), Signal(), Signal(range(size + 1))
        shifted = Mux(leave, held >> 64, held)[: len(held)]
        total = Signal(range(size + 1))
        m.d.comb += [
            self.words.valid.eq(count >= word),
            self.words.payload.eq(held),
            leave.eq(self.words.valid & self.words.ready),
            after.eq(Mux(leave, count - word, count)),
            self.axis_tready.eq(after <= most),
            take.eq(self.axis_tvalid & self.axis_tready),
            total.eq(after + beat),
        ]
        m.d.sync += [held.eq(shifted), count.eq(after)]
        with m.If(take):
            m.d.sync += count.eq(Mux(self.axis_tlast, (total + word - 1) // word * word, total))
            place(m, held, shifted, self.axis_tdata, after, range(0, most + 1), 8 * unit)
        return m


def place(m: Module, held: Signal, shifted: Value, new: Value, at: Value, places: range, bits: int) -> None:
    """held <- shifted, with `new` from unit `at` on; `places`: what `at` can be. Units are so many bits."""
    for start in places:
        with m.If(at == start):
            low = shifted[: start * bits]
            m.d.sync += held.eq(Cat(low, new)[: len(held)])
