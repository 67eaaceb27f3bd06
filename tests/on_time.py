"""The hardware keeps what the schedule promises: to the cycle, where nothing forks."""

from __future__ import annotations

from hwgen.graph import Graph
from hwgen.layers.fork import Fork
from hwgen.passes.schedule import schedule, timing
from hwgen.sim.result import SimResult


def assert_on_time(hardware: Graph, result: SimResult, what: str = "") -> None:
    """Asserts interval and latency of a run without stalls, and that no FIFO held more than its depth.

    A fork waits for room on all its branches, so that frames as fast as the ports take them may take longer, but no
    longer than a frame that comes evenly over the interval.
    """
    estimate = timing(hardware)
    assert result.interval_cycles <= estimate.interval, f"{what}: {result.interval_cycles} cycles a frame, {estimate}"
    longest = estimate.latency
    if any(isinstance(node.op, Fork) for node in hardware.nodes):
        even = schedule(hardware, estimate.interval, frames=1)
        longest = max(int(even.emitted[ref.node][-1]) for ref in hardware.outputs)
    latency = result.latency_cycles
    assert estimate.latency <= latency <= longest, f"{what}: latency {latency}, not {estimate.latency} to {longest}"
    assert_fills_fit(hardware, result, what)


def assert_fills_fit(hardware: Graph, result: SimResult, what: str = "") -> None:
    for name, highest in result.fills.items():
        depth = hardware[name].op.depth
        assert highest <= depth, f"{what}: {name} holds {highest} beats, {depth} fit"
