"""Words of memory to beats of any width and back, against the bytes that they carry."""

import random

import pytest
from amaranth.sim import Simulator

from hwgen.boards.shell.gearbox import Pack, Unpack

WIDTHS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24]
BEATS = [1, 2, 5]
FRAMES = 4


def frames(beat_bytes: int, beats: int, rng: random.Random) -> list[bytes]:
    return [rng.randbytes(beat_bytes * beats) for _ in range(FRAMES)]


def as_words(frame: bytes, rng: random.Random) -> list[int]:
    """Padded with what happens to lie there."""
    padded = frame + rng.randbytes(-len(frame) % 8)
    return [int.from_bytes(padded[k : k + 8], "little") for k in range(0, len(padded), 8)]


def as_beats(frame: bytes, beat_bytes: int) -> list[tuple[int, int]]:
    """(data, last) of each beat."""
    parts = [frame[k : k + beat_bytes] for k in range(0, len(frame), beat_bytes)]
    return [(int.from_bytes(part, "little"), part is parts[-1]) for part in parts]


def run(dut, offer, offered: list, take, taken_ports, wanted: int, stall: float, rng: random.Random):
    """Pushes `offered` through; returns what came out and the cycles that it took. offer, take: (valid, ready, payloads)."""
    valid, ready, payloads = offer
    came, took, outputs = [], [], []
    deadline = 200 + int(30 * (len(offered) + wanted) / (1 - stall) ** 2)

    async def bench(ctx):
        at, shown, waiting = 0, False, None
        for cycle in range(deadline):
            if not shown and at < len(offered) and rng.random() >= stall:
                shown = True
                for port, value in zip(payloads, offered[at]):
                    ctx.set(port, value)
            ctx.set(valid, shown)
            ctx.set(take[1], rng.random() >= stall)
            beat = tuple(ctx.get(port) for port in taken_ports) if ctx.get(take[0]) else None
            assert waiting is None or beat == waiting, f"an offered beat changed in cycle {cycle}"
            waiting = None if ctx.get(take[1]) else beat
            if beat is not None and ctx.get(take[1]):
                came.append(beat)
                took.append(cycle)
            if shown and ctx.get(ready):
                at, shown = at + 1, False
            outputs.append(len(came))
            if len(came) == wanted and outputs[-8:] == [wanted] * 8:
                return
            await ctx.tick()
        raise AssertionError(f"{len(came)} of {wanted} after {deadline} cycles")

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return came, took[-1] - took[0] + 1


@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("beats", BEATS)
@pytest.mark.parametrize("beat_bytes", WIDTHS)
def test_unpack(beat_bytes, beats, stall):
    rng = random.Random(beat_bytes * 100 + beats)
    sent = frames(beat_bytes, beats, rng)
    dut = Unpack(beat_bytes, beat_bytes * beats)
    words = [(word,) for frame in sent for word in as_words(frame, rng)]
    wanted = [beat for frame in sent for beat in as_beats(frame, beat_bytes)]
    came, cycles = run(
        dut,
        (dut.words.valid, dut.words.ready, [dut.words.payload]),
        words,
        (dut.axis_tvalid, dut.axis_tready),
        [dut.axis_tdata, dut.axis_tlast],
        len(wanted),
        stall,
        rng,
    )
    assert came == wanted
    if not stall:
        assert cycles <= max(len(words), len(wanted))


@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("beats", BEATS)
@pytest.mark.parametrize("beat_bytes", WIDTHS)
def test_pack(beat_bytes, beats, stall):
    rng = random.Random(beat_bytes * 100 + beats)
    sent = frames(beat_bytes, beats, rng)
    dut = Pack(beat_bytes)
    wanted = sum(-(-len(frame) // 8) for frame in sent)
    offered = [beat for frame in sent for beat in as_beats(frame, beat_bytes)]
    came, cycles = run(
        dut,
        (dut.axis_tvalid, dut.axis_tready, [dut.axis_tdata, dut.axis_tlast]),
        offered,
        (dut.words.valid, dut.words.ready),
        [dut.words.payload],
        wanted,
        stall,
        rng,
    )
    given = b"".join(word.to_bytes(8, "little") for (word,) in came)
    size = -(-len(sent[0]) // 8) * 8
    assert [given[k * size :][: len(sent[0])] for k in range(FRAMES)] == sent
    if not stall:
        padded = 8 % beat_bytes and beat_bytes % 8  # then the padding of a frame may take a cycle of its own
        assert cycles <= max(wanted, len(offered)) + 1 + (FRAMES if padded else 0)
