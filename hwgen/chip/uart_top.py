"""The top of a chip with the UART shell: clock, reset, and three pins."""

from __future__ import annotations

from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from hwgen.boards.board import Board
from hwgen.boards.shell.identity import identity
from hwgen.boards.shell.uart_shell import Line, UartShell
from hwgen.chip.chip import Chip
from hwgen.chip.pll import Pll, pll
from hwgen.compiler import Compiled
from hwgen.passes.emit import Emitted, emit


class Top(wiring.Component):
    """clk: the oscillator. rx, tx: the serial line."""

    def __init__(self, shell: UartShell, clock: Pll | None):
        self.shell, self.clock = shell, clock
        super().__init__({"clk": In(1), "rx": In(1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = domain = ClockDomain("sync")
        if self.clock is None:  # flip-flops begin with their values after configuration
            m.d.comb += [domain.clk.eq(self.clk), domain.rst.eq(0)]
        else:
            locked = Signal()
            m.submodules.pll = self.clock.instance(self.clk, domain.clk, locked)
            m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        m.submodules.shell = self.shell
        m.d.comb += [self.shell.rx.eq(self.rx), self.tx.eq(self.shell.tx)]
        return m


def uart_chip(compiled: Compiled, board: Board, clock_mhz: float) -> Chip:
    """The chip of a network on an ECP5 board. Raises OptionError for a clock that its PLL, or the line, can't have."""
    emitted: Emitted = emit(compiled.hardware, board.family, levels=True)
    found = identity(compiled.integer, compiled.hardware, clock_mhz, dma=False, fills=True)
    shell = UartShell(emitted, found, Line.at(found.clock_hz))
    top = f"{emitted.top}_chip"
    text = verilog.convert(
        Top(shell, pll(board.oscillator_mhz, clock_mhz)), name=top, emit_src=False, strip_internal_attrs=True
    )
    parts = ("control", "link", "receiver", "transmitter", *(channel.name for channel in found.channels))
    parts = tuple(f"shell.{part}" for part in parts)
    return Chip(top, f"{text}\n{emitted.text}", emitted.top, "shell.network.emitted", parts, found, clock_mhz)
