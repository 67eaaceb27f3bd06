"""Runs in the simulator: frames through a shell."""

import cocotb
import numpy as np

from hwgen.boards.shell.registers import MAGIC, VERSION, register
from tests.shell.host import Host

TIMEOUT = dict(timeout_time=2, timeout_unit="ms")  # 200,000 cycles


def word(name: str, *bits: str) -> int:
    return sum(register(name)[bit].mask for bit in bits)


@cocotb.test(**TIMEOUT)
async def says_what_it_is(dut):
    host = await Host.start(dut)
    identity = host.config.identity
    assert await host.read("MAGIC") == MAGIC
    assert await host.read("VERSION") == VERSION[0] << 16 | VERSION[1]
    features = await host.read("FEATURES")
    assert features == 3 | len(identity.inputs) << 8 | len(identity.outputs) << 16
    assert await host.read("CLOCK") == identity.clock_hz
    found = b"".join([(await host.read(f"MODEL_HASH{k}")).to_bytes(4, "little") for k in range(4)])
    assert found == identity.hash
    assert await host.read("FIFOS") == len(identity.fifos)
    for channel, frames in (("INPUT", host.config.frames), ("OUTPUT", host.config.scores)):
        for k, data in enumerate(frames[0]):
            name = f"{channel}{k}"
            size = [await host.read(f"{name}_{part}") for part in ("ROWS", "COLUMNS", "CHANNELS")]
            kind = await host.read(f"{name}_TYPE")
            port = (identity.inputs if channel == "INPUT" else identity.outputs)[k]
            assert kind & 0xFF == port.type.width and (kind >> 8 & 1) == port.type.signed
            assert np.int16(np.uint16(kind >> 16)) == port.type.frac
            assert int(np.prod(size)) * (kind >> 12 & 15) == len(data) == await host.read(f"{name}_FRAME_BYTES")
            assert await host.read(f"{name}_DIVISOR") == port.type.divisor
            assert bool(kind >> 9 & 1) == bool(port.top1)
    assert await host.read("STATUS") == word("STATUS", "IDLE")


@cocotb.test(**TIMEOUT)
async def frames_come_back(dut):
    """Batches of more and more pauses; the counters agree with what was done."""
    host = await Host.start(dut, 1)
    done = 0
    await host.enable()
    for batch, share in enumerate((0.0, 0.3, 0.7)):
        host.stall(share)
        count = host.rng.randrange(3, 6)
        places = [await host.push(done + k, number=1000 * batch + k) for k in range(count)]
        await host.until("STATUS", "IDLE")
        for k in range(count):
            host.check(done + k, places[k])
        done += count
        for channel, frames in (("INPUT", host.config.frames), ("OUTPUT", host.config.scores)):
            for j in range(len(frames[0])):
                name = f"{channel}{j}"
                assert await host.read(f"{name}_FRAMES") == done
                assert await host.read(f"{name}_DONE") == done
                assert await host.read(f"{name}_DONE_NUMBER") == 1000 * batch + count - 1
                assert await host.read(f"{name}_FAILED") == 0
                queue = await host.read(f"{name}_QUEUE")
                assert queue == 16 << 16 | 16 << 8
        for j, top1 in enumerate(host.config.top1[(done - 1) % len(host.config.frames)] if host.config.top1 else []):
            assert await host.read(f"OUTPUT{j}_TOP1") == top1
        assert await host.read("STATUS") == word("STATUS", "IDLE", "DONE")
        assert host.bus.quiet
    words = sum(-(-len(data) // 8) for data in host.config.frames[0])
    assert host.bus.words_read == words * done
    assert host.bus.words_written == sum(-(-len(data) // 8) for data in host.config.scores[0]) * done
    assert await host.read("ERRORS") == 0


@cocotb.test(**TIMEOUT)
async def nothing_begins_until_enabled(dut):
    host = await Host.start(dut, 2)
    places = await host.push(0)
    await host.cycles(200)
    assert host.bus.words_read == 0
    assert await host.read("STATUS") == word("STATUS", "BUSY")
    assert await host.read("INPUT0_QUEUE") == 16 << 16 | 15 << 8 | 1
    await host.enable()
    await host.until("STATUS", "IDLE")
    host.check(0, places)
    await host.write("CONTROL", 0)
    more = await host.push(1)
    await host.cycles(200)
    assert await host.read("OUTPUT0_FRAMES") == 1
    await host.enable()
    await host.until("STATUS", "IDLE")
    host.check(1, more)


@cocotb.test(**TIMEOUT)
async def a_full_queue_of_frames(dut):
    """Sixteen wait, the seventeenth is refused and said to be; all sixteen come back in order."""
    host = await Host.start(dut, 3)
    places = [await host.push(k) for k in range(16)]
    assert await host.read("ERRORS") == 0
    await host.push(99)
    assert await host.read("ERRORS") == word("ERRORS", "OVERFLOW")
    assert await host.read("INPUT0_QUEUE") == 16 << 16 | 16
    assert await host.read("STATUS") == word("STATUS", "BUSY", "ERROR")
    await host.write("ERRORS", word("ERRORS", "OVERFLOW"))
    assert await host.read("ERRORS") == 0
    await host.enable()
    await host.until("STATUS", "IDLE")
    for k, place in enumerate(places):
        host.check(k, place)
    assert await host.read("OUTPUT0_DONE") == 16
    assert await host.read("OUTPUT0_DONE_NUMBER") == 15


@cocotb.test(**TIMEOUT)
async def reset_in_the_middle(dut):
    """At any moment: the bus is left with nothing half done, and what follows is as after power-up."""
    host = await Host.start(dut, 4)
    span = 40 + 3 * max(sum(map(len, frame)) for frame in host.config.frames)
    for attempt in range(6):
        host.stall(host.rng.choice([0.0, 0.2, 0.6]))
        await host.enable()
        for k in range(3):
            await host.push(k)
        await host.cycles(host.rng.randrange(span) if attempt else 0)
        before = host.bus.words_read + host.bus.words_written
        await host.reset()
        assert host.bus.quiet, "a burst is half done"
        after = host.bus.words_read + host.bus.words_written
        await host.cycles(100)
        assert host.bus.words_read + host.bus.words_written == after >= before
        assert await host.read("STATUS") == word("STATUS", "IDLE")
        assert await host.read("CONTROL") == 0
        for name in ("INPUT0", "OUTPUT0"):
            for part in ("FRAMES", "DONE", "FAILED"):
                assert await host.read(f"{name}_{part}") == 0
            assert await host.read(f"{name}_QUEUE") == 16 << 16 | 16 << 8
        await host.enable()
        places = [await host.push(k) for k in range(2)]
        await host.until("STATUS", "IDLE")
        for k, place in enumerate(places):
            host.check(k, place)
        assert await host.read("ERRORS") == 0
        await host.reset()
