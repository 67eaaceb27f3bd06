"""The end of a free-running pipeline: an output FIFO, and a count of the room left in it.

A deep pipeline with a clock enable is slow: the enable reaches every register. Here nothing stalls. A result is started only
while there is a credit, i.e. room in the FIFO for everything that is already on its way and this one too.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out


def credits_needed(latency: int) -> int:
    """The least FIFO depth with which a pipeline of `latency` cycles (start to push) runs without a bubble.

    Two cycles through the FIFO and one for the credit's way back come on top. At least 4.
    """
    return max(4, latency + 3)


class CreditedOutput(wiring.Component):
    """Collects the results of a free-running pipeline and counts credits.

    shape: payload shape. depth: results that may be under way or waiting (see `credits_needed`).

    ready (out): a result may be started in this cycle. start (in): one is started; only while ready.
    push, payload (in): a result leaves the pipeline in this cycle. o: the stream of results.
    """

    def __init__(self, shape, depth: int):
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth}")
        self.depth = depth
        super().__init__(
            {
                "ready": Out(1),
                "start": In(1),
                "push": In(1),
                "payload": In(shape),
                "o": Out(stream.Signature(shape)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=len(self.payload.as_value()), depth=self.depth)
        m.d.comb += [
            fifo.w_data.eq(self.payload.as_value()),
            fifo.w_en.eq(self.push),
            self.o.p.as_value().eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
        ]
        credits = Signal(range(self.depth + 1), init=self.depth)
        returned = self.o.valid & self.o.ready
        m.d.comb += self.ready.eq(credits != 0)
        m.d.sync += credits.eq(credits + returned - (self.start & self.ready))
        return m
