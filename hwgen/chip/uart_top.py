"""The top of a chip with the UART shell: clock, reset, and three pins."""

from __future__ import annotations

from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from hwgen.boards.board import Board
from hwgen.boards.shell.identity import identity
from hwgen.boards.shell.uart_shell import Line, UartShell
from hwgen.chip.chip import Chip
from hwgen.chip.pll import Pll, pll
from hwgen.chip.pll_xc7 import Plle2
from hwgen.compiler import Compiled
from hwgen.passes.emit import Emitted, emit


class Top(wiring.Component):
    """clk: the oscillator. rx, tx: the serial line."""

    def __init__(self, shell: UartShell, clock: Pll | Plle2 | None, family: str):
        self.shell, self.clock, self.family = shell, clock, family
        super().__init__({"clk": In(1), "rx": In(1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = domain = ClockDomain("sync")
        xilinx = self.family == "xc7"
        pin, made = (Signal(name="oscillator"), Signal(name="unbuffered")) if xilinx else (self.clk, domain.clk)
        if self.clock is None:  # flip-flops begin with their values after configuration
            m.d.comb += [made.eq(pin), domain.rst.eq(0)]
        else:
            locked = Signal()
            m.submodules.pll = self.clock.instance(pin, made, locked)
            m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        m.submodules.shell = self.shell
        if not xilinx:
            m.d.comb += [self.shell.rx.eq(self.rx), self.tx.eq(self.shell.tx)]
            return m
        m.submodules.clock_pin = Instance("IBUF", i_I=self.clk, o_O=pin)
        m.submodules.clock_net = Instance("BUFG", i_I=made, o_O=domain.clk)
        m.submodules.rx_pin = Instance("IBUF", i_I=self.rx, o_O=self.shell.rx)
        m.submodules.tx_pin = Instance("OBUF", i_I=self.shell.tx, o_O=self.tx)
        return m


def uart_chip(compiled: Compiled, board: Board, clock_mhz: float) -> Chip:
    """The chip of a network at a serial line. Raises OptionError for a clock that the board's PLL, or the line, can't have."""
    emitted: Emitted = emit(compiled.hardware, board.family, levels=True)
    found = identity(compiled.integer, compiled.hardware, clock_mhz, dma=False, fills=True)
    shell = UartShell(emitted, found, Line.at(found.clock_hz))
    top = f"{emitted.top}_chip"
    text = verilog.convert(
        Top(shell, pll(board.oscillator_mhz, clock_mhz, board.family), board.family),
        name=top,
        emit_src=False,
        strip_internal_attrs=True,
    )
    parts = ("control", "link", "receiver", "transmitter", *(channel.name for channel in found.channels))
    parts = tuple(f"shell.{part}" for part in parts)
    return Chip(top, f"{text}\n{emitted.text}", emitted.top, "shell.network.emitted", parts, found, clock_mhz)
