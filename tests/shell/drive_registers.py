"""Runs in the simulator: the registers on the processor's bus; around a loop of `tests.shell.loop`."""

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiResp

from hwgen.boards.shell.registers import MAGIC
from tests.shell.drive_frames import TIMEOUT, word
from tests.shell.host import Host


@cocotb.test(**TIMEOUT)
async def cycles_are_read_whole(dut):
    """64 bits in two reads, across a carry between them."""
    host = await Host.start(dut, 70)
    first = await host.read("CYCLES_LOW")
    await host.cycles(1000)
    assert 1000 <= await host.read("CYCLES_LOW") - first < 1050
    assert await host.read("CYCLES_HIGH") == 0
    dut.control.cycles.value = (7 << 32) - 12
    for _ in range(4):
        low = await host.read("CYCLES_LOW")
        high = await host.read("CYCLES_HIGH")
        assert 0 <= ((high << 32) + low) - ((7 << 32) - 12) < 100
    assert high == 7


@cocotb.test(**TIMEOUT)
async def words_and_nothing_else(dut):
    host = await Host.start(dut, 80)
    await host.write("INPUT0_ADDRESS", 0x1234_5678)
    assert await host.read("INPUT0_ADDRESS") == 0x1234_5678
    answer = await host.registers.write(host.address("INPUT0_ADDRESS") + 1, b"\xff")
    assert answer.resp == AxiResp.SLVERR
    assert await host.read("INPUT0_ADDRESS") == 0x1234_5678
    assert await host.read("INPUT0_PUSH") == 0
    for name in ("MAGIC", "STATUS", "INPUT0_DONE"):
        before = await host.read(name)
        await host.write(name, 0xFFFF_FFFF)
        assert await host.read(name) == before
    for nothing in (0x024, 0x0FC, 0x7FC, 0xFFC):
        assert await host.registers.read_dword(nothing) == 0
        await host.registers.write_dword(nothing, 0xFFFF_FFFF)
    assert await host.read("MAGIC") == MAGIC
    assert await host.read("STATUS") == word("STATUS", "IDLE")
    assert await host.read("ERRORS") == 0


@cocotb.test(**TIMEOUT)
async def busy_at_once(dut):
    """A read of STATUS that waits behind the write of PUSH already says so; without a master, which would take its time."""
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    for name in ("awvalid", "awlen", "wvalid", "arvalid", "arlen", "bready", "rready"):
        getattr(dut, f"s_axi_{name}").value = 0
    for name in ("rvalid", "bvalid", "arready", "awready", "wready"):
        getattr(dut, f"m_axi_{name}").value = 0
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    values = {"awaddr": Host.address("INPUT0_PUSH"), "wdata": 1, "wstrb": 15, "araddr": Host.address("STATUS")}
    values |= {"awvalid": 1, "wvalid": 1, "arvalid": 1, "bready": 1, "rready": 1}
    for name, value in values.items():
        getattr(dut, f"s_axi_{name}").value = value
    for _ in range(20):
        await RisingEdge(dut.clk)
        for channel in ("aw", "w", "ar"):
            if getattr(dut, f"s_axi_{channel}ready").value == 1:
                getattr(dut, f"s_axi_{channel}valid").value = 0
        if dut.s_axi_rvalid.value == 1:
            assert dut.s_axi_rdata.value == word("STATUS", "BUSY")
            return
    raise AssertionError("no answer")


@cocotb.test(**TIMEOUT)
async def bursts_on_the_registers(dut):
    """What a processor makes of a load or a store of several words; with ids of its own."""
    host = await Host.start(dut, 90, lite=False)
    answer = await host.registers.read(host.address("MODEL_HASH0"), 16, arid=0xABC)
    assert bytes(answer.data) == host.config.identity.hash
    reads = [cocotb.start_soon(host.registers.read(host.address("MAGIC"), 8, arid=k)) for k in (5, 9, 5)]
    writes = cocotb.start_soon(host.registers.write(host.address("FIFO_SELECT"), b"\2\0\0\0", awid=0x123))
    for read in reads:
        assert bytes((await read).data)[:4] == MAGIC.to_bytes(4, "little")
    await writes
    assert await host.read("FIFO_SELECT") == 2
    places = host.place(len(host.config.scores[0][0]))
    source = host.place(len(host.config.frames[0][0]))
    host.memory.write(source, host.config.frames[0][0])
    for channel, address in (("OUTPUT0", places), ("INPUT0", source)):  # ADDRESS and PUSH in one burst
        both = address.to_bytes(4, "little") + (77).to_bytes(4, "little")
        await host.registers.write(host.address(f"{channel}_ADDRESS"), both)
    await host.enable()
    await host.until("STATUS", "IDLE")
    host.check(0, [places])
    assert await host.read("OUTPUT0_DONE_NUMBER") == 77
