"""One call that holds a block's hardware against a result, its schedule and its handshake."""

from __future__ import annotations

import numpy as np

from tests.harness import random_raw, run_block


def check_block(block, seed: int, expected, frames: int = 2, inputs=None) -> None:
    """Simulates with stalls on both sides, on either and on none, and compares outputs with `expected(*inputs)`.

    Without stalls the cycles must be those of the block's schedule, and the cycles between the ends of the last two
    frames no more than its interval.
    """
    rng = np.random.default_rng(seed)
    if inputs is None:
        inputs = [random_raw(rng, type_, frames) for type_ in block.inputs]
    wanted = expected(*inputs)
    assert (block.evaluate(*inputs) == wanted).all(), f"evaluate differs (seed {seed}): {block}"
    assert block.result.lo <= wanted.min() and wanted.max() <= block.result.hi, f"range {block.result} (seed {seed})"
    assert block.result.shape == wanted.shape[1:]
    stalls = [(0.0, 0.0), [(0.4, 0.0), (0.0, 0.4), (0.4, 0.6)][seed % 3]]
    for stall_in, stall_out in stalls:
        run = run_block(block, *inputs, seed=seed, stall_in=stall_in, stall_out=stall_out)
        assert len(run.outputs) == block.fan_out
        for output in run.outputs:
            assert (output == wanted).all(), (
                f"outputs differ with stalls {stall_in}, {stall_out} (seed {seed}): {block}"
            )
        if not stall_in and not stall_out:
            check_schedule(block, run.taken, run.emitted, frames)
        elif not stall_out:
            # Offered when they were taken, whatever the gaps, beats are taken and answered in the same cycles.
            took, gave = block.schedule(*run.taken)
            assert all((a == b).all() for a, b in zip(took, run.taken)), f"taken with gaps (seed {seed}): {block}"
            assert all((times == gave).all() for times in run.emitted), f"emitted with gaps (seed {seed}): {block}"
    assert block.cost().lut >= 0


def check_schedule(block, taken, emitted, frames: int) -> None:
    """The measured cycles of a run without stalls are those of `schedule` for inputs offered one a cycle."""
    ports = len(taken)
    # A source offers its next beat in the cycle after the last was taken, which `schedule` implies.
    arrivals = [np.arange(frames * block.beats_in(k)) for k in range(ports)]
    took, gave = block.schedule(*arrivals)
    for port in range(ports):
        assert (taken[port] == took[port]).all(), f"input {port}: {taken[port]} against {took[port]}: {block}"
    for times in emitted:
        assert (times == gave).all(), f"{times} against {gave}: {block}"
    if frames > 1:
        assert gave[-1] - gave[-1 - block.beats_out] <= block.interval
    for port in range(ports):
        needs = block.needs(port)
        assert needs.shape == (block.beats_out,) and (np.diff(needs) >= 0).all()
        assert needs[-1] <= block.beats_in(port) - 1
        needed = needs >= 0
        first = np.arange(block.beats_out)[needed]
        assert (took[port][needs[needed]] <= gave[first]).all(), "a result before what it needs"
