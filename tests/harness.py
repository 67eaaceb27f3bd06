"""Runs one block's component in Amaranth's simulator: beats in, beats out, random stalls, a deadline.

The harness checks the handshake itself: a stream that takes back `valid` or changes a payload before it was accepted
fails.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from hwgen.layers.block import Block
from hwgen.layers.stream import from_beats, to_beats


class Hang(AssertionError):
    """The deadline passed before everything arrived."""


@dataclass
class Run:
    """What a simulation saw. outputs: one (frames, H, W, C) array an output stream. Cycle numbers count from reset."""

    outputs: list[np.ndarray]
    taken: list[np.ndarray]  # cycle of each input transfer, one array an input stream
    emitted: list[np.ndarray]  # cycle of each output transfer, one array an output stream
    cycles: int


def run_block(
    block: Block,
    *inputs: np.ndarray,
    seed: int = 0,
    stall_in: float = 0.0,
    stall_out: float = 0.0,
    deadline: int | None = None,
) -> Run:
    """Feeds (frames, H, W, C) raw integers to every input stream and collects every output stream.

    stall_in, stall_out: the share of cycles in which a source offers nothing, a sink isn't ready. Raises Hang where
    after `deadline` cycles (default: generous, from the block's interval and the stalls) not everything was taken and
    given.
    """
    frames = len(inputs[0])
    component = block.component()
    rng = random.Random(seed)
    in_names = ["i"] if len(inputs) == 1 else [f"i{k}" for k in range(len(inputs))]
    out_names = ["o"] if block.fan_out == 1 else [f"o{k}" for k in range(block.fan_out)]
    beats = [to_beats(x, lanes).tolist() for x, lanes in zip(inputs, block.lanes_in)]
    wanted = frames * block.beats_out
    if deadline is None:
        most = max(block.interval, block.beats_out, *(block.beats_in(k) for k in range(len(inputs))))
        deadline = int((frames + 1) * most * 3 / (1 - max(stall_in, stall_out)) ** 2) + 500
    seeds = {name: rng.randrange(2**32) for name in in_names + out_names}
    taken = {name: [] for name in in_names}
    emitted = {name: [] for name in out_names}
    received = {name: [] for name in out_names}
    clock = {"cycles": 0}

    def source(name, values):
        async def bench(ctx):
            rng = random.Random(seeds[name])
            port, cycle = getattr(component, name), 0
            for beat in values:
                while stall_in and rng.random() < stall_in:
                    await ctx.tick()
                    cycle += 1
                ctx.set(port.payload, beat)
                ctx.set(port.valid, 1)
                while True:
                    _, _, ready = await ctx.tick().sample(port.ready)
                    cycle += 1
                    if ready:
                        break
                    if cycle > deadline:
                        return
                taken[name].append(cycle - 1)
                ctx.set(port.valid, 0)

        return bench

    def sink(name):
        async def bench(ctx):
            rng = random.Random(seeds[name])
            port, cycle, waiting = getattr(component, name), 0, None
            bits = port.payload.as_value()
            while len(received[name]) < wanted or any(len(taken[k]) < len(v) for k, v in zip(in_names, beats)):
                accept = not (stall_out and rng.random() < stall_out)
                ctx.set(port.ready, accept)
                _, _, valid, raw, payload = await ctx.tick().sample(port.valid, bits, port.payload)
                cycle += 1
                if cycle > deadline:
                    return
                if waiting is not None:
                    assert valid, f"{name}: valid was taken back at cycle {cycle - 1} (seed {seed})"
                    assert raw == waiting, f"{name}: payload changed before accepted at cycle {cycle - 1} (seed {seed})"
                waiting = raw if valid and not accept else None
                if valid and accept:
                    assert len(received[name]) < wanted, f"{name}: more than {wanted} beats (seed {seed}): {block}"
                    received[name].append([payload[k] for k in range(block.lanes_out)])
                    emitted[name].append(cycle - 1)
            ctx.set(port.ready, 0)
            clock["cycles"] = max(clock["cycles"], cycle)

        return bench

    design = Module()
    design.domains.sync = ClockDomain()  # mere wires have none of their own
    design.submodules.block = component
    simulator = Simulator(design)
    simulator.add_clock(1e-6)
    for name, values in zip(in_names, beats):
        simulator.add_testbench(source(name, values))
    for name in out_names:
        simulator.add_testbench(sink(name))
    simulator.run()
    ends = [(name, len(received[name]), wanted) for name in out_names]
    ends += [(name, len(taken[name]), len(values)) for name, values in zip(in_names, beats)]
    for name, seen, due in ends:
        if seen < due:
            where = f"{type(block).__name__}.{name}"
            raise Hang(f"{where}: {seen} of {due} beats after {deadline} cycles (seed {seed}): {block}")
    return Run(
        [from_beats(np.array(received[name]), block.result.shape) for name in out_names],
        [np.array(taken[name]) for name in in_names],
        [np.array(emitted[name]) for name in out_names],
        clock["cycles"],
    )


def random_raw(rng: np.random.Generator, type, frames: int) -> np.ndarray:
    """Random raw values of a type, its two extremes among them: (frames, H, W, C)."""
    values = rng.integers(type.lo, type.hi, size=(frames, *type.shape), endpoint=True)
    mask = rng.random(values.shape)
    return np.where(mask < 0.1, type.lo, np.where(mask > 0.9, type.hi, values))
