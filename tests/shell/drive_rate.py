"""Runs in the simulator: a memory that never waits, and the network's own rate."""

import cocotb
from cocotb.triggers import RisingEdge

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
    ends, cycle = [], 0
    places = [await host.push(k) for k in range(FRAMES)]
    await host.enable()
    while len(ends) < FRAMES:
        await RisingEdge(dut.clk)
        cycle += 1
        network = dut.network
        if network.m_axis_tvalid.value == 1 and network.m_axis_tready.value == 1 and network.m_axis_tlast.value == 1:
            ends.append(cycle)
    await host.until("STATUS", "IDLE")
    for k, place in enumerate(places):
        host.check(k, place)
    steps = [after - before for before, after in zip(ends[SETTLED:], ends[SETTLED + 1 :])]
    assert max(steps) <= host.config.interval, f"frames ended {steps} cycles apart, {host.config.interval} are its own"
    assert await host.read("ERRORS") == 0
    # What the host reads instead of watching: as many cycles as it took, to a few reads of a register.
    assert 0 <= await host.read("BUSY_CYCLES") - cycle < 400
