"""Runs in the simulator: what a serial line, or its host, can do wrong."""

import cocotb
from cocotb.task import bridge
from cocotb.triggers import Timer

from hwgen.boards.shell import uart_packet as packet
from hwgen.boards.shell.registers import OUTPUT, offset, register
from hwgen.boards.shell.uart_packet import Packet
from tests.shell.drive_uart import CONTROL, ENABLE, LIMIT, through
from tests.shell.line import DIVISOR, PERIOD, SLOWEST, TIMEOUT, Line


@cocotb.test(**LIMIT)
async def a_changed_bit_changes_nothing(dut):
    """Every third bit of a request, each by itself: nothing is written, and what follows is understood."""
    line = await Line.start(dut, 3)
    good = Packet(packet.WRITE, 0, 7, CONTROL.to_bytes(2, "little") + ENABLE.to_bytes(4, "little")).encode()
    for bit in range(0, 8 * len(good), 3):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        await line.write(bytes(bad))
        reply = await line.reply(2 * TIMEOUT * PERIOD)
        assert reply is None or reply.code == packet.BAD
        longer = bit // 8 == 4 or bad[3] > good[3]  # it waits for bytes that don't come
        assert (reply is None) == (bit // 8 == 0 or longer), bit
        assert await line.get(CONTROL) == 0
    await line.put(CONTROL, ENABLE)
    assert await line.get(CONTROL) == ENABLE


@cocotb.test(**LIMIT)
async def requests_that_make_no_sense(dut):
    line = await Line.start(dut, 4)
    inputs, outputs = (len(ports) for ports in (line.config.identity.inputs, line.config.identity.outputs))
    for request in (
        (0, 0, b""),
        (5, 0, b""),
        (15, 15, bytes(packet.MOST)),
        (packet.READ, 0, b"\0"),
        (packet.READ, 0, b"\x40\0\0"),
        (packet.READ, 0, b"\x41\0"),
        (packet.READ, 0, b"\0\x10"),
        (packet.WRITE, 0, b"\x40\0\1\0\0"),
        (packet.WRITE, 0, b"\x42\0\1\0\0\0"),
        (packet.FRAMES, 0, b""),
        (packet.FRAMES, inputs, b"\0"),
        (packet.SCORES, outputs, b"\1\0"),
        (packet.SCORES, 0, b"\1"),
    ):
        assert (await line.ask(*request)).code == packet.BAD, request
    assert await line.get(CONTROL) == 0
    # A length beyond MOST is no packet at all; the bytes behind it are noise until the next request.
    await line.write(Packet(packet.READ, 0, 1, b"\0\0").encode()[:3] + b"\xff\xff" + bytes(range(60)))
    assert await line.reply(2 * TIMEOUT * PERIOD) is None
    await line.put(CONTROL, ENABLE)
    await through(line, line.config.frames, line.config.scores)


@cocotb.test(**LIMIT)
async def half_a_packet_is_forgotten(dut):
    line = await Line.start(dut, 5)
    whole = Packet(packet.WRITE, 0, 9, CONTROL.to_bytes(2, "little") + ENABLE.to_bytes(4, "little")).encode()
    for length in range(1, len(whole)):
        await line.write(whole[:length])
        await Timer((TIMEOUT + 20 * DIVISOR) * PERIOD, "ns")
        assert await line.get(CONTROL) == 0
    # A gap that is just short of the timeout does no harm.
    await line.write(whole[:6])
    await Timer((TIMEOUT - 20 * DIVISOR) * PERIOD, "ns")
    await line.write(whole[6:])
    assert (await line.reply()).code == packet.OK and await line.get(CONTROL) == ENABLE


@cocotb.test(**LIMIT)
async def what_was_done_is_not_done_again(dut):
    """A host that lost the reply asks again with the same number: no byte is doubled, none is lost."""
    line = await Line.start(dut, 6)
    await line.put(CONTROL, ENABLE)
    frame, scores = line.config.frames[0][0], line.config.scores[0][0]
    at = 0
    while at < len(frame):
        size = line.rng.randint(1, 20)
        while (reply := await line.ask(packet.FRAMES, 0, frame[at : at + size])).code == packet.BUSY:
            pass
        for _ in range(line.rng.randrange(3)):
            again = await line.ask(packet.FRAMES, 0, frame[at : at + size], sequence=line.sequence)
            assert again == reply
        at += size
    for k in range(1, len(line.config.identity.inputs)):  # the other branches are fed too, by the link
        while (await line.ask(packet.FRAMES, k, line.config.frames[0][k])).code == packet.BUSY:
            pass
    found = b""
    while len(found) < len(scores):
        reply = await line.ask(packet.SCORES, 0, line.rng.randint(1, 9).to_bytes(2, "little"))
        for _ in range(line.rng.randrange(3)):
            again = await line.ask(packet.SCORES, 0, b"\xff\xff", sequence=line.sequence)
            assert again == reply
        found += reply.payload
    assert found == scores
    reply = await line.ask(packet.SCORES, 0, b"\xff\xff")
    assert (reply.code, reply.payload) == (packet.OK, b"")


@cocotb.test(**LIMIT)
async def busy_until_scores_are_taken(dut):
    line = await Line.start(dut, 7)
    await line.put(CONTROL, ENABLE)
    frames = b"".join(frame[0] for frame in line.config.frames)
    scores = b"".join(frame[0] for frame in line.config.scores)
    times = 3 * packet.MOST // len(frames) + 2
    frames, scores, sent, found = frames * times, scores * times, 0, b""
    while (reply := await line.ask(packet.FRAMES, 0, frames[sent : sent + 500])).code == packet.OK:
        sent += 500
        assert sent <= len(frames)
        await Timer(3_000 * PERIOD, "ns")  # time to take them, if there is room
    assert reply.code == packet.BUSY
    blocked = await line.get(offset("BLOCKED", OUTPUT))
    assert blocked > 0, (sent, blocked)  # registers answer all the same
    assert await line.get(offset("STATUS")) & register("STATUS")["BUSY"].mask
    while len(found) < len(scores):
        wanted = min(packet.MOST, len(scores) - len(found))
        found += (await line.ask(packet.SCORES, 0, wanted.to_bytes(2, "little"))).payload
        if sent < len(frames):
            sent += 500 * ((await line.ask(packet.FRAMES, 0, frames[sent : sent + 500])).code == packet.OK)
    assert found == scores


@cocotb.test(**LIMIT)
async def a_host_that_talks_to_nobody_says_so(dut):
    line = await Line.start(dut, 9)
    dut.rst.value = 1  # the chip is dead
    try:
        await bridge(line.host.read)(0)
    except Exception as error:
        assert "no answer to 5 requests" in str(error)
    else:
        raise AssertionError("it answered")
    dut.rst.value = 0
    await Timer(SLOWEST // 100, "ns")
    line.received = type(line.received)()
    try:
        await bridge(line.host.run)([b"\1"], [100])  # not enabled
    except Exception as error:
        assert "the chip stands still: 100 bytes of scores are missing" in str(error)
    else:
        raise AssertionError("it went on")
