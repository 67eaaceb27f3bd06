"""The chip without its processor: network, engines, registers, in one clock domain. This is what is simulated."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.back import verilog
from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hwgen.boards.shell.axi_slave import AxiSlave, slave_ports
from hwgen.boards.shell.control import Control
from hwgen.boards.shell.dma import Dma, expose
from hwgen.boards.shell.gearbox import stream_ports
from hwgen.boards.shell.identity import Identity, identity
from hwgen.boards.shell.network import Network
from hwgen.boards.shell.reader import read_ports
from hwgen.boards.shell.writer import write_ports
from hwgen.compiler import Compiled
from hwgen.passes.emit import Emitted, emit

ID_BITS = 12  # of the processor's AXI port (Zynq-7000: M_AXI_GP0)


def shell_ports() -> dict:
    """The ports of a shell; see `Shell`."""
    return {
        **slave_ports("s_axi", 12, ID_BITS),
        **read_ports("m_axi"),
        **write_ports("m_axi"),
        "interrupt": Out(1),
    }


class Shell(wiring.Component):
    """Registers on `s_axi_*` (32 bits, see `registers`), frames and scores on `m_axi_*` (64 bits), `interrupt`, high
    while one is pending."""

    def __init__(self, emitted: Emitted, identity: Identity):
        self.emitted, self.identity = emitted, identity
        super().__init__(shell_ports())

    def elaborate(self, platform):
        m = Module()
        m.submodules.slave = slave = AxiSlave(12, ID_BITS)
        control, dma = Control(self.identity), Dma(self.identity)
        m.submodules.control = ResetInserter(control.clear)(control)
        m.submodules.dma = ResetInserter(control.clear)(dma)
        m.submodules.network = network = Network(self.emitted, self.identity)
        expose(m, self, "s_axi", slave, "s_axi", slave_ports("s_axi", 12, ID_BITS))
        expose(m, self, "m_axi", dma, "m_axi", read_ports("m_axi") | write_ports("m_axi"))
        wiring.connect(m, slave.bus, control.bus)
        m.d.comb += [
            self.interrupt.eq(control.interrupt),
            network.clear.eq(control.clear),
            dma.enable.eq(control.enable),
            dma.halt.eq(control.halt),
            control.quiet.eq(dma.quiet),
            control.idle.eq(dma.idle),
            control.bus_errors.eq(dma.bus_errors),
        ]
        watch(m, control, network, self.identity)
        for channel in self.identity.channels:
            wiring.connect(m, getattr(control, f"{channel.name}_host"), getattr(dma, f"{channel.name}_host"))
            ports = stream_ports(channel.axis, channel.port.beat_bytes, into=channel.kind == "input")
            expose(m, dma, channel.axis, network, channel.axis, ports)
        return m


def watch(m: Module, control: Control, network: Network, identity: Identity) -> None:
    """Shows the registers what passes the network's ports, and what its FIFOs hold."""
    m.d.comb += control.frame_error.eq(network.frame_error)
    for channel in identity.channels:
        parts = {"valid": "tvalid", "ready": "tready"}
        parts |= {"last": "tlast"} if channel.kind == "output" else {}
        parts |= {"top1": "tuser"} if channel.port.top1 else {}
        for name, axis in parts.items():
            m.d.comb += getattr(control, f"{channel.name}_{name}").eq(getattr(network, f"{channel.axis}_{axis}"))
    m.d.comb += [getattr(control, f"level{k}").eq(getattr(network, f"level{k}")) for k in range(len(identity.fifos))]


@dataclass(frozen=True)
class EmittedShell:
    """A chip's Verilog, network included, and what its registers say of it. top: the name of its top module."""

    top: str
    text: str
    identity: Identity


def emit_shell(compiled: Compiled, clock_mhz: float, *, fills: bool = True) -> EmittedShell:
    """The chip without its processor. fills: with a register for the highest fill of each FIFO. Raises OptionError."""
    emitted = emit(compiled.hardware, compiled.family, levels=True) if fills else compiled.emitted
    found = identity(compiled.integer, compiled.hardware, clock_mhz, dma=True, fills=fills)
    top = f"{emitted.top}_shell"
    return EmittedShell(top, verilog_of(Shell(emitted, found), emitted, top), found)


def verilog_of(shell: Shell, emitted: Emitted, top: str) -> str:
    """The Verilog of a shell and of the network in it."""
    return f"{verilog.convert(shell, name=top, emit_src=False, strip_internal_attrs=True)}\n{emitted.text}"
