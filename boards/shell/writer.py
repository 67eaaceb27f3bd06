"""The write engine: what comes out of the network's AXI4-Streams into memory."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.arbiter import Arbiter
from hwgen.boards.shell.bursts import ADDRESS, DECERR, REQUEST, SLVERR, Bursts, Outstanding, fixed
from hwgen.boards.shell.gearbox import WORD, Pack, stream_ports
from hwgen.boards.shell.identity import Port
from hwgen.layers.queue import Queue

WORDS = 32  # of a channel's buffer: one burst leaves while the next gathers
OUTSTANDING = 16  # bursts

# The answer to a burst. last: it ended a frame.
ANSWER = data.StructLayout({"response": 2, "last": 1})


class WriteChannel(wiring.Component):
    """Frames of one output: addresses in, beats in on `axis_*`, `requests` and the words for them out.

    A burst is asked for when all its words are here, so that it never holds up the bus, and a reset needs to invent none.
    Answers are taken in the cycle in which they come. finish, failed: a frame's last answer came, and one of them was
    an error. slverr, decerr: such an answer.
    """

    def __init__(self, port: Port):
        self.port = port
        super().__init__(
            {
                "addresses": In(stream.Signature(ADDRESS)),
                "enable": In(1),
                "requests": Out(stream.Signature(REQUEST)),
                "words": Out(stream.Signature(64)),
                "answer": In(ANSWER),
                "answered": In(1),
                "finish": Out(1),
                "failed": Out(1),
                "slverr": Out(1),
                "decerr": Out(1),
                **stream_ports("axis", port.beat_bytes, into=True),
            }
        )

    @property
    def tail(self) -> int:
        """Byte strobes of a frame's last word."""
        return (1 << (self.port.frame_bytes % WORD or WORD)) - 1

    def elaborate(self, platform):
        m = Module()
        words = -(-self.port.frame_bytes // WORD)
        m.submodules.pack = pack = Pack(self.port.beat_bytes)
        m.submodules.buffer = buffer = Queue(64, WORDS)
        m.submodules.bursts = bursts = Bursts(words, credit=0, most=WORDS)
        wiring.connect(m, wiring.flipped(self.addresses), bursts.addresses)
        wiring.connect(m, bursts.requests, wiring.flipped(self.requests))
        wiring.connect(m, pack.words, buffer.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.words))
        bad, wrong = Signal(), Signal()  # this answer; one before it in the frame
        m.d.comb += [
            bursts.enable.eq(self.enable),
            bursts.gain.eq(buffer.i.valid & buffer.i.ready),
            self.slverr.eq(self.answered & (self.answer.response == SLVERR)),
            self.decerr.eq(self.answered & (self.answer.response == DECERR)),
            bad.eq(self.slverr | self.decerr),
            self.finish.eq(self.answered & self.answer.last),
            self.failed.eq(bad | wrong),
            pack.axis_tdata.eq(self.axis_tdata),
            pack.axis_tvalid.eq(self.axis_tvalid),
            pack.axis_tlast.eq(self.axis_tlast),
            self.axis_tready.eq(pack.axis_tready),
        ]
        with m.If(self.answered):
            m.d.sync += wrong.eq((wrong | bad) & ~self.answer.last)
        return m


def write_ports(prefix: str) -> dict:
    """The write channels of an AXI master of 64 bits; always the id 0, so that answers come in order."""
    found = {
        "awaddr": Out(32),
        "awid": Out(1),
        "awlen": Out(8),
        "awsize": Out(3),
        "awburst": Out(2),
        "awcache": Out(4),
        "awprot": Out(3),
        "awvalid": Out(1),
        "awready": In(1),
        "wdata": Out(64),
        "wstrb": Out(8),
        "wlast": Out(1),
        "wvalid": Out(1),
        "wready": In(1),
        "bid": In(1),
        "bresp": In(2),
        "bvalid": In(1),
        "bready": Out(1),
    }
    return {f"{prefix}_{name}": flow for name, flow in found.items()}


