"""The registers in hardware, made from their declaration."""

from __future__ import annotations

from collections.abc import Mapping

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.bus import Bus
from hwgen.boards.shell.registers import Register


class RegisterFile(wiring.Component):
    """Registers on a `bus`, each with ports named after it.

    "const" has none. NAME is an input for "ro", else an output with what is stored. For "rw" and "wo" NAME_written is
    high in the cycle after a write, as NAME is the new value; for "ro" NAME_read is high in the cycle of a read. Bits that
    are high in NAME_set of a "w1c" are set, also where the host clears them in the same cycle. Of a register with
    fields only these are stored. lock: writes are ignored.
    """

    def __init__(self, registers: Mapping[int, tuple[str, Register]], constants: Mapping[str, int]):
        self.registers, self.constants = registers, constants
        members = {"bus": In(Bus), "lock": In(1)}
        for name, register in registers.values():
            width = stored_bits(register)
            if register.access == "ro":
                members |= {name: In(width), f"{name}_read": Out(1)}
            elif register.access in {"rw", "wo"}:
                members |= {name: Out(width, init=register.reset), f"{name}_written": Out(1)}
            elif register.access == "w1c":
                members |= {name: Out(width, init=register.reset), f"{name}_set": In(width)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        write = Signal()
        data = Signal(32, reset_less=True)  # a read that meets a reset of the registers gets its answer
        m.d.comb += [write.eq(bus.write & ~self.lock), bus.read_data.eq(data)]
        for name, register in self.registers.values():  # what holds for a cycle, or is set, unless written below
            if register.access in {"rw", "wo"}:
                m.d.sync += getattr(self, f"{name}_written").eq(0)
            elif register.access == "w1c":
                m.d.sync += getattr(self, name).eq(getattr(self, name) | getattr(self, f"{name}_set"))
        with m.Switch(bus.address):
            for offset, (name, register) in self.registers.items():
                with m.Case(offset // 4):
                    self._one(m, name, register, write, data)
            with m.Default():
                m.d.sync += data.eq(0)
        return m

    def _one(self, m: Module, name: str, register: Register, write, data) -> None:
        """The register under the bus's address."""
        bus = self.bus
        if register.access == "const":
            m.d.sync += data.eq(Const(self.constants[name], 32))
            return
        value = getattr(self, name)
        m.d.sync += data.eq(0 if register.access == "wo" else value)
        if register.access == "ro":
            m.d.comb += getattr(self, f"{name}_read").eq(bus.read)
        elif register.access == "w1c":
            with m.If(write):
                m.d.sync += value.eq((value & ~bus.write_data) | getattr(self, f"{name}_set"))
        else:
            with m.If(write):
                m.d.sync += [value.eq(bus.write_data), getattr(self, f"{name}_written").eq(1)]


def stored_bits(register: Register) -> int:
    """How many bits from bit 0 on a register has in hardware."""
    return max((part.low + part.width for part in register.bits), default=32)
