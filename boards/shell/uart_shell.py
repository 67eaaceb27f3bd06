"""The chip around a network on a board whose host is at the end of a serial line."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell import uart_packet as packet
from hwgen.boards.shell.control import Control
from hwgen.boards.shell.gearbox import stream_ports
from hwgen.boards.shell.identity import Identity
from hwgen.boards.shell.network import Network
from hwgen.boards.shell.shell import watch
from hwgen.boards.shell.uart import IDLE, Receiver, Transmitter
from hwgen.boards.shell.uart_buffers import InputBuffer, OutputBuffer
from hwgen.boards.shell.uart_link import Link
from hwgen.errors import OptionError
from hwgen.passes.emit import Emitted

FRAMES = 16  # bits in which frames are counted: a network never holds so many


@dataclass(frozen=True)
class Line:
    """divisor: cycles a bit. timeout: cycles that a packet's next byte may take."""

    divisor: int
    timeout: int

    @classmethod
    def at(cls, clock_hz: int, baud: int = packet.BAUD) -> Line:
        """For a clock. Raises OptionError where the rate is off by more than 2 %, which a receiver may take for other bits."""
        divisor = max(4, round(clock_hz / baud))
        if abs(clock_hz / divisor / baud - 1) > 0.02:
            raise OptionError(
                f"a clock of {clock_hz / 1e6:g} MHz can't make {baud:,} baud within 2 %; choose a clock that is a "
                f"multiple of {baud / 1e6:g} MHz"
            )
        return cls(divisor, round(clock_hz * packet.TIMEOUT))


class UartShell(wiring.Component):
    """Registers, frames and scores over the serial line `rx`, `tx` (see `uart_packet`)."""

    def __init__(self, emitted: Emitted, identity: Identity, line: Line):
        self.emitted, self.identity, self.serial = emitted, identity, line
        super().__init__({"rx": In(1, init=IDLE), "tx": Out(1, init=IDLE)})

    def elaborate(self, platform):
        m = Module()
        control = Control(self.identity)
        m.submodules.control = ResetInserter(control.clear)(control)
        m.submodules.network = network = Network(self.emitted, self.identity)
        m.submodules.receiver = receiver = Receiver(self.serial.divisor)
        m.submodules.transmitter = transmitter = Transmitter(self.serial.divisor)
        m.submodules.link = link = Link(len(self.identity.inputs), len(self.identity.outputs), self.serial.timeout)
        wiring.connect(m, link.sent, transmitter.bytes)
        wiring.connect(m, link.bus, control.bus)
        watch(m, control, network, self.identity)
        m.d.comb += [
            receiver.line.eq(self.rx),
            self.tx.eq(transmitter.line),
            link.received.eq(receiver.data),
            link.strobe.eq(receiver.strobe),
            link.forget.eq(control.clear),
            network.clear.eq(control.clear),
            control.quiet.eq(1),  # there is no bus whose transfers would have to end
        ]
        waiting, counts = [], []
        for channel in self.identity.channels:
            into = channel.kind == "input"
            buffer = InputBuffer(channel.port) if into else OutputBuffer(channel.port)
            m.submodules[channel.name] = ResetInserter(control.clear)(buffer)
            ports = stream_ports("axis", channel.port.beat_bytes, into=not into)
            for name, member in ports.items():
                there, here = getattr(network, channel.axis + name.removeprefix("axis")), getattr(buffer, name)
                m.d.comb += here.eq(there) if member.flow == wiring.In else there.eq(here)
            count = Signal(FRAMES)
            with m.If(control.clear):
                m.d.sync += count.eq(0)
            with m.Elif(buffer.started if into else buffer.ended):
                m.d.sync += count.eq(count + 1)
            counts.append(count)
            if into:
                waiting.append(~buffer.free)
                self._input(m, link, buffer, channel.k, control)
            else:
                self._output(m, link, buffer, channel.k)
        m.d.comb += control.idle.eq(~Cat(waiting).any() & Cat(count == counts[0] for count in counts[1:]).all())
        return m

    def _input(self, m: Module, link: Link, buffer: InputBuffer, k: int, control: Control) -> None:
        m.d.comb += [
            buffer.write.eq(getattr(link, f"in{k}_write")),
            buffer.commit.eq(getattr(link, f"in{k}_commit")),
            getattr(link, f"in{k}_free").eq(buffer.free),
            buffer.address.eq(link.address),
            buffer.data.eq(link.data),
            buffer.length.eq(link.length),
            buffer.enable.eq(control.enable),
        ]

    def _output(self, m: Module, link: Link, buffer: OutputBuffer, k: int) -> None:
        m.d.comb += [
            buffer.ask.eq(getattr(link, f"out{k}_ask")),
            getattr(link, f"out{k}_length").eq(buffer.length),
            getattr(link, f"out{k}_data").eq(buffer.data),
            buffer.address.eq(link.address),
            buffer.wanted.eq(link.wanted),
        ]
