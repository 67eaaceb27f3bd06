"""The registers on the host's AXI bus."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.boards.shell.bus import Bus

OKAY, SLVERR = 0, 2
FIXED = 0  # AxBURST: every beat goes to the same address


def slave_ports(prefix: str, address_bits: int, id_bits: int) -> dict:
    """The ports of an AXI slave of 32 bits, named as Xilinx's tools and cocotbext-axi expect."""
    found = {}
    for a in ("aw", "ar"):
        found |= {
            f"{a}addr": In(address_bits),
            f"{a}id": In(id_bits),
            f"{a}len": In(8),
            f"{a}size": In(3),
            f"{a}burst": In(2),
            f"{a}valid": In(1),
            f"{a}ready": Out(1),
        }
    found |= {"wdata": In(32), "wstrb": In(4), "wlast": In(1), "wvalid": In(1), "wready": Out(1)}
    found |= {"bid": Out(id_bits), "bresp": Out(2), "bvalid": Out(1), "bready": In(1)}
    found |= {"rid": Out(id_bits), "rdata": Out(32), "rresp": Out(2), "rlast": Out(1)}
    found |= {"rvalid": Out(1), "rready": In(1)}
    return {f"{prefix}_{name}": flow for name, flow in found.items()}


class AxiSlave(wiring.Component):
    """AXI slave `s_axi_*` of 32 bits to a register bus: AXI3, AXI4, and with len, id, burst at 0 AXI4-Lite.

    A processor's port speaks full AXI: it wants its ids back, and turns a load of two words into a burst. Bursts are
    taken a word at a time, one at once, FIXED ones at one address, all others at rising ones: a processor makes wrapping
    bursts only for memory that it caches, which registers can't be. The size of a beat doesn't matter: reads give the
    whole word, and a write of a part of a word is answered with SLVERR and does nothing.
    """

    def __init__(self, address_bits: int = 12, id_bits: int = 12):
        super().__init__({**slave_ports("s_axi", address_bits, id_bits), "bus": Out(Bus)})

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        left = Signal(8)  # beats after this one
        fixed = Signal()
        address = Signal.like(bus.address)
        # A write is chosen over a read where both wait, and next time the read: neither can keep the other out.
        read_first = Signal()

        def begin(a: str) -> None:
            word = getattr(self, f"s_axi_{a}addr")[2:]
            m.d.comb += getattr(self, f"s_axi_{a}ready").eq(1)
            m.d.sync += [
                address.eq(word),
                left.eq(getattr(self, f"s_axi_{a}len")),
                fixed.eq(getattr(self, f"s_axi_{a}burst") == FIXED),
                (self.s_axi_bid if a == "aw" else self.s_axi_rid).eq(getattr(self, f"s_axi_{a}id")),
            ]

        def advance() -> None:
            m.d.sync += left.eq(left - 1)
            with m.If(~fixed):
                m.d.sync += address.eq(address + 1)

        whole = Signal()  # the word to write has all its bytes
        m.d.comb += bus.address.eq(address)
        m.d.comb += [self.s_axi_rresp.eq(OKAY), self.s_axi_rlast.eq(left == 0)]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.s_axi_awvalid & ~(read_first & self.s_axi_arvalid)):
                    begin("aw")
                    m.d.sync += [self.s_axi_bresp.eq(OKAY), read_first.eq(1)]
                    m.next = "WRITE"
                with m.Elif(self.s_axi_arvalid):
                    begin("ar")
                    m.d.sync += read_first.eq(0)
                    m.next = "READ"
            with m.State("WRITE"):
                # A register of its own: what a processor's port says comes late in a cycle.
                m.d.comb += self.s_axi_wready.eq(1)
                m.d.sync += [bus.write_data.eq(self.s_axi_wdata), whole.eq(self.s_axi_wstrb.all())]
                with m.If(self.s_axi_wvalid):
                    m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += bus.write.eq(whole)
                with m.If(~whole):
                    m.d.sync += self.s_axi_bresp.eq(SLVERR)
                advance()
                m.next = "WRITE"
                with m.If(left == 0):
                    m.next = "RESPOND"
            with m.State("RESPOND"):
                m.d.comb += self.s_axi_bvalid.eq(1)
                with m.If(self.s_axi_bready):
                    m.next = "IDLE"
            with m.State("READ"):
                m.d.comb += bus.read.eq(1)
                m.next = "FETCH"
            with m.State("FETCH"):
                m.d.sync += self.s_axi_rdata.eq(bus.read_data)
                m.next = "GIVE"
            with m.State("GIVE"):
                m.d.comb += self.s_axi_rvalid.eq(1)
                with m.If(self.s_axi_rready):
                    advance()
                    m.next = "READ"
                    with m.If(left == 0):
                        m.next = "IDLE"
        return m
