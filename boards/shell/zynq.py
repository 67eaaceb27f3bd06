"""The shell in a Zynq-7000: the processor's ports on one side, the shell on the other.

The processor's M_AXI_GP0 reads and writes the registers, at 0x4000_0000; the engines reach DDR through S_AXI_HP0, which
the processor's software leaves at its 64 bits; IRQF2P[0] is the interrupt (number 61 of the interrupt controller). All run
on FCLK0, whose rate the processor's software sets. Both ports are AXI3: bursts of at most 16, four bits of length.
"""

from __future__ import annotations

from amaranth.back import verilog
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Instance, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer

from hwgen.boards.shell.ps7_registers import between
from hwgen.boards.shell.shell import EmittedShell, emit_shell, shell_ports
from hwgen.boards.shell.writer import OUTSTANDING
from hwgen.compiler import Compiled
from hwgen.layers.elastic import up_down

REGISTERS = 0x4000_0000  # where the processor sees them
# The registers between processor and shell, instances in the whole chip.
PORT_REGISTERS = tuple(f"gp0_{c}_register" for c in ("aw", "ar", "w", "b", "r")) + tuple(
    f"hp0_{c}_register" for c in ("aw", "ar", "w")
)
INTERRUPT = 61  # IRQF2P[0] in the interrupt controller; 29 in Linux's device tree, which counts from 32


class Zynq(wiring.Component):
    """A whole chip: no ports but those of the processor, which has pins of its own."""

    def __init__(self, shell: Outside):
        self.shell = shell
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.shell = shell = self.shell
        clocks, resets = Signal(4), Signal(4)
        m.submodules.clock = Instance("BUFG", i_I=clocks[0], o_O=ClockSignal())
        m.submodules.reset = ResetSynchronizer(~resets[0])
        m.submodules.ps7 = Instance(
            "PS7",
            a_DONT_TOUCH="true",  # Vivado sees no port that depends on it
            o_FCLKCLK=clocks,
            o_FCLKRESETN=resets,
            i_FCLKCLKTRIGN=Const(0, 4),
            i_IRQF2P=Cat(shell.interrupt, Const(0, 19)),
            **self._registers(m),
            **self._memory(m),
        )
        return m

    def _registers(self, m: Module) -> dict:
        """MAXIGP0: the processor is the master. What isn't named here, the shell doesn't look at."""
        ports: dict = {"i_MAXIGP0ACLK": ClockSignal()}
        address = {"ADDR": 12, "LEN": 4, "BURST": 2, "ID": 12}
        for channel, parts, to_shell in (
            ("AW", address, True),
            ("AR", address, True),
            ("W", {"DATA": 32, "STRB": 4, "LAST": 1}, True),
            ("B", {"ID": 12, "RESP": 2}, False),
            ("R", {"ID": 12, "DATA": 32, "RESP": 2, "LAST": 1}, False),
        ):
            outside = self._side("gp0", channel, parts)
            inside = self._inside("s_axi", channel, parts)
            source, sink = (outside, inside) if to_shell else (inside, outside)
            between(m, f"gp0_{channel.lower()}_register", source, sink)
            ports |= _connect("MAXIGP0", channel, outside, driven_by_ps7=to_shell)
        for a in ("AW", "AR"):  # the rest of an address says which 4 KB, and all words are of 32 bits
            ports[f"o_MAXIGP0{a}ADDR"] = Cat(ports[f"o_MAXIGP0{a}ADDR"], Signal(20, name=f"gp0_{a.lower()}_high"))
        return ports

    def _memory(self, m: Module) -> dict:
        """SAXIHP0: the shell is the master."""
        ports: dict = {"i_SAXIHP0ACLK": ClockSignal()}
        address = {"ADDR": 32, "LEN": 4}
        for channel, parts, from_shell in (
            ("AW", address, True),
            ("AR", address, True),
            ("W", {"DATA": 64, "STRB": 8, "LAST": 1}, True),
            ("B", {"RESP": 2}, False),
            ("R", {"DATA": 64, "RESP": 2, "LAST": 1}, False),
        ):
            outside = self._side("hp0", channel, parts)
            inside = self._inside("m_axi", channel, parts)
            if channel == "W":
                inside = self._behind_addresses(m, inside)
            if from_shell:
                between(m, f"hp0_{channel.lower()}_register", inside, outside, every_cycle=channel == "W")
            else:  # the engines are always ready, and have the register themselves
                m.d.comb += [inside[part].eq(outside[part]) for part in (*parts, "VALID")]
                m.d.comb += outside["READY"].eq(inside["READY"])
            ports |= _connect("SAXIHP0", channel, outside, driven_by_ps7=not from_shell)
        for a in ("AW", "AR"):  # the same in every burst
            for part, width in {"ID": 6, "SIZE": 2, "BURST": 2, "CACHE": 4, "PROT": 3}.items():
                same = Signal(width, name=f"hp0_{a.lower()}{part.lower()}")
                m.d.comb += same.eq(getattr(self.shell, f"m_axi_{a.lower()}{part.lower()}"))
                ports[f"i_SAXIHP0{a}{part}"] = same
            ports |= {f"i_SAXIHP0{a}LOCK": Const(0, 2), f"i_SAXIHP0{a}QOS": Const(0, 4)}
        ports |= {
            "i_SAXIHP0WID": Const(0, 6),
            "i_SAXIHP0RDISSUECAP1EN": Const(0, 1),
            "i_SAXIHP0WRISSUECAP1EN": Const(0, 1),
        }
        return ports

    def _behind_addresses(self, m: Module, words: dict[str, Value]) -> dict[str, Value]:
        """The words to be written, of a burst only once its address is offered: it may wait in a register where words don't."""
        shell = self.shell
        due = Signal(range(OUTSTANDING + 1))  # bursts whose address was taken and whose last word wasn't
        held = words | {"VALID": Signal(name="word_valid"), "READY": Signal(name="word_ready")}
        moved = held["VALID"] & held["READY"]
        m.d.comb += [
            held["VALID"].eq(words["VALID"] & (due != 0)),
            words["READY"].eq(held["READY"] & (due != 0)),
        ]
        m.d.sync += due.eq(up_down(due, shell.m_axi_awvalid & shell.m_axi_awready, moved & words["LAST"]))
        return held

    @staticmethod
    def _side(port: str, channel: str, parts: dict[str, int]) -> dict[str, Value]:
        """The signals at a port of the processor."""
        sizes = parts | {"VALID": 1, "READY": 1}
        return {part: Signal(bits, name=f"{port}_{channel}{part}".lower()) for part, bits in sizes.items()}

    def _inside(self, prefix: str, channel: str, parts: dict[str, int]) -> dict[str, Value]:
        """The signals of the shell; of a burst's length only the bits that AXI3 has."""
        names = {part: getattr(self.shell, f"{prefix}_{channel}{part}".lower()) for part in (*parts, "VALID", "READY")}
        return {part: signal[: parts.get(part, 1)] for part, signal in names.items()}


