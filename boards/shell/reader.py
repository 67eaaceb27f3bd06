"""The read engine: frames from memory to the network's AXI4-Streams."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.arbiter import Arbiter
from hwgen.boards.shell.bursts import ADDRESS, DECERR, REQUEST, SLVERR, Bursts, Outstanding, fixed
from hwgen.boards.shell.gearbox import WORD, Unpack, stream_ports
from hwgen.boards.shell.identity import Port
from hwgen.layers.queue import Queue

WORDS = 64  # of a channel's buffer: four bursts are on their way while memory takes its time
OUTSTANDING = 16  # bursts

# What memory answers, a cycle later. Taken in the cycle in which it is valid: room was kept for it.
ANSWER = data.StructLayout({"word": 64, "response": 2})


class ReadChannel(wiring.Component):
    """Frames of one input: addresses in, `requests` out, the words that these bring in on `answer`, beats out on `axis_*`.

    Asks only for what it has room for. finish, failed: a frame's last word came, and one of its words with an error.
    slverr, decerr: a word came with that error.
    """

    def __init__(self, port: Port):
        self.port = port
        super().__init__(
            {
                "addresses": In(stream.Signature(ADDRESS)),
                "enable": In(1),
                "requests": Out(stream.Signature(REQUEST)),
                "answer": In(ANSWER),
                "answered": In(1),
                "finish": Out(1),
                "failed": Out(1),
                "slverr": Out(1),
                "decerr": Out(1),
                **stream_ports("axis", port.beat_bytes, into=False),
            }
        )

    def elaborate(self, platform):
        m = Module()
        words = -(-self.port.frame_bytes // WORD)
        m.submodules.bursts = bursts = Bursts(words, credit=WORDS, most=WORDS)
        m.submodules.buffer = buffer = Queue(64, WORDS)
        m.submodules.unpack = unpack = Unpack(self.port.beat_bytes, self.port.frame_bytes)
        wiring.connect(m, wiring.flipped(self.addresses), bursts.addresses)
        wiring.connect(m, bursts.requests, wiring.flipped(self.requests))
        wiring.connect(m, buffer.o, unpack.words)
        left = Signal(range(words), init=words - 1)
        bad, wrong = Signal(), Signal()  # this word; one before it in the frame
        m.d.comb += [
            bursts.enable.eq(self.enable),
            bursts.gain.eq(buffer.o.valid & buffer.o.ready),
            buffer.i.payload.eq(self.answer.word),
            buffer.i.valid.eq(self.answered),
            self.slverr.eq(self.answered & (self.answer.response == SLVERR)),
            self.decerr.eq(self.answered & (self.answer.response == DECERR)),
            bad.eq(self.slverr | self.decerr),
            self.finish.eq(self.answered & (left == 0)),
            self.failed.eq(bad | wrong),
            self.axis_tdata.eq(unpack.axis_tdata),
            self.axis_tvalid.eq(unpack.axis_tvalid),
            self.axis_tlast.eq(unpack.axis_tlast),
            unpack.axis_tready.eq(self.axis_tready),
        ]
        with m.If(self.answered):
            m.d.sync += [left.eq(Mux(left == 0, words - 1, left - 1)), wrong.eq((wrong | bad) & (left != 0))]
        return m


def read_ports(prefix: str) -> dict:
    """The read channels of an AXI master of 64 bits; always the id 0, so that answers come in order."""
    found = {
        "araddr": Out(32),
        "arid": Out(1),
        "arlen": Out(8),
        "arsize": Out(3),
        "arburst": Out(2),
        "arcache": Out(4),
        "arprot": Out(3),
        "arvalid": Out(1),
        "arready": In(1),
        "rid": In(1),
        "rdata": In(64),
        "rresp": In(2),
        "rlast": In(1),
        "rvalid": In(1),
        "rready": Out(1),
    }
    return {f"{prefix}_{name}": flow for name, flow in found.items()}


class ReadPort(wiring.Component):
    """The bus for `channels` read channels. halt: no burst is begun. quiet: none is offered, none unanswered."""

    def __init__(self, channels: int):
        self.channels = channels
        members = {"halt": In(1), "quiet": Out(1), "answer": Out(ANSWER), **read_ports("m_axi")}
        for k in range(channels):
            members |= {f"requests{k}": In(stream.Signature(REQUEST)), f"answered{k}": Out(1)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.arbiter = arbiter = Arbiter(self.channels)
        m.submodules.outstanding = outstanding = Outstanding(OUTSTANDING)
        for k in range(self.channels):
            wiring.connect(m, wiring.flipped(getattr(self, f"requests{k}")), getattr(arbiter, f"i{k}"))
        begin, answered, last, ended = Signal(), Signal(), Signal(), Signal()
        # Registers at the bus, whose answers come late in a cycle.
        m.d.sync += [
            answered.eq(self.m_axi_rvalid),
            last.eq(self.m_axi_rlast),
            self.answer.word.eq(self.m_axi_rdata),
            self.answer.response.eq(self.m_axi_rresp),
        ]
        m.d.comb += [
            arbiter.o.ready.eq((~self.m_axi_arvalid | self.m_axi_arready) & ~self.halt & ~outstanding.full),
            begin.eq(arbiter.o.valid & arbiter.o.ready),
            ended.eq(answered & last),
            outstanding.up.eq(begin),
            outstanding.down.eq(ended),
            self.quiet.eq(outstanding.none),  # a burst counts from the cycle in which it is offered
            self.m_axi_rready.eq(1),
            *fixed(self, "ar"),
        ]
        with m.If(self.m_axi_arready):
            m.d.sync += self.m_axi_arvalid.eq(0)
        with m.If(begin):
            request = arbiter.o.payload
            m.d.sync += [
                self.m_axi_arvalid.eq(1),
                self.m_axi_araddr.eq(Cat(Const(0, 3), request.address)),
                self.m_axi_arlen.eq(request.words - 1),
            ]
        if self.channels == 1:
            m.d.comb += self.answered0.eq(answered)
            return m
        m.submodules.order = order = Queue(range(self.channels), OUTSTANDING)  # whose the answers are
        m.d.comb += [
            order.i.payload.eq(arbiter.channel),
            order.i.valid.eq(begin),
            order.o.ready.eq(ended),
        ]
        for k in range(self.channels):
            m.d.comb += getattr(self, f"answered{k}").eq(answered & (order.o.payload == k))
        return m
