"""Runs in the simulator: what goes wrong, and what the registers say of it; around the loops of `tests.shell.loop`."""

import cocotb
from cocotb.triggers import RisingEdge

from tests.shell.drive_frames import TIMEOUT, word
from tests.shell.host import DECERR, SLVERR, Host
from tests.shell.loop import DEPTH


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(response=[SLVERR, DECERR])
async def memory_fails_a_read(dut, response):
    error = "READ_" + ("SLVERR" if response == SLVERR else "DECERR")
    host = await Host.start(dut, 10 + response)
    host.stall(0.2)
    places = [await host.push(0, 70)]
    places += [await host.push(1, 71)]
    at = await host.read("INPUT0_ADDRESS")
    host.fail(at + 8, 1, response)  # one word, not the first
    places += [await host.push(2, 72)]
    await host.enable()
    await host.until("STATUS", "IDLE")
    assert await host.read("ERRORS") == word("ERRORS", error)
    assert await host.read("INPUT0_FAILED") == 1
    assert await host.read("INPUT0_FAILED_NUMBER") == 71
    assert await host.read("INPUT0_DONE") == 3
    assert await host.read("OUTPUT0_FAILED") == 0
    host.check(0, places[0])
    host.check(2, places[2])
    await host.write("ERRORS", word("ERRORS", error))
    assert await host.read("ERRORS") == 0
    assert await host.read("INPUT0_FAILED") == 1
    await host.reset()
    assert await host.read("INPUT0_FAILED") == 0


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(response=[SLVERR, DECERR])
async def memory_fails_a_write(dut, response):
    error = "WRITE_" + ("SLVERR" if response == SLVERR else "DECERR")
    host = await Host.start(dut, 20 + response)
    host.stall(0.2)
    places = [await host.push(k, 50 + k) for k in range(3)]
    host.fail(places[1][0], 8, response)
    await host.enable()
    await host.until("STATUS", "IDLE")
    assert await host.read("ERRORS") == word("ERRORS", error)
    assert await host.read("OUTPUT0_FAILED") == 1
    assert await host.read("OUTPUT0_FAILED_NUMBER") == 51
    assert await host.read("OUTPUT0_DONE") == 3
    assert await host.read("INPUT0_FAILED") == 0
    host.check(0, places[0])
    host.check(2, places[2])
    await host.reset()
    assert await host.read("ERRORS") == 0


@cocotb.test(**TIMEOUT)
async def an_address_out_of_step(dut):
    host = await Host.start(dut, 30)
    await host.enable()
    for channel in ("INPUT0", "OUTPUT0"):
        for odd in (1, 4):
            await host.write(f"{channel}_ADDRESS", 0x1000_0000 + odd)
            await host.write(f"{channel}_PUSH", 1)
            assert await host.read("ERRORS") == word("ERRORS", "MISALIGNED")
            assert await host.read(f"{channel}_QUEUE") == 16 << 16 | 16 << 8
            await host.write("ERRORS", word("ERRORS", "MISALIGNED"))
    assert await host.read("STATUS") == word("STATUS", "IDLE")
    places = await host.push(0)
    await host.until("STATUS", "IDLE")
    host.check(0, places)


@cocotb.test(**TIMEOUT)
async def errors_are_cleared_one_by_one(dut):
    host = await Host.start(dut, 35)
    for _ in range(17):
        await host.write("INPUT0_PUSH", 0)
    await host.write("INPUT0_ADDRESS", 2)
    await host.write("INPUT0_PUSH", 0)
    assert await host.read("ERRORS") == word("ERRORS", "OVERFLOW", "MISALIGNED")
    await host.write("ERRORS", word("ERRORS", "OVERFLOW"))
    assert await host.read("ERRORS") == word("ERRORS", "MISALIGNED")
    await host.write("ERRORS", 0)
    assert await host.read("ERRORS") == word("ERRORS", "MISALIGNED")
    await host.write("ERRORS", 0xFFFF_FFFF)
    assert await host.read("ERRORS") == 0


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(channel=["r", "w", "b"])
async def reset_waits_for_the_bus(dut, channel):
    """Where memory stops in the middle of a burst: the reset takes as long as memory does, and nothing cuts it short."""
    host = await Host.start(dut, 45)
    half = host.memory.read_if if channel == "r" else host.memory.write_if
    await host.enable()
    for k in range(4):
        await host.push(k)
        if host.bus.answers or host.bus.words_due or channel == "r" and host.bus.reads:
            break
    getattr(half, f"{channel}_channel").pause = True
    await host.cycles(120)
    assert not host.bus.quiet
    await host.write("CONTROL", word("CONTROL", "RESET"))
    begun = host.bus.begun
    for _ in range(10):
        await host.cycles(20)
        assert await host.flag("STATUS", "RESETTING")
        await host.write("CONTROL", word("CONTROL", "ENABLE"))
    assert host.bus.begun == begun
    getattr(half, f"{channel}_channel").pause = False
    await host.until("STATUS", "RESETTING", False)
    assert host.bus.quiet and host.bus.begun == begun
    assert await host.read("CONTROL") == 0
    await host.enable()
    places = await host.push(2)
    await host.until("STATUS", "IDLE")
    host.check(2, places)


