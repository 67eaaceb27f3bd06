"""Between the serial line's packets and a network's AXI4-Streams: a buffer of one packet's bytes for each."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.gearbox import stream_ports
from hwgen.boards.shell.identity import Port
from hwgen.boards.shell.uart_packet import MOST
from hwgen.layers.elastic import counter

LENGTH = range(MOST + 1)


class InputBuffer(wiring.Component):
    """Bytes of a packet, handed to the network once the packet is known to be whole.

    write: `data` becomes byte `address`. commit: the first `length` bytes, at least 1, go to the network; only while
    `free`. enable: frames may begin; one that has begun goes on. started: in the cycle in which a frame's first beat goes.
    """

    def __init__(self, port: Port):
        self.port = port
        super().__init__(
            {
                "write": In(1),
                "address": In(range(MOST)),
                "data": In(8),
                "commit": In(1),
                "length": In(LENGTH),
                "free": Out(1),
                "enable": In(1),
                "started": Out(1),
                **stream_ports("axis", port.beat_bytes, into=False),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=MOST, init=[])
        write, read = memory.write_port(), memory.read_port()
        length, at, fresh = Signal(LENGTH), Signal(LENGTH), Signal()  # fresh: the byte at `at` is being read
        held, count = Signal(8 * self.port.beat_bytes), Signal(range(self.port.beat_bytes + 1))
        full, take, gated = count == self.port.beat_bytes, Signal(), Signal()
        beat, last = counter(m, self.port.beats, take, "beat")
        first = beat == 0
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(self.write),
            read.addr.eq(at),
            read.en.eq(1),
            self.free.eq(length == 0),
            gated.eq(first & ~self.enable),
            self.axis_tvalid.eq(full & ~gated),
            self.axis_tdata.eq(held),
            self.axis_tlast.eq(last),
            take.eq(self.axis_tvalid & self.axis_tready),
            self.started.eq(take & first),
        ]
        with m.If(take):
            m.d.sync += count.eq(0)
        m.d.sync += fresh.eq(0)
        with m.If(self.commit):
            m.d.sync += [length.eq(self.length), at.eq(0)]
        with m.Elif((length != 0) & ~fresh):
            m.d.sync += fresh.eq(~full)
        with m.Elif(fresh):
            m.d.sync += [held.eq(Cat(held, read.data)[8:]), count.eq(count + 1), at.eq(at + 1)]
            with m.If(at == length - 1):
                m.d.sync += [length.eq(0), at.eq(0)]
        return m


class OutputBuffer(wiring.Component):
    """Scores until the host has them.

    ask: a packet with at most `wanted` bytes is to be sent, and the one before has arrived; two cycles later `length` is how
    many there are. `data` is, a cycle later, byte `address` of the packet, which stays until the next `ask`.
    ended: in the cycle in which a frame's last beat leaves the network.
    """

    def __init__(self, port: Port):
        self.port = port
        super().__init__(
            {
                "ask": In(1),
                "wanted": In(LENGTH),
                "length": Out(LENGTH),
                "address": In(range(MOST)),
                "data": Out(8),
                "ended": Out(1),
                **stream_ports("axis", port.beat_bytes, into=True),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=8, depth=MOST, init=[])
        write, read = memory.write_port(), memory.read_port()
        start, end = Signal(range(MOST)), Signal(range(MOST))  # of what is held: in a ring
        there, asked = Signal(LENGTH), Signal()
        held, count = Signal(8 * self.port.beat_bytes), Signal(range(self.port.beat_bytes + 1))
        put = Signal()
        m.d.comb += [
            self.axis_tready.eq(count == 0),
            self.ended.eq(self.axis_tvalid & self.axis_tready & self.axis_tlast),
            put.eq((count != 0) & (there != MOST)),
            write.addr.eq(end),
            write.data.eq(held[:8]),
            write.en.eq(put),
            read.addr.eq(start + self.address),
            read.en.eq(1),
            self.data.eq(read.data),
        ]
        with m.If(self.axis_tvalid & self.axis_tready):
            m.d.sync += [held.eq(self.axis_tdata), count.eq(self.port.beat_bytes)]
        with m.Elif(put):
            m.d.sync += [held.eq(held >> 8), count.eq(count - 1), end.eq(end + 1)]
        gone = Mux(self.ask, self.length, 0)
        m.d.sync += [there.eq(there + put - gone), start.eq(start + gone), asked.eq(self.ask)]
        with m.If(asked):
            m.d.sync += self.length.eq(Mux(self.wanted < there, self.wanted, there))
        return m
