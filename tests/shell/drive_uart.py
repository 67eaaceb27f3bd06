"""Runs in the simulator: a chip at the end of a serial line."""

import cocotb
from cocotb.task import bridge
from cocotb.triggers import Timer

from hwgen.boards.shell import uart_packet as packet
from hwgen.boards.shell.registers import INPUT, OUTPUT, offset, register, registers
from tests.shell.line import PERIOD, Line

LIMIT = dict(timeout_time=200, timeout_unit="ms")
CONTROL = offset("CONTROL")
ENABLE, RESET = (register("CONTROL")[name].mask for name in ("ENABLE", "RESET"))


async def through(line: Line, frames: list[list[bytes]], scores: list[list[bytes]], lose: float = 0.0) -> None:
    """Frames through the chip by the host's own `Link`; all scores are as expected."""
    sent = [b"".join(parts) for parts in zip(*frames)]
    expected = [b"".join(parts) for parts in zip(*scores)]
    line.lose = lose
    found = await bridge(line.host.run)(sent, [len(part) for part in expected])
    assert found == expected


@cocotb.test(**LIMIT)
async def says_what_it_is(dut):
    line = await Line.start(dut)
    identity = line.config.identity
    constants = identity.constants()
    for at, (name, one) in registers(len(identity.inputs), len(identity.outputs)).items():
        if one.access == "const":
            assert await line.get(at) == constants[name], name
        elif one.dma:
            assert await line.get(at) == 0, name
    assert await line.get(0xFFC) == 0
    assert await line.get(offset("STATUS")) == register("STATUS")["IDLE"].mask


@cocotb.test(**LIMIT)
async def frames_come_back(dut):
    line = await Line.start(dut, 1)
    await line.put(CONTROL, ENABLE)
    done = 0
    for gap, rate in ((0, 0.98), (6, 1.02)):
        line.gap, line.rate = gap, rate
        await through(line, line.config.frames, line.config.scores)
        done += len(line.config.frames)
        for bank, ports in ((INPUT, line.config.identity.inputs), (OUTPUT, line.config.identity.outputs)):
            for k in range(len(ports)):
                found = await line.get(offset("FRAMES", bank, k))
                assert found == done, (bank.name, k, found, done)
        flags = register("STATUS")
        assert await line.get(offset("STATUS")) == flags["IDLE"].mask | flags["DONE"].mask
        assert await line.get(offset("ERRORS")) == 0
        for k, expected in enumerate(line.config.top1[-1] if line.config.top1 else []):
            assert await line.get(offset("TOP1", OUTPUT, k)) == expected


@cocotb.test(**LIMIT)
async def a_disturbed_line_costs_time_alone(dut):
    line = await Line.start(dut, 2)
    await line.put(CONTROL, ENABLE)
    await through(line, line.config.frames, line.config.scores, lose=0.002)
    await through(line, line.config.frames, line.config.scores)


@cocotb.test(**LIMIT)
async def reset_in_the_middle_of_a_frame(dut):
    line = await Line.start(dut, 8)
    await line.put(CONTROL, ENABLE)
    half = line.config.frames[0][0][: max(1, len(line.config.frames[0][0]) // 2)]
    assert (await line.ask(packet.FRAMES, 0, half)).code == packet.OK
    number = line.sequence
    await line.put(CONTROL, RESET)
    assert await line.get(CONTROL) == 0
    assert await line.get(offset("STATUS")) == register("STATUS")["IDLE"].mask
    # Nothing begins until it is enabled, and the number that was used before the reset counts as new.
    assert (await line.ask(packet.FRAMES, 0, half, sequence=number)).code == packet.OK
    await Timer(200 * PERIOD, "ns")
    assert await line.get(offset("FRAMES", INPUT)) == 0
    assert (await line.ask(packet.SCORES, 0, b"\xff\xff")).payload == b""
    await line.put(CONTROL, RESET)
    await line.put(CONTROL, ENABLE)
    await through(line, line.config.frames, line.config.scores)
