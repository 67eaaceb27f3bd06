"""Networks at the edges of what a network is, through every pass and the simulator: exact, and on time to the cycle.

Networks without a layer, with several outputs, of one pixel or one row, constant ones, reshapes that lanes don't
divide, ... all at the fastest folding.
"""

from dataclasses import replace

import numpy as np
import pytest

from hwgen import ops, verification
from hwgen.boards import BOARDS
from hwgen.graph import Graph, evaluate
from hwgen.passes.buffer import buffer
from hwgen.passes.emit import emit
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.tensor import TensorType
from tests.graphs import Clip, GraphBuilder, random_frames, same
from tests.on_time import assert_on_time

FRAMES = 3


def network(shape=(3, 4, 4), lo=-3, hi=12) -> tuple[GraphBuilder, np.random.Generator]:
    return GraphBuilder("odd", TensorType(shape, lo, hi)), np.random.default_rng(7)


# Outputs


def the_input_is_the_output() -> Graph:
    b, _ = network()
    return b.graph("input")


def input_and_result_are_outputs() -> Graph:
    b, _ = network()
    return b.graph("input", b.activation("a", "input"))


def one_value_is_two_outputs() -> Graph:
    b, _ = network()
    x = b.activation("a", "input")
    return b.graph(x, x)


def outputs_are_read_on() -> Graph:
    b, rng = network((5, 4, 4))
    x = b.conv("c", "input", rng, (3, 3), 4)
    y = b.activation("a", x)
    return b.graph(x, y, b.conv("d", y, rng, (1, 1), 6, "bits4"))


def vector_with_its_top1_in_one_beat() -> Graph:
    b, _ = network((1, 1, 6))
    return b.graph("input")


# Hardly anything


def only_a_pool() -> Graph:
    b, _ = network((6, 6, 4))
    return b.graph(b.add("p", ops.Pool("max", (2, 2), (2, 2)), "input"))


def only_a_reshape() -> Graph:
    b, _ = network((3, 3, 5))
    return b.graph(b.add("f", ops.Reshape((1, 1, 45)), "input"))


def only_zeros_around() -> Graph:
    b, _ = network((4, 3, 2), -5, -2)
    return b.graph(b.add("z", ops.Pad((1, 0, 0, 1)), "input"))


def single_value() -> Graph:
    b, rng = network((1, 1, 1))
    return b.graph(b.conv("c", "input", rng, (1, 1), 1))


# Constants


def nothing_varies() -> Graph:
    b, rng = network((3, 3, 4), 0, 0)
    return b.graph(b.activation("a", b.conv("c", "input", rng, (3, 3), 4)))


def quantizers_to_one_level() -> Graph:
    b, rng = network((3, 3, 4), 0, 7)
    x = b.add("a", ops.Activation(b.types["input"], Clip(6, 0, 7, 0)), "input")
    y = b.conv("c", x, rng, (2, 2), 4)
    y = b.add("a2", ops.Activation(b.types[y], Clip(0, 3, 3, 0, False)), y)
    return b.graph(y, b.add("p", ops.Pool("max", (2, 2), (1, 1)), y))


def only_zero_weights() -> Graph:
    b, _ = network((3, 3, 4), 0, 7)
    x = b.add("c", ops.Conv(np.zeros((2, 2, 4, 3), dtype=np.int64), np.array([1, 1, 1])), "input")
    return b.graph(b.add("d", ops.DepthwiseConv(np.zeros((1, 1, 3, 2), dtype=np.int64), np.arange(6)), x))


def one_bit_each() -> Graph:
    b, rng = network((3, 3, 4), -1, 0)
    x = b.activation("a", b.conv("c", "input", rng, (2, 2), 4), bits=1, signed=True)
    return b.graph(b.conv("d", x, rng, (2, 2), 1))


# Shapes


def one_pixel_in_large_windows() -> Graph:
    b, rng = network((1, 1, 4))
    x = b.conv("c", "input", rng, (3, 3), 4, padding=same((3, 3)))
    x = b.add("p", ops.Pool("max", (3, 3), (1, 1), same((3, 3))), x)
    return b.graph(b.conv("d", b.activation("a", x), rng, (1, 1), 6))


def one_row() -> Graph:
    b, rng = network((1, 9, 2))
    x = b.activation("a", b.conv("c", "input", rng, (1, 3), 4, strides=(1, 2)))
    x = b.add("p", ops.Pool("max", (1, 2), (1, 1)), x)
    return b.graph(b.conv("d", x, rng, (3, 3), 4, padding=same((3, 3)), strides=(2, 3)))


def strides_beyond_the_kernel() -> Graph:
    b, rng = network((7, 8, 2))
    x = b.conv("c", "input", rng, (2, 2), 4, strides=(3, 3))
    y = b.add("q", ops.Pool("sum", (1, 1), (2, 2)), "input")
    return b.graph(x, y, b.add("p", ops.Pool("max", (1, 2), (2, 3)), "input"))


