"""Whole networks: random graphs of operations through every pass and through the simulator, every stream compared."""

import pytest

from hwgen import verification
from hwgen.boards import BOARDS
from hwgen.graph import evaluate
from hwgen.passes.buffer import buffer
from hwgen.passes.fold import Folder, fastest
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from tests.graphs import inception, random_frames, residual


def hardware(graph, interval=None):
    folder = Folder(lower(graph), BOARDS["zybo"].budget)
    plan = fastest(folder) if interval is None else folder.plan(interval)
    return buffer(fork(plan.graph))


def intervals(graph) -> list[int]:
    """From the fastest to the slowest, five or so."""
    choices = Folder(lower(graph), BOARDS["zybo"].budget).intervals()
    return choices[:: max(1, len(choices) // 4)]


@pytest.mark.parametrize("make", [inception, residual])
@pytest.mark.parametrize("seed", range(6))
def test_every_stage_computes_the_same(make, seed):
    graph = make(seed)
    frames = random_frames(graph, 3, seed)
    wanted = evaluate(graph, frames)[graph.outputs[0].node]
    for interval in intervals(graph):
        final = hardware(graph, interval)
        values = evaluate(final, frames)
        assert (values[final.outputs[0].node] == wanted).all(), f"seed {seed}, interval {interval}"


@pytest.mark.parametrize("make", [inception, residual])
@pytest.mark.parametrize("stalls", [0.0, 0.5])
def test_verilog_is_equal_on_every_stream(make, stalls, tmp_path):
    graph = make(int(stalls * 10) + 1)
    choices = intervals(graph)
    for k, interval in enumerate(choices[:: max(1, len(choices) // 2)]):
        final = hardware(graph, interval)
        frames = random_frames(graph, 3, k)
        folder = tmp_path / str(k)
        folder.mkdir()
        result = verification.simulate(
            final, frames, evaluate(final, frames), folder, None, simulator="icarus", stalls=stalls, seed=k
        )
        result.check()
        assert result.frames == 3
        estimate = timing(final)
        if not stalls:
            assert result.interval_cycles <= estimate.interval, "the schedule promises this pace"
            assert abs(result.latency_cycles - estimate.latency) <= max(8, 0.05 * estimate.latency)
            for name, highest in result.fills.items():
                assert highest <= final[name].op.depth


def test_one_layer_alone(tmp_path):
    graph = inception(3)
    final = hardware(graph)
    values = evaluate(final, random_frames(graph, 2, 0))
    alone, raw = verification.layer_alone(final, "c3", values)
    result = verification.simulate(alone, raw, evaluate(alone, raw), tmp_path, None, simulator="icarus")
    result.check()
    assert (result.outputs["output"] == values["c3"]).all()
