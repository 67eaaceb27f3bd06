"""Shells under cocotb, with cocotbext-axi as processor and memory."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hwgen
from hwgen import ops
from hwgen.boards import BOARDS
from hwgen.boards.shell.shell import emit_shell
from hwgen.compiler import Compiled, cost, sized
from hwgen.graph import Graph, evaluate
from hwgen.layers.axi import element_bytes, pack
from hwgen.passes.buffer import buffer
from hwgen.passes.emit import Emitted, emit, fifos
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from hwgen.tensor import TensorType
from tests.graphs import GraphBuilder, random_frames
from tests.shell.loop import loop_config, looped_shell
from tests.shell.simulation import Config, Simulation

BOARD = BOARDS["zybo"]
DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def looped(shapes, folder, interval: int = 0) -> Simulation:
    """A shell around loops; see `tests.shell.loop`."""
    return Simulation(looped_shell(shapes), replace(loop_config(shapes), interval=interval), folder)


@pytest.mark.parametrize(
    "shapes",
    [[(15, 3)], [(1, 1)], [(70, 8)], [(4, 8), (37, 1)], [(3, 12), (2, 2), (50, 4)]],
    ids=lambda shapes: "+".join(f"{beats}x{size}" for beats, size in shapes),
)
def test_frames(shapes, tmp_path):
    looped(shapes, tmp_path).run("tests.shell.drive_frames", 5)


@pytest.mark.parametrize("shape", [(70, 8), (15, 3), (25, 16)], ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_rate(shape, tmp_path):
    """8 bytes a cycle in and as many out at once, where the network takes so many; a beat a cycle where it takes fewer."""
    beats, size = shape
    looped([shape], tmp_path, interval=max(beats, beats * size // 8)).run("tests.shell.drive_rate", 2)


def test_faults_and_registers(tmp_path):
    simulation = looped([(70, 8)], tmp_path)
    simulation.run("tests.shell.drive_faults", 13)
    simulation.run("tests.shell.drive_registers", 4)


def compiled(graph: Graph) -> Compiled:
    """A graph of integer operations as hardware, as fast as it fits."""
    folder = Folder(lower(graph), BOARD.budget)
    hardware = buffer(fork(sized(folder, BOARD, None)))
    return Compiled(graph, hardware, timing(hardware), cost(hardware), BOARD.family, folder)


def around(network: Compiled, frames: dict, folder, verilator: bool = False) -> Simulation:
    """The shell around a compiled network; frames: raw, by input."""
    shell = emit_shell(network, 150.0)
    graph = network.integer
    values = evaluate(graph, frames)
    count = len(next(iter(frames.values())))
    given = [[pack(frames[name][k], graph[name].type) for name in graph.inputs] for k in range(count)]
    wanted = [[pack(values[ref.node][k], graph[ref.node].type) for ref in graph.outputs] for k in range(count)]
    best = [[int(values[ref.node][k].argmax()) for ref in graph.outputs] for k in range(count)]
    return Simulation(shell, Config(shell.identity, given, wanted, network.timing.interval, best), folder, verilator)


def branches(seed: int) -> Graph:
    """A small network with a window, a fork, a join with FIFOs and a dense layer: 45 bytes a frame, 10 of scores."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder(f"branches{seed}", TensorType((5, 3, 3), 0, 15))
    x = b.activation("a0", b.conv("c0", "input", rng, (2, 2), 2, "bits4"))
    one = b.activation("a1", b.conv("c1", x, rng, (1, 1), 2))
    two = b.activation("a2", b.conv("c2", x, rng, (3, 1), 2, "ternary", padding=(1, 1, 0, 0)))
    x = b.add("cat", ops.Concat((1, 1), 0), one, two)
    x = b.add("flat", ops.Reshape((1, 1, b.types[x].size)), x)
    return b.graph(b.conv("dense", x, rng, (1, 1), 5, "bits8"))


def test_a_network_in_its_shell(tmp_path):
    """Equal to the integer model, at its own rate."""
    graph = branches(3)
    assert element_bytes(graph[graph.outputs[0].node].type) == 2
    simulation = around(compiled(graph), random_frames(graph, 5, seed=5), tmp_path)
    assert simulation.config.identity.fifos, "no FIFO whose fill could be read"
    simulation.run("tests.shell.drive_frames", 5)
    simulation.run("tests.shell.drive_rate", 2)


def test_levels_are_ports_only_where_asked_for():
    hardware = compiled(branches(3)).hardware
    plain, watched = (ports(emit(hardware, "xc7", levels)) for levels in (False, True))
    assert watched - plain == {f"level{k}" for k in range(len(fifos(hardware)))} != set()
    assert not plain - watched


def ports(emitted: Emitted) -> set[str]:
    """The ports of the top module."""
    return set(re.search(rf"^module {emitted.top}\((.*?)\);", emitted.text, re.MULTILINE | re.DOTALL)[1].split(", "))


def test_digits_keep_their_interval(tmp_path):
    """A frame every 784 cycles, with memory at hand and with memory far away."""
    design = hwgen.compile(DIGITS / "digits.h5", board="zybo")
    frames = design.raw(np.load(DIGITS / "test_frames.npz")["x"][:12])
    assert design.compiled.timing.interval == 784
    around(design.compiled, frames, tmp_path, verilator=True).run("tests.shell.drive_rate", 2)