def padding_beyond_the_kernel() -> Graph:
    b, rng = network((2, 3, 2), 1, 3)
    x = b.conv("c", b.add("z", ops.Pad((2, 3, 1, 3)), "input"), rng, (2, 2), 4, strides=(2, 2))
    return b.graph(b.add("p", ops.Pool("max", (2, 2), (2, 2)), b.add("z2", ops.Pad((0, 1, 1, 0)), x)))


def reshapes_that_lanes_do_not_divide() -> Graph:
    b, rng = network((3, 4, 5))
    x = b.conv("c", b.add("f", ops.Reshape((1, 10, 6)), b.activation("a", "input")), rng, (1, 3), 4)
    return b.graph(b.add("g", ops.Reshape((1, 1, 32)), x))


def two_reshapes_of_one_value() -> Graph:
    b, rng = network((2, 3, 6))
    x = b.activation("a", "input")
    ends = [b.add(name, ops.Reshape((1, 1, 36)), x) for name in ("f", "g")]
    return b.graph(*(b.conv(f"d{end}", end, rng, (1, 1), 4) for end in ends))


# Branches


def two_inputs() -> Graph:
    """The second is needed once the first has passed a window, and its frames are smaller."""
    b, rng = network((4, 4, 3))
    b.add("second", ops.Input(TensorType((4, 4, 2), -4, 3)))
    x = b.conv("c", "input", rng, (3, 3), 2, padding=same((3, 3)))
    b.add("s", ops.Add((1, 1), 0), x, "second")
    return replace(b.graph(b.add("t", ops.Concat((1, 1), 0), "s", "input")), inputs=("input", "second"))


def a_value_added_to_itself() -> Graph:
    b, _ = network()
    return b.graph(b.add("s", ops.Add((1, 3), 0), "input", "input"))


def a_value_beside_itself() -> Graph:
    b, _ = network()
    return b.graph(b.add("s", ops.Concat((1, 3, 1), 0), "input", "input", "input"))


def parts_of_coprime_channels() -> Graph:
    b, rng = network((4, 4, 3))
    x = b.conv("c", "input", rng, (1, 1), 5)
    y = b.conv("d", "input", rng, (3, 3), 4, padding=same((3, 3)))
    return b.graph(b.add("s", ops.Concat((1, 1, 1), 0), x, y, "input"))


def ninths_and_wholes() -> Graph:
    b, _ = network((3, 3, 4), 0, 12)
    p = b.add("p", ops.Pool("sum", (3, 3), (3, 3), average=True), "input")
    q = b.add("q", ops.Pool("max", (3, 3), (3, 3)), "input")
    return b.graph(b.add("s", ops.Add((1, 9), 0, 9), p, q), b.add("t", ops.Concat((1, 9), 0, 9), p, q))


def around_two_layers() -> Graph:
    """What waits beside the layers depends on the cycles of the FIFOs between them."""
    b, rng = network((6, 5, 4), -5, 7)
    x = "input"
    for k in range(2):
        x = b.activation(f"a{k}", b.conv(f"c{k}", x, rng, (3, 3), 4, padding=same((3, 3))), signed=True)
    x = b.add("s", ops.Add((1, 1), 0), "input", x)
    return b.graph(b.conv("d", b.add("t", ops.Concat((1, 1), 0), x, "input"), rng, (6, 5), 3))


def around_each_other() -> Graph:
    b, rng = network((6, 6, 2), -5, 7)
    x = b.activation("a0", b.conv("c0", "input", rng, (3, 3), 4, padding=same((3, 3)), strides=(2, 2)))
    y = b.activation("a1", b.conv("c1", x, rng, (3, 3), 4, padding=same((3, 3))))
    v = b.conv("c2", b.add("u", ops.Add((1, 1), 0), x, y), rng, (1, 1), 3)
    w = b.conv("c3", y, rng, (3, 3), 3, padding=same((3, 3)))
    z = b.add("z", ops.Concat((1, 1, 1), 0), v, w, x)
    return b.graph(z, b.add("p", ops.Pool("sum", (3, 3), (3, 3), average=True), z))


# Time


def a_burst_that_must_wait() -> Graph:
    """The pool gives a row at once, and zeros come between its values: its credits run out where no FIFO follows."""
    b, _ = network((3, 6, 1), 0, 7)
    x = b.add("p", ops.Pool("max", (3, 1), (3, 1)), "input")
    return b.graph(b.activation("a", b.add("z", ops.Pad((0, 0, 1, 2)), x)))


NETWORKS = [make for make in list(globals().values()) if getattr(make, "__annotations__", {}).get("return") is Graph]


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_is_exact_and_on_time(make, tmp_path):
    graph = make()
    folder = Folder(lower(graph), BOARDS["zybo"].budget)
    hardware = buffer(fork(folder.plan(folder.intervals()[0]).graph))
    frames = random_frames(graph, FRAMES, 1)
    values, wanted = evaluate(hardware, frames), evaluate(graph, frames)
    for ref, sink in zip(graph.outputs, hardware.outputs):
        assert (wanted[ref.node] == values[sink.node]).all()
    result = verification.simulate(
        hardware, frames, values, tmp_path, emit(hardware, "xc7"), simulator="icarus"
    ).check()
    assert_on_time(hardware, result)
