"""Shells under cocotb, with cocotbext-axi as processor and memory."""

import random

import pytest

from hwgen.boards.shell.shell import EmittedShell, Shell, verilog_of
from tests.shell.loop import loop
from tests.shell.simulation import Config, Simulation


def looped(shapes, folder) -> Simulation:
    """A shell around loops; see `loop`."""
    emitted, identity = loop(shapes)
    rng = random.Random(str(shapes))
    frames = [[rng.randbytes(beats * size) for beats, size in shapes] for _ in range(5)]
    scores = [[bytes(255 - byte for byte in data) for data in frame] for frame in frames]
    shell = EmittedShell("loop_shell", verilog_of(Shell(emitted, identity), emitted, "loop_shell"), identity)
    return Simulation(shell, Config(identity, frames, scores), folder)


@pytest.mark.parametrize(
    "shapes",
    [[(15, 3)], [(1, 1)], [(70, 8)], [(4, 8), (37, 1)], [(3, 12), (2, 2), (50, 4)]],
    ids=lambda shapes: "+".join(f"{beats}x{size}" for beats, size in shapes),
)
def test_frames(shapes, tmp_path):
    looped(shapes, tmp_path).run("tests.shell.drive_frames", 5)


def test_faults(tmp_path):
    looped([(70, 8)], tmp_path).run("tests.shell.drive_faults", 11)
