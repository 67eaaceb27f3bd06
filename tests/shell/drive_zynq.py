"""Runs in the simulator: addresses that the processor's port doesn't take while it takes words."""

import cocotb

from tests.shell.drive_frames import TIMEOUT
from tests.shell.host import Host


@cocotb.test(**TIMEOUT)
async def words_wait_for_their_address(dut):
    """The observer refuses words without an address; of the one burst whose address is offered, all may come."""
    host = await Host.start(dut, 7)
    places = [await host.push(k) for k in range(4)]
    host.memory.write_if.w_channel.queue_occupancy_limit = -1  # takes words without end
    host.memory.write_if.aw_channel.pause = True
    await host.enable()
    await host.cycles(400)
    offered = host.bus.words_written + sum(host.bus.words_due)
    assert 0 < offered <= 16 and host.bus.words_written == offered
    host.memory.write_if.aw_channel.pause = False
    await host.until("STATUS", "IDLE")
    for k, place in enumerate(places):
        host.check(k, place)


@cocotb.test(**TIMEOUT)
async def addresses_do_not_wait_for_words(dut):
    """Words that aren't taken keep no address from being offered, and none is lost."""
    host = await Host.start(dut, 8)
    places = [await host.push(k) for k in range(4)]
    host.memory.write_if.w_channel.pause = True
    await host.enable()
    await host.cycles(400)
    assert len(host.bus.words_due) > 1 and host.bus.words_written == 0
    host.memory.write_if.w_channel.pause = False
    await host.until("STATUS", "IDLE")
    for k, place in enumerate(places):
        host.check(k, place)
