"""The end of a free-running pipeline: an output queue, and a count of the room left in it.

A deep pipeline with a clock enable is slow: the enable reaches every register. Here nothing stalls. A result is started only
while there is a credit, i.e. room in the FIFO for everything that is already on its way and this one too.
"""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.layers.elastic import up_down
from hwgen.layers.queue import Queue, cheaper


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
        shape = self.payload.shape()
        bits = len(Value.cast(self.payload))
        # A queue of two would answer a cycle earlier than all others.
        depth = max(self.depth, 3)
        m.submodules.queue = queue = Queue(shape, depth, cheaper(bits, depth))
        m.d.comb += [queue.i.payload.eq(self.payload), queue.i.valid.eq(self.push)]
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        credits = Signal(range(self.depth + 1), init=self.depth)
        returned = self.o.valid & self.o.ready
        # `ready` is a register, as it begins the chain of `ready`s through the blocks in front.
        ready = Signal(init=1)
        following = up_down(credits, returned, self.start & self.ready)
        m.d.comb += self.ready.eq(ready)
        m.d.sync += [credits.eq(following), ready.eq(following != 0)]
        return m
