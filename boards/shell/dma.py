"""Both engines: frames by descriptor from memory into the network, and its scores back."""

from __future__ import annotations

from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.bursts import HOST, Descriptors
from hwgen.boards.shell.gearbox import stream_ports
from hwgen.boards.shell.identity import Channel, Identity
from hwgen.boards.shell.reader import ReadChannel, ReadPort, read_ports
from hwgen.boards.shell.writer import WriteChannel, WritePort, write_ports


class Dma(wiring.Component):
    """The AXI master `m_axi_*` of 64 bits, for all inputs and outputs of a network.

    Bursts have at most 16 words, as AXI3 wants, and none crosses 4 KB. The network is on the streams that are named
    like its own. input{k}_host, output{k}_host: the descriptor queues. bus_errors: as of `Control`.
    enable: frames may begin. halt, quiet: bursts may not; none is under way. idle: no frame of an input is queued, and
    all that were read have been written.
    """

    def __init__(self, identity: Identity):
        self.identity = identity
        members = {"enable": In(1), "halt": In(1), "quiet": Out(1), "idle": Out(1, init=1), "bus_errors": Out(4)}
        members |= read_ports("m_axi") | write_ports("m_axi")
        for channel in identity.channels:
            members[f"{channel.name}_host"] = In(HOST)
            members |= stream_ports(channel.axis, channel.port.beat_bytes, into=channel.kind == "output")
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        reads = [ReadChannel(port) for port in self.identity.inputs]
        writes = [WriteChannel(port) for port in self.identity.outputs]
        descriptors = []
        m.submodules.reader = reader = ReadPort(len(reads))
        m.submodules.writer = writer = WritePort(tuple(channel.tail for channel in writes))
        for outer, inner in zip(self.identity.channels, (*reads, *writes)):
            descriptors.append(self._channel(m, outer, inner, reader if outer.kind == "input" else writer))
        for k, channel in enumerate(writes):
            wiring.connect(m, channel.words, getattr(writer, f"words{k}"))
        # Frames are counted in 16 bits: a network never holds so many.
        counts = [queue.host.done[:16] for queue in descriptors]
        m.d.comb += [
            self.quiet.eq(reader.quiet & writer.quiet),
            self.bus_errors.eq(
                Cat(
                    Cat(channel.slverr for channel in reads).any(),
                    Cat(channel.decerr for channel in reads).any(),
                    Cat(channel.slverr for channel in writes).any(),
                    Cat(channel.decerr for channel in writes).any(),
                )
            ),
        ]
        m.d.sync += self.idle.eq(
            ~Cat(queue.pending for queue in descriptors[: len(reads)]).any()
            & Cat(count == counts[0] for count in counts[1:]).all()
        )
        for port, names in ((reader, read_ports("m_axi")), (writer, write_ports("m_axi"))):
            expose(m, self, "m_axi", port, "m_axi", names)
            m.d.comb += port.halt.eq(self.halt)
        return m

    def _channel(self, m: Module, outer: Channel, inner, port) -> Descriptors:
        """A channel with its descriptors, between the network's stream and the bus."""
        m.submodules[outer.name] = inner
        m.submodules[f"{outer.name}_descriptors"] = descriptors = Descriptors()
        wiring.connect(m, wiring.flipped(getattr(self, f"{outer.name}_host")), descriptors.host)
        wiring.connect(m, descriptors.addresses, inner.addresses)
        wiring.connect(m, inner.requests, getattr(port, f"requests{outer.k}"))
        m.d.comb += [
            inner.enable.eq(self.enable),
            inner.answer.eq(port.answer),
            inner.answered.eq(getattr(port, f"answered{outer.k}")),
            descriptors.finish.eq(inner.finish),
            descriptors.failed.eq(inner.failed),
        ]
        ports = stream_ports("axis", outer.port.beat_bytes, into=outer.kind == "output")
        expose(m, self, outer.axis, inner, "axis", ports)
        return descriptors


def expose(m: Module, outside, outer: str, inside, inner: str, ports: dict) -> None:
    """Connects a part's ports, whose names begin with `inner`, to those of the whole that begin with `outer`."""
    for name, member in ports.items():
        there, here = getattr(outside, outer + name.removeprefix(inner)), getattr(inside, name)
        m.d.comb += here.eq(there) if member.flow == wiring.In else there.eq(here)
