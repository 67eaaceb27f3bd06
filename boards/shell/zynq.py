"""The shell in a Zynq-7000: the processor's ports on one side, the shell on the other.

The processor's M_AXI_GP0 reads and writes the registers, at 0x4000_0000; the engines reach DDR through S_AXI_HP0, which
the processor's software leaves at its 64 bits; IRQF2P[0] is the interrupt (number 61 of the interrupt controller). All run
on FCLK0, whose rate the processor's software sets. Both ports are AXI3: bursts of at most 16, four bits of length.
"""

from __future__ import annotations

from amaranth.back import verilog
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer

from hwgen.boards.shell.shell import EmittedShell, emit_shell, shell_ports
from hwgen.compiler import Compiled

REGISTERS = 0x4000_0000  # where the processor sees them
INTERRUPT = 61  # IRQF2P[0] in the interrupt controller; 29 in Linux's device tree, which counts from 32
# Of an address channel; a beat's size has a bit less than in AXI4.
AXI3_ADDRESS = {"ADDR": 32, "LEN": 4, "SIZE": 2, "BURST": 2, "VALID": 1}


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
        shell, ports = self.shell, {"i_MAXIGP0ACLK": ClockSignal()}
        for name, width in {
            **{f"{a}{part}": bits for a in ("AW", "AR") for part, bits in AXI3_ADDRESS.items()},
            **{"AWID": 12, "ARID": 12, "WDATA": 32, "WSTRB": 4, "WLAST": 1, "WVALID": 1, "BREADY": 1, "RREADY": 1},
        }.items():
            given = Signal(width, name=f"gp0_{name.lower()}")
            ports[f"o_MAXIGP0{name}"] = given
            m.d.comb += getattr(shell, f"s_axi_{name.lower()}").eq(given)
        for name in (
            "AWREADY",
            "WREADY",
            "BID",
            "BRESP",
            "BVALID",
            "ARREADY",
            "RID",
            "RDATA",
            "RRESP",
            "RLAST",
            "RVALID",
        ):
            ports[f"i_MAXIGP0{name}"] = getattr(shell, f"s_axi_{name.lower()}")
        return ports

    def _memory(self, m: Module) -> dict:
        """SAXIHP0: the shell is the master."""
        shell, ports = self.shell, {"i_SAXIHP0ACLK": ClockSignal()}
        for name, width in {
            **{f"{a}{part}": bits for a in ("AW", "AR") for part, bits in AXI3_ADDRESS.items()},
            **{"AWID": 6, "ARID": 6, "AWCACHE": 4, "ARCACHE": 4, "AWPROT": 3, "ARPROT": 3},
            **{"WDATA": 64, "WSTRB": 8, "WLAST": 1, "WVALID": 1, "BREADY": 1, "RREADY": 1},
        }.items():
            taken = Signal(width, name=f"hp0_{name.lower()}")
            m.d.comb += taken.eq(getattr(shell, f"m_axi_{name.lower()}"))
            ports[f"i_SAXIHP0{name}"] = taken
        for name in ("LOCK", "QOS"):
            width = 2 if name == "LOCK" else 4
            ports |= {f"i_SAXIHP0AW{name}": Const(0, width), f"i_SAXIHP0AR{name}": Const(0, width)}
        ports |= {
            "i_SAXIHP0WID": Const(0, 6),
            "i_SAXIHP0RDISSUECAP1EN": Const(0, 1),
            "i_SAXIHP0WRISSUECAP1EN": Const(0, 1),
        }
        answers = {"AWREADY": 1, "WREADY": 1, "BRESP": 2, "BVALID": 1, "ARREADY": 1}
        answers |= {"RDATA": 64, "RRESP": 2, "RLAST": 1, "RVALID": 1}
        for name, width in answers.items():
            given = Signal(width, name=f"hp0_{name.lower()}")
            ports[f"o_SAXIHP0{name}"] = given
            m.d.comb += getattr(shell, f"m_axi_{name.lower()}").eq(given)
        return ports


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