@cocotb.test(**TIMEOUT)
async def nothing_is_written_before_it_is_there(dut):
    """Room for scores of frames that never come holds up neither the bus nor a reset."""
    host = await Host.start(dut, 46)
    await host.enable()
    for _ in range(3):
        await host.write("OUTPUT0_ADDRESS", host.place(len(host.config.scores[0][0])))
        await host.write("OUTPUT0_PUSH", 0)
    await host.cycles(200)
    assert host.bus.begun == 0
    assert await host.read("STATUS") == word("STATUS", "IDLE")
    await host.reset()
    await host.enable()
    places = await host.push(1)
    await host.until("STATUS", "IDLE")
    host.check(1, places)


@cocotb.test(**TIMEOUT)
async def tlast_out_of_place(dut):
    host = await Host.start(dut, 40)
    for fault, error in ((1, "INPUT_TLAST"), (2, "OUTPUT_TLAST")):
        dut.network.emitted.fault.value = fault
        await host.enable()
        await host.push(0)
        await host.until("ERRORS", error)
        assert await host.read("ERRORS") == word("ERRORS", error)
        assert await host.flag("STATUS", "ERROR")
        dut.network.emitted.fault.value = 0
        await host.reset()
        await host.enable()
        places = await host.push(1)
        await host.until("STATUS", "IDLE")
        host.check(1, places)
        assert await host.read("ERRORS") == 0
        await host.reset()


@cocotb.test(**TIMEOUT)
async def interrupts(dut):
    host = await Host.start(dut, 50)

    async def raised(wanted: int) -> None:
        for _ in range(2000):
            await RisingEdge(dut.clk)
            if dut.interrupt.value == wanted:
                return
        raise AssertionError(f"the interrupt never became {wanted}")

    await host.enable()
    await host.push(0)
    await host.until("STATUS", "IDLE")
    assert await host.read("INTERRUPT_STATUS") == word("INTERRUPT_STATUS", "DONE", "IDLE")
    assert dut.interrupt.value == 0
    await host.write("INTERRUPT_STATUS", word("INTERRUPT_STATUS", "DONE", "IDLE"))
    for kind in ("DONE", "IDLE"):
        await host.write("INTERRUPT_ENABLE", word("INTERRUPT_ENABLE", kind))
        assert dut.interrupt.value == 0
        await host.push(1)
        await raised(1)
        assert await host.flag("INTERRUPT_STATUS", kind)
        await host.until("STATUS", "IDLE")
        await host.write("INTERRUPT_STATUS", word("INTERRUPT_STATUS", "DONE", "IDLE"))
        await raised(0)
        assert await host.read("INTERRUPT_STATUS") == 0
    await host.write("INTERRUPT_ENABLE", word("INTERRUPT_ENABLE", "ERROR"))
    await host.write("INPUT0_ADDRESS", 3)
    await host.write("INPUT0_PUSH", 0)
    await raised(1)
    assert await host.read("INTERRUPT_STATUS") == word("INTERRUPT_STATUS", "ERROR")
    await host.reset()
    await raised(0)


@cocotb.test(**TIMEOUT)
async def stalls_and_fills_are_counted(dut):
    """Against what an observer counts in every cycle."""
    host = await Host.start(dut, 60)
    seen = {"blocked": 0, "starved": 0, "busy": 0, "fill": 0}

    async def observe() -> None:
        network = dut.network
        while True:
            await RisingEdge(dut.clk)
            busy = dut.control.idle.value == 0
            seen["busy"] += busy
            seen["blocked"] += network.m_axis_tvalid.value == 1 and network.m_axis_tready.value == 0
            seen["starved"] += busy and network.s_axis_tready.value == 1 and network.s_axis_tvalid.value == 0
            seen["fill"] = max(seen["fill"], int(network.level0.value))

    await host.reset()
    cocotb.start_soon(observe())
    await host.enable()
    for channel in ("r_channel", "w_channel"):
        half = host.memory.read_if if channel[0] == "r" else host.memory.write_if
        getattr(half, channel).pause = True
        places = [await host.push(k) for k in range(4)]
        await host.cycles(400)
        getattr(half, channel).pause = False
        await host.until("STATUS", "IDLE")
        for k, place in enumerate(places):
            host.check(k, place)
    await host.cycles(4)
    assert await host.read("OUTPUT0_BLOCKED") == seen["blocked"] > 100
    assert await host.read("INPUT0_STARVED") == seen["starved"] > 400
    assert await host.read("BUSY_CYCLES") == seen["busy"] > 800
    await host.write("FIFO_SELECT", 0)
    assert await host.read("FIFO_FILL") == seen["fill"] == DEPTH
    await host.write("FIFO_SELECT", len(host.config.identity.fifos))
    assert await host.read("FIFO_FILL") == 0
