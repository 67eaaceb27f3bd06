"""Runs in the simulator: a memory that never waits, and the network's own rate."""

import cocotb
from cocotb.triggers import RisingEdge

from hwgen.boards.shell.bursts import BURST
from tests.shell.drive_frames import TIMEOUT
from tests.shell.host import Host

FRAMES = 12
SETTLED = 4  # frames at the beginning that may come more slowly, as the first come late and FIFOs fill
LATENCY = 40  # cycles; what DDR behind a Zynq-7000's HP port takes is about 30 to 40 at 150 MHz


@cocotb.test(**TIMEOUT)
@cocotb.parametrize(latency=[0, LATENCY])
async def the_network_keeps_its_interval(dut, latency):
    host = await Host.start(dut)
    if latency:
        host.far_away(latency)
    words = sum(-(-len(data) // 8) for data in host.config.scores[0])
    places = [await host.push(k) for k in range(FRAMES)]
    await host.enable()
    ends, cycle = [], 0  # the cycles in which each frame's last word is written
    while len(ends) < FRAMES:
        await RisingEdge(host.dut.clk)
        cycle += 1
        if host.bus.words_written >= words * (len(ends) + 1):
            ends.append(cycle)
    await host.until("STATUS", "IDLE")
    for k, place in enumerate(places):
        host.check(k, place)
    # A frame's last burst may be a longer or a shorter one, by where the frame lies.
    took, wanted = ends[-1] - ends[SETTLED], host.config.interval * (FRAMES - 1 - SETTLED)
    assert took <= wanted + BURST, (
        f"{FRAMES - 1 - SETTLED} frames in {took} cycles; by itself the network takes {wanted}"
    )
    assert await host.read("ERRORS") == 0
    # What the host reads instead of watching: as many cycles as it took, to a few reads of a register.
    assert 0 <= await host.read("BUSY_CYCLES") - cycle < 400
