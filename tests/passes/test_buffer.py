"""FIFO depths: enough for the promised pace, enough under any stalls, and not enough if they are cut."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen import verification
from hwgen.boards import BOARDS
from hwgen.errors import DifferenceError
from hwgen.graph import Graph, evaluate, verify
from hwgen.layers.cat import Cat
from hwgen.layers.fifo import Fifo
from hwgen.passes.buffer import buffer
from hwgen.passes.dependence import dependence
from hwgen.passes.emit import emit
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from tests.graphs import inception, random_frames


def hardware(graph: Graph) -> Graph:
    folder = Folder(lower(graph), BOARDS["zybo"].budget)
    choices = folder.intervals()
    return buffer(fork(folder.plan(choices[len(choices) // 3]).graph))


def with_depth(graph: Graph, name: str, depth: int) -> Graph:
    nodes = [replace(n, op=replace(n.op, depth=depth)) if n.name == name else n for n in graph.nodes]
    return verify(graph.with_nodes(nodes), single_consumer=True)


def simulate(graph, tmp_path, **options):
    frames = random_frames(graph, 4, 0)
    return verification.simulate(
        graph, frames, evaluate(graph, frames), tmp_path, emit(graph, "xc7"), simulator="icarus", **options
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_the_promised_pace_is_kept_and_no_fifo_overflows(seed, tmp_path):
    graph = hardware(inception(seed))
    result = simulate(graph, tmp_path).check()
    assert result.interval_cycles <= timing(graph).interval
    assert result.fills and all(highest <= graph[name].op.depth for name, highest in result.fills.items())


def test_a_join_with_too_little_room_deadlocks_and_the_bench_says_so(tmp_path):
    """The skew between the branches is real: with next to no room at the join the network hangs."""
    graph = hardware(inception(0))
    cat = next(node for node in graph.nodes if isinstance(node.op, Cat))
    waiting = [graph[ref.node] for ref in cat.inputs]
    deepest = max((node for node in waiting if isinstance(node.op, Fifo)), key=lambda node: node.op.depth)
    assert deepest.op.depth > 4
    with pytest.raises(DifferenceError, match="hang"):
        simulate(with_depth(graph, deepest.name, 2), tmp_path, quiet=3000)


@pytest.mark.parametrize("seed", range(3))
def test_no_pattern_of_stalls_deadlocks(seed, tmp_path):
    simulate(hardware(inception(0)), tmp_path, stalls=0.8, seed=seed).check()


def test_dependence_is_that_of_the_data():
    """Changing an input pixel may only change output beats that are said to depend on it or a later one."""
    graph = hardware(inception(2))
    depends = dependence(graph, frames=1)
    rng = np.random.default_rng(0)
    frames = random_frames(graph, 1, 1)
    before = evaluate(graph, frames)
    (source,) = frames
    lanes = graph[source].op.lanes_out
    for _ in range(25):
        place = int(rng.integers(frames[source].size))
        changed = frames[source].copy().reshape(-1)
        changed[place] ^= 1 + int(rng.integers(15))
        after = evaluate(graph, {source: changed.reshape(frames[source].shape)})
        for node in graph.nodes:
            block_lanes = node.op.lanes_out
            beats = (before[node.name] != after[node.name]).reshape(-1, block_lanes).any(axis=1)
            assert (depends[node.name][beats] >= place // lanes).all(), node.name