class WritePort(wiring.Component):
    """The bus for write channels whose last words have the strobes `tails`. halt: no burst is begun. quiet: none is
    offered, none unanswered."""

    def __init__(self, tails: tuple[int, ...]):
        self.tails = tails
        members = {"halt": In(1), "quiet": Out(1), "answer": Out(ANSWER), **write_ports("m_axi")}
        for k in range(len(tails)):
            members |= {
                f"requests{k}": In(stream.Signature(REQUEST)),
                f"words{k}": In(stream.Signature(64)),
                f"answered{k}": Out(1),
            }
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        channels = range(len(self.tails))
        begun = data.StructLayout({"channel": range(len(channels)), "words": 5, "last": 1})
        m.submodules.arbiter = arbiter = Arbiter(len(channels))
        m.submodules.outstanding = outstanding = Outstanding(OUTSTANDING)
        m.submodules.data = bursts = Queue(begun, OUTSTANDING)  # whose words are to be sent
        m.submodules.answers = answers = Queue(begun, OUTSTANDING)  # that are to be answered
        for k in channels:
            wiring.connect(m, wiring.flipped(getattr(self, f"requests{k}")), getattr(arbiter, f"i{k}"))
        request = arbiter.o.payload
        begin, answered = Signal(), Signal()
        m.d.sync += [answered.eq(self.m_axi_bvalid), self.answer.response.eq(self.m_axi_bresp)]
        m.d.comb += [
            arbiter.o.ready.eq((~self.m_axi_awvalid | self.m_axi_awready) & ~self.halt & ~outstanding.full),
            begin.eq(arbiter.o.valid & arbiter.o.ready),
            outstanding.up.eq(begin),
            outstanding.down.eq(answered),
            self.quiet.eq(outstanding.none),  # a burst counts from the cycle in which it is offered
            *fixed(self, "aw"),
            *(q.i.valid.eq(begin) for q in (bursts, answers)),
            *(q.i.payload.channel.eq(arbiter.channel) for q in (bursts, answers)),
            *(q.i.payload.words.eq(request.words) for q in (bursts, answers)),
            *(q.i.payload.last.eq(request.last) for q in (bursts, answers)),
            self.m_axi_bready.eq(1),
            self.answer.last.eq(answers.o.payload.last),
            answers.o.ready.eq(answered),
            *(getattr(self, f"answered{k}").eq(answered & (answers.o.payload.channel == k)) for k in channels),
        ]
        with m.If(self.m_axi_awready):
            m.d.sync += self.m_axi_awvalid.eq(0)
        with m.If(begin):
            m.d.sync += [
                self.m_axi_awvalid.eq(1),
                self.m_axi_awaddr.eq(Cat(Const(0, 3), request.address)),
                self.m_axi_awlen.eq(request.words - 1),
            ]
        self._send(m, bursts)
        return m

    def _send(self, m: Module, bursts: Queue) -> None:
        """The words of the bursts, in their order."""
        burst = bursts.o.payload
        sent, moved, there = Signal(5), Signal(), Signal()
        m.d.comb += [
            self.m_axi_wvalid.eq(bursts.o.valid & there),
            moved.eq(self.m_axi_wvalid & self.m_axi_wready),
            self.m_axi_wlast.eq(sent == burst.words - 1),
            bursts.o.ready.eq(moved & self.m_axi_wlast),
        ]
        with m.Switch(burst.channel):
            for k, tail in enumerate(self.tails):
                with m.Case(k):
                    words = getattr(self, f"words{k}")
                    m.d.comb += [
                        there.eq(words.valid),
                        self.m_axi_wdata.eq(words.payload),
                        self.m_axi_wstrb.eq(Mux(burst.last & self.m_axi_wlast, tail, 0xFF)),
                        words.ready.eq(bursts.o.valid & self.m_axi_wready),
                    ]
        with m.If(moved):
            m.d.sync += sent.eq(Mux(self.m_axi_wlast, 0, sent + 1))
