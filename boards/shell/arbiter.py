"""One bus for several channels: whose turn it is."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.bursts import REQUEST


class Arbiter(wiring.Component):
    """Requests of `channels` channels to one stream, each in turn; `channel` is whose request is offered.

    The choice stands until the request is taken.
    """

    def __init__(self, channels: int):
        self.channels = channels
        members = {f"i{k}": In(stream.Signature(REQUEST)) for k in range(channels)}
        super().__init__({**members, "o": Out(stream.Signature(REQUEST)), "channel": Out(range(channels))})

    def elaborate(self, platform):
        m = Module()
        inputs = [getattr(self, f"i{k}") for k in range(self.channels)]
        if self.channels == 1:
            wiring.connect(m, wiring.flipped(inputs[0]), wiring.flipped(self.o))
            return m
        m.d.comb += self.o.valid.eq(0)
        with m.Switch(self.channel):
            for k, one in enumerate(inputs):
                with m.Case(k):
                    m.d.comb += [self.o.payload.eq(one.payload), self.o.valid.eq(one.valid)]
                    m.d.comb += one.ready.eq(self.o.ready)
                    # The next that has a request; where none has, the turn stays.
                    with m.If(~one.valid | self.o.ready):
                        for step in reversed(range(1, self.channels)):
                            other = (k + step) % self.channels
                            with m.If(inputs[other].valid):
                                m.d.sync += self.channel.eq(other)
        return m
