"""Whole networks: random graphs of operations through every pass and through the simulator, every stream compared."""

import numpy as np
import pytest

from hwgen import ops, verification
from hwgen.boards import BOARDS
from hwgen.graph import evaluate
from hwgen.passes.buffer import buffer
from hwgen.passes.emit import emit
from hwgen.passes.fold import Folder, fastest
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.tensor import TensorType
from tests.graphs import GraphBuilder, inception, random_frames, residual, same
from tests.on_time import assert_on_time


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
            final,
            frames,
            evaluate(final, frames),
            folder,
            emit(final, "xc7"),
            simulator="icarus",
            stalls=stalls,
            seed=k,
        )
        result.check()
        assert result.frames == 3
        if not stalls:
            assert_on_time(final, result, f"interval {interval}")


@pytest.mark.parametrize("choice", range(3))
def test_branches_wait_for_each_other_at_full_rate(choice, tmp_path):
    """What waits on the short way depends on the cycles of the FIFOs on the long one."""
    b, rng = GraphBuilder("skip", TensorType((4, 3, 2), 0, 31)), np.random.default_rng(3)
    x = b.activation("a", b.conv("c", "input", rng, (3, 3), 2, "ternary", padding=same((3, 3))))
    graph = b.graph(b.add("sum", ops.Add((1, 32), 0), "input", x))
    final = hardware(graph, Folder(lower(graph), BOARDS["zybo"].budget).intervals()[choice])
    frames = random_frames(graph, 3, 0)
    result = verification.simulate(
        final, frames, evaluate(final, frames), tmp_path, emit(final, "xc7"), simulator="icarus"
    ).check()
    assert_on_time(final, result)


def test_one_layer_alone(tmp_path):
    graph = inception(3)
    final = hardware(graph)
    values = evaluate(final, random_frames(graph, 2, 0))
    alone, raw = verification.layer_alone(final, "c3", values)
    result = verification.simulate(alone, raw, evaluate(alone, raw), tmp_path, emit(alone, "xc7"), simulator="icarus")
    result.check()
    assert (result.outputs["output"] == values["c3"]).all()