def _connect(port: str, channel: str, side: dict[str, Value], driven_by_ps7: bool) -> dict:
    """The arguments of the instance for a channel."""
    return {
        f"{'o' if driven_by_ps7 != (part == 'READY') else 'i'}_{port}{channel}{part}": signal
        for part, signal in side.items()
    }


def emit_zynq(compiled: Compiled, clock_mhz: float, *, fills: bool = True) -> EmittedShell:
    """The Verilog of the whole chip; options as of `emit_shell`."""
    return whole(emit_shell(compiled, clock_mhz, fills=fills))


def whole(shell: EmittedShell) -> EmittedShell:
    """A shell's Verilog with the processor around it."""
    top = f"{shell.top.removesuffix('_shell')}_zynq"
    text = verilog.convert(Zynq(Outside(shell)), name=top, emit_src=False, strip_internal_attrs=True)
    return EmittedShell(top, f"{text}\n{shell.text}", shell.identity)


class Outside(wiring.Component):
    """A shell that has become Verilog already."""

    def __init__(self, shell: EmittedShell):
        self.emitted = shell
        super().__init__(shell_ports())

    def elaborate(self, platform):
        m = Module()
        ports = {
            f"{'i' if member.flow == wiring.In else 'o'}_{name}": getattr(self, name)
            for name, member in self.signature.members.items()
        }
        m.submodules.emitted = Instance(self.emitted.top, i_clk=ClockSignal(), i_rst=ResetSignal(), **ports)
        return m
