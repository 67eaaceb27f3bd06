"""Where frames lie in memory, and the bursts that fetch or write them: what the read and the write engine share."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.layers.elastic import plus_one, up_down
from hwgen.layers.queue import Queue

QUEUE_DEPTH = 16  # frames that a channel's host can push before the first of them is done
BURST = 16  # words; what AXI3, so the HP ports of Zynq-7000, can say
ADDRESS = 29  # bits of the address of a word of 8 bytes
MOST_FAILED = 255  # frames with errors that are counted; a short counter takes no carry chain
OKAY, SLVERR, DECERR = 0, 2, 3

# A burst to make. words: 1 to 16. last: it ends a frame.
REQUEST = data.StructLayout({"address": ADDRESS, "words": 5, "last": 1})


# What the registers of an input or output tell its descriptors, and hear from them. push: queues the frame at byte
# `address` under `number`; `misaligned` or `overflow` is high in that cycle where it isn't queued. finished: a frame was
# wholly transferred. The others are what the register map says.
HOST = wiring.Signature(
    {
        "push": Out(1),
        "address": Out(32),
        "number": Out(32),
        "misaligned": In(1),
        "overflow": In(1),
        "finished": In(1),
        "waiting": In(8),
        "room": In(8),
        "done": In(32),
        "done_number": In(32),
        "failed": In(range(MOST_FAILED + 1)),
        "failed_number": In(32),
    }
)


class Descriptors(wiring.Component):
    """Frames pushed by the host: their addresses come out in order on `addresses`; each is done where `finish` is high.

    failed: with `finish`, memory answered that frame with an error. pending: there are frames pushed and not done.
    """

    def __init__(self, depth: int = QUEUE_DEPTH):
        self.depth = depth
        super().__init__(
            {
                "host": In(HOST),
                "addresses": Out(stream.Signature(ADDRESS)),
                "finish": In(1),
                "failed": In(1),
                "pending": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.addresses = addresses = Queue(ADDRESS, self.depth)
        m.submodules.numbers = numbers = Queue(32, self.depth)
        host = self.host
        full, good = Signal(), Signal()
        m.d.comb += [
            full.eq(numbers.level == self.depth),
            host.misaligned.eq(host.push & (host.address[:3] != 0)),
            host.overflow.eq(host.push & ~host.misaligned & full),
            good.eq(host.push & ~host.misaligned & ~full),
            addresses.i.payload.eq(host.address[3:]),
            addresses.i.valid.eq(good),
            numbers.i.payload.eq(host.number),
            numbers.i.valid.eq(good),
            numbers.o.ready.eq(self.finish),
            host.finished.eq(self.finish),
            # In the same cycle: a host that pushes and reads STATUS at once must not see what was.
            self.pending.eq((numbers.level != 0) | good),
            host.waiting.eq(addresses.level),
            host.room.eq(self.depth - numbers.level),
        ]
        wiring.connect(m, addresses.o, wiring.flipped(self.addresses))
        with m.If(self.finish):
            m.d.sync += [host.done.eq(host.done + 1), host.done_number.eq(numbers.o.payload)]
            with m.If(self.failed):
                m.d.sync += host.failed.eq(Mux(host.failed == MOST_FAILED, MOST_FAILED, plus_one(host.failed)))
                with m.If(host.failed == 0):
                    m.d.sync += host.failed_number.eq(numbers.o.payload)
        return m


class Bursts(wiring.Component):
    """From the addresses of frames of `words` words to the bursts that they take, as soon as there is credit for them.

    Each but a frame's last ends at a multiple of 128 bytes, so none crosses one of 4 KB. Credit, in words, is `credit`
    at first and one more in each cycle with `gain`; a burst takes as much as it has words. enable: frames may begin.
    """

    def __init__(self, words: int, credit: int, most: int):
        self.words, self.credit, self.most = words, credit, most
        super().__init__(
            {
                "addresses": In(stream.Signature(ADDRESS)),
                "enable": In(1),
                "gain": In(1),
                "requests": Out(stream.Signature(REQUEST)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        address, left = Signal(ADDRESS), Signal(range(self.words + 1))
        active, planned = Signal(), Signal()  # within a frame; `length` and `final` belong to what is left of it
        length, final = Signal(5), Signal()
        credit = Signal(range(self.most + 1), init=self.credit)
        fire, begin = Signal(), Signal()
        request = self.requests.payload
        chunk = Signal(5)
        m.d.comb += [
            chunk.eq(BURST - address[:4]),
            fire.eq(planned & (credit >= length) & (~self.requests.valid | self.requests.ready)),
            begin.eq((~active | (fire & final)) & self.enable),
            self.addresses.ready.eq(begin),
        ]
        with m.If(self.requests.ready):
            m.d.sync += self.requests.valid.eq(0)
        with m.If(active & ~planned):
            m.d.sync += [length.eq(Mux(left <= chunk, left, chunk)), final.eq(left <= chunk), planned.eq(1)]
        with m.If(fire):
            m.d.sync += [
                self.requests.valid.eq(1),
                request.address.eq(address),
                request.words.eq(length),
                request.last.eq(final),
                address.eq(Cat(Const(0, 4), (address[4:] + 1)[: ADDRESS - 4])),
                left.eq(left - length),
                planned.eq(0),
                active.eq(~final),
            ]
        with m.If(begin & self.addresses.valid):
            m.d.sync += [address.eq(self.addresses.payload), left.eq(self.words), active.eq(1)]
        m.d.sync += credit.eq(credit - Mux(fire, length, 0) + self.gain)
        return m


class Outstanding(wiring.Component):
    """Counts what was sent and not answered: `up` and `down` are one more and one less; `full` where `most` are out."""

    def __init__(self, most: int):
        self.most = most
        super().__init__({"up": In(1), "down": In(1), "none": Out(1), "full": Out(1)})

    def elaborate(self, platform):
        m = Module()
        count = Signal(range(self.most + 1))
        m.d.comb += [self.none.eq(count == 0), self.full.eq(count == self.most)]
        m.d.sync += count.eq(up_down(count, self.up, self.down))
        return m


def fixed(component, a: str) -> list:
    """What is the same in every burst: 8 bytes a beat, rising addresses, memory that is neither cached nor a device's."""
    values = {"id": 0, "size": 3, "burst": 1, "cache": 0b0011, "prot": 0}
    return [getattr(component, f"m_axi_{a}{name}").eq(value) for name, value in values.items()]
