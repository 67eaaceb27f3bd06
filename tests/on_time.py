"""The hardware keeps what the schedule promises."""

from __future__ import annotations

import numpy as np

from hwgen.graph import Graph
from hwgen.passes.schedule import schedule, timing
from hwgen.sim.result import SimResult


def assert_on_time(hardware: Graph, result: SimResult, what: str = "") -> None:
    """Asserts for a run without stalls that every frame ends between two schedules, and that FIFOs hold their fill.

    No frame can be earlier than with unlimited room, nor later than where frames come evenly over the interval: for
    these the FIFOs have room, and coming earlier never makes anything later. Where a burst fills them, a few of the
    first frames may follow each other more slowly than the interval, but only as long as they are early.
    """
    ends = result.last_out - result.first_in[0]
    earliest = _ends(hardware, None, result.frames)
    latest = _ends(hardware, timing(hardware).interval, result.frames)
    assert (earliest <= ends).all(), f"{what}: frames end at {ends}, the earliest possible is {earliest}"
    assert (ends <= latest).all(), f"{what}: frames end at {ends}, they should by {latest}"
    assert_fills_fit(hardware, result, what)


def _ends(hardware: Graph, interval: int | None, frames: int) -> np.ndarray:
    """(frames,): the cycle in which each frame's last output comes, counted from the first input."""
    emitted = schedule(hardware, interval, frames).emitted
    return np.max([emitted[ref.node].reshape(frames, -1)[:, -1] for ref in hardware.outputs], axis=0)


def assert_fills_fit(hardware: Graph, result: SimResult, what: str = "") -> None:
    for name, highest in result.fills.items():
        depth = hardware[name].op.depth
        assert highest <= depth, f"{what}: {name} holds {highest} beats, {depth} fit"
