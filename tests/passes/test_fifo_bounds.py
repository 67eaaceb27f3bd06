"""The bounds of FIFO depths on random forks and joins: what they promise is kept, and a beat less breaks it.

The seeds are the tests' parameters. Frames come evenly over the promised interval, as in the schedule that depths are
computed from, or back to back.
"""

from dataclasses import replace

import numpy as np
import pytest

from hwgen import ops, verification
from hwgen.boards import BOARDS
from hwgen.errors import DifferenceError
from hwgen.graph import Graph, evaluate, verify
from hwgen.layers.fifo import Fifo
from hwgen.layers.fork import Fork
from hwgen.passes.buffer import bounds, buffer, producer
from hwgen.passes.emit import emit
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import schedule, timing
from hwgen.sim.result import SimResult
from hwgen.tensor import TensorType
from tests.graphs import GraphBuilder, random_frames, same
from tests.on_time import assert_on_time

FRAMES = 4
SEEDS = range(6)
SHALLOW = 3  # with fewer beats a FIFO is registers, a cycle faster: another schedule


def network(seed: int) -> Graph:
    """A fork and a join of 2 or 3 branches: of windows of any size, stride and padding, long ones and short ones."""
    rng = np.random.default_rng(seed)
    height, width = int(rng.integers(4, 8)), int(rng.integers(4, 9))
    b = GraphBuilder(f"bounds{seed}", TensorType((height, width, int(rng.choice([1, 2, 4]))), 0, 7))
    x = b.activation("a0", b.conv("c0", "input", rng, (1, 1), 4), bits=3)
    adds = bool(seed % 2)
    stride = (1, 1) if adds else (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    ends = [x] if adds else []  # a residual branch of nothing, beside others
    for k in range(int(rng.integers(1, 3)) if adds else int(rng.integers(2, 4))):
        y = x
        for level in range(int(rng.integers(1, 4)) if k == 0 else 1):
            kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
            strides = stride if level == 0 else (1, 1)
            padding = _padding(rng, kernel, strides, b.types[y].shape, b.types[x].shape, stride)
            y = b.conv(f"c{k}_{level}", y, rng, kernel, 4, "binary", strides, padding)
            y = b.activation(f"a{k}_{level}", y, bits=3)
        ends.append(y)
    if adds:
        x = b.add("join", ops.Add((1,) * len(ends), 0), *ends)
    else:
        x = b.add("join", ops.Concat((1,) * len(ends), 0), *ends)
    return b.graph(b.activation("last", x, bits=3))


def _padding(rng, kernel, strides, shape, whole, stride) -> tuple[int, int, int, int]:
    """Padding (top, bottom, left, right), split at random, that brings a size to the one that all branches end with."""
    sides = []
    for size, full, step, by, taps in zip(shape[:2], whole[:2], strides, stride, kernel):
        missing = max(0, (-(-full // by) - 1) * step + taps - size)
        before = int(rng.integers(0, missing + 1))
        sides += [before, missing - before]
    return tuple(sides)


def hardware(seed: int) -> Graph:
    """The network of a seed at one of the intervals at which its hardware changes shape."""
    folder = Folder(lower(network(seed)), BOARDS["zybo"].budget)
    choices = folder.intervals()
    return buffer(fork(folder.plan(int(np.random.default_rng(seed).choice(choices))).graph))


def with_depth(graph: Graph, name: str, depth: int) -> Graph:
    nodes = [replace(n, op=replace(n.op, depth=depth)) if n.name == name else n for n in graph.nodes]
    return verify(graph.with_nodes(nodes), single_consumer=True)


def simulate(graph: Graph, folder, **options) -> SimResult:
    frames = random_frames(graph, FRAMES, 0)
    folder.mkdir()
    emitted = emit(graph, "xc7")
    return verification.simulate(graph, frames, evaluate(graph, frames), folder, emitted, simulator="icarus", **options)


def fifos(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes if isinstance(node.op, Fifo)]


def before(graph: Graph, fifo: str) -> str:
    """The stream that enters a FIFO, as the bench calls it."""
    (ref,) = graph[fifo].inputs
    block = producer(graph, ref)
    return block.name if block.op.fan_out == 1 else f"{block.name}#{ref.port}"


def fill(graph: Graph, fifo: str, interval: int) -> int:
    """The highest level of a FIFO in the schedule, counted cycle by cycle: from the one behind that in which a beat is
    taken in up to that in which it is given away."""
    steady = schedule(graph, interval, FRAMES)
    ((consumer, port),) = [(n.name, k) for n in graph.nodes for k, ref in enumerate(n.inputs) if ref.node == fifo]
    came = steady.emitted[producer(graph, graph[fifo].inputs[0]).name] + 1
    went = steady.taken[consumer, port] + 1
    changes = np.zeros(max(came[-1], went[-1]) + 1, dtype=np.int64)
    np.add.at(changes, came, 1)
    np.add.at(changes, went, -1)
    return int(np.cumsum(changes).max())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_schedule_is_kept(seed, tmp_path):
    """Frames that come evenly: no FIFO ever refuses a beat, and each is as full as was computed, to the beat."""
    check_schedule(hardware(seed), tmp_path, f"seed {seed}")


def check_schedule(graph: Graph, tmp_path, what: str) -> None:
    interval = timing(graph).interval
    result = simulate(graph, tmp_path / "even", interval=interval).check()
    assert result.interval_cycles == interval
    assert set(result.first_in - result.first_in[0]) == {k * interval for k in range(FRAMES)}, "the source waits"
    why = bounds(graph, interval)
    for name in fifos(graph):
        assert result.waited[before(graph, name)] == 0, f"{before(graph, name)} waits for {name}"
        assert result.fills[name] == fill(graph, name, interval), name
        assert result.fills[name] in (why[name].pace, why[name].pace - 1), name
    assert_on_time(graph, simulate(graph, tmp_path / "fast").check(), what)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_beat_less_than_the_pace_asks_for_holds_the_producer_up(seed, tmp_path):
    graph = hardware(seed)
    interval = timing(graph).interval
    for name, why in bounds(graph, interval).items():
        if why.pace > SHALLOW and why.pace > (why.dependence or 0):
            less = with_depth(graph, name, why.pace - 1)
            result = simulate(less, tmp_path / name, interval=interval).check()
            assert result.waited[before(graph, name)] > 0, f"{name} with {why.pace - 1} beats"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_beat_less_than_dependence_asks_for_deadlocks(seed, tmp_path):
    """Where nothing else can hold a beat: right behind the fork. What pace asks for beyond that is no matter here."""
    graph = hardware(seed)
    for name, why in bounds(graph, timing(graph).interval).items():
        if why.dependence and isinstance(producer(graph, graph[name].inputs[0]).op, Fork):
            if why.dependence >= 2:
                simulate(with_depth(graph, name, why.dependence), tmp_path / f"{name}_enough", stalls=0.3).check()
            if why.dependence > 2:
                with pytest.raises(DifferenceError, match="hang"):
                    simulate(with_depth(graph, name, why.dependence - 1), tmp_path / f"{name}_less", quiet=3000)


def tangled(seed: int) -> Graph:
    """A residual block within a branch of another, or (odd seeds) branches that take part in two joins."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder(f"tangled{seed}", TensorType((5, int(rng.integers(4, 8)), 2), 0, 7))

    def branch(name: str, source: str) -> str:
        kernel = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        y = b.conv(f"c{name}", source, rng, kernel, 2, "binary", padding=same(kernel))
        return b.activation(f"a{name}", y, bits=2)

    def add(name: str, *sources: str) -> str:
        return b.activation(name, b.add(f"{name}_sum", ops.Add((1,) * len(sources), 0), *sources), bits=2)

    x = b.activation("x", "input", bits=2)
    one, two = branch("1", x), branch("2", x)
    if seed % 2:
        return b.graph(add("last", add("left", one, two), add("right", two, branch("3", x)), x))
    inner = add("inner", one, branch("4", one), branch("5", one))
    return b.graph(add("last", x, branch("6", inner), two))


@pytest.mark.parametrize(
    "make, seed", [(network, 0), (network, 1), (network, 3)] + [(tangled, seed) for seed in range(4)]
)
def test_dependence_alone_keeps_from_deadlock(make, seed, tmp_path):
    """All FIFOs as shallow as dependence allows, those that are there for the pace gone or nearly so."""
    folder = Folder(lower(make(seed)), BOARDS["zybo"].budget)
    choices = folder.intervals()
    graph = buffer(fork(folder.plan(int(np.random.default_rng(seed).choice(choices[: len(choices) // 2 + 1]))).graph))
    for name, why in bounds(graph, timing(graph).interval).items():
        graph = with_depth(graph, name, max(1, why.dependence or 0))
    for stalls in (0.0, 0.7):
        simulate(graph, tmp_path / str(stalls), stalls=stalls, quiet=3000).check()


def test_one_fifo_before_a_fork_takes_a_burst_for_all_branches(tmp_path):
    """Pooling gives a row of pixels in every other row's time; the two neurons behind it work all the time."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("bursts", TensorType((12, 12, 2), 0, 7))
    x = b.activation("a", b.conv("c", "input", rng, (1, 1), 8), bits=3)
    x = b.add("pool", ops.Pool("max", (2, 2), (2, 2)), x)
    ends = [b.activation(f"a{k}", b.conv(f"c{k}", x, rng, (1, 1), 8, "bits4"), bits=3) for k in range(2)]
    folder = Folder(lower(b.graph(b.add("cat", ops.Concat((1, 1), 0), *ends))), BOARDS["zybo"].budget)
    graph = buffer(fork(folder.plan(288).graph))
    assert timing(graph).interval == 288
    deep = {
        name: graph[name].op
        for name in fifos(graph)
        if name.startswith(("pool", "c0", "c1")) and graph[name].op.depth > 1
    }
    assert list(deep) == ["pool.fork.fifo"] and deep["pool.fork.fifo"].spacing == 288 // (6 * 6 * 2)
    check_schedule(graph, tmp_path, "bursts")
    simulate(graph, tmp_path / "stalled", stalls=0.7).check()


def test_the_example_of_the_docs(tmp_path):
    """docs/fifos.md: a row and a pixel by dependence, 20 more for the convolution's latency, one for handing over."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("example", TensorType((6, 8, 2), 0, 7))
    x = b.activation("x", "input", bits=2)
    y = b.activation("y", b.conv("c", x, rng, (3, 3), 2, padding=same((3, 3))), bits=2)
    b.add("sum", ops.Add((1, 1), 0), x, y)
    folder = Folder(lower(b.graph("sum")), BOARDS["zybo"].budget)
    graph = buffer(fork(folder.plan(folder.intervals()[0]).graph))
    assert timing(graph).interval == 49
    why = bounds(graph, 49)["sum.fifo0"]
    assert (why.pace, why.dependence) == (30, 9)
    result = simulate(with_depth(graph, "sum.fifo0", 29), tmp_path / "held", interval=49).check()
    assert result.waited["x.fork#0"] + result.waited["x.fork#1"] >= FRAMES - 1
    simulate(with_depth(graph, "sum.fifo0", 9), tmp_path / "enough").check()
    with pytest.raises(DifferenceError, match="hang"):
        simulate(with_depth(graph, "sum.fifo0", 8), tmp_path / "hangs", quiet=3000)
