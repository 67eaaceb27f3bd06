"""Branches that are cropped, reordered, repeated, and joined in every way: exact, on time, and no stalls deadlock them.

Each network has a fork whose branches take different times, or need all of a frame before they give anything.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hwgen import joins, moves, ops, verification
from hwgen.boards import BOARDS
from hwgen.graph import Graph, evaluate
from hwgen.passes.buffer import buffer
from hwgen.passes.emit import emit
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.quantize.merges import common_grid
from hwgen.tensor import TensorType
from hwgen.upsampling import ConvTranspose, Upsample
from tests.graphs import GraphBuilder, random_frames, same
from tests.on_time import assert_fills_fit, assert_on_time

FRAMES = 3


maximum, minimum = partial(joins.MinMax, "max"), partial(joins.MinMax, "min")


def network(shape=(4, 4, 2), lo=-5, hi=9) -> tuple[GraphBuilder, np.random.Generator]:
    return GraphBuilder("branches", TensorType(shape, lo, hi)), np.random.default_rng(5)


def layer(b, rng, name, source, channels=2, **options) -> str:
    """A 3 × 3 convolution, by default with a border of zeros, and a quantizer."""
    options = {"padding": same((3, 3))} | options
    return b.activation(f"{name}.act", b.conv(name, source, rng, (3, 3), channels, **options), signed=True)


def permute(b, name, source, axes) -> str:
    shape = b.types[source].shape
    return b.add(name, moves.Reorder(moves.permuted(shape, axes), tuple(shape[a] for a in axes)), source)


def scaled(b, rng, name, source, frac) -> str:
    """Any scale and offset for each channel, on a finer grid."""
    channels = b.types[source].channels
    return b.add(name, ops.Scale(rng.integers(1, 40, channels), rng.integers(-9, 9, channels), frac), source)


def join(b, name, op, *sources, **options) -> str:
    """An operation on several values, each brought to the finest grid among them."""
    return b.add(name, op(*common_grid([b.types[source] for source in sources]), **options), *sources)


def cropped_to_a_valid_convolution() -> Graph:
    b, rng = network((6, 7, 2))
    y = layer(b, rng, "c", "input", padding=ops.NO_PADDING)
    x = b.add("crop", moves.Crop((1, 1, 1, 1)), "input")
    return b.graph(join(b, "cat", ops.Concat, x, scaled(b, rng, "s", y, 3)))


def cropped_twice_and_added() -> Graph:
    """One branch has its last rows left when the other has its first."""
    b, _ = network((6, 4, 2))
    first, last = b.add("first", moves.Crop((0, 4, 1, 0)), "input"), b.add("last", moves.Crop((4, 0, 0, 1)), "input")
    return b.graph(b.add("sum", ops.Add((1, -2), 0), first, last))


def transposed_beside_itself() -> Graph:
    b, _ = network((4, 4, 2))
    return b.graph(b.add("sum", ops.Add((1, 1), 0), permute(b, "t", "input", (1, 0, 2)), "input"))


def transposed_there_and_back() -> Graph:
    b, rng = network((3, 5, 2))
    x = permute(b, "t", layer(b, rng, "c", permute(b, "s", "input", (2, 0, 1)), 5), (1, 2, 0))
    return b.graph(join(b, "max", maximum, "input", scaled(b, rng, "u", x, 2)))


def both_branches_transposed() -> Graph:
    b, rng = network((4, 4, 2))
    x, y = layer(b, rng, "c", "input"), layer(b, rng, "d", "input")
    x, y = permute(b, "s", x, (1, 0, 2)), permute(b, "t", y, (1, 0, 2))
    return b.graph(b.add("cat", ops.Concat((1, 1), 0, axis=1), x, y), y)


def greatest_and_least_of_three() -> Graph:
    b, rng = network((5, 4, 2))
    x = layer(b, rng, "c", "input")
    y = layer(b, rng, "d", x)
    mean = b.add("mean", ops.Pool("sum", (3, 1), (1, 1), (1, 1, 0, 0), average=True), y)
    high = join(b, "max", maximum, "input", scaled(b, rng, "s", x, 3), mean)
    return b.graph(join(b, "min", minimum, high, x))


def rows_of_two_branches() -> Graph:
    b, rng = network((4, 5, 2))
    x = layer(b, rng, "c", "input", strides=(1, 1))
    return b.graph(b.add("cat", ops.Concat((1, 1), 0, axis=0), x, "input"))


def rows_of_the_later_branch_last() -> Graph:
    b, rng = network((4, 5, 2))
    x = layer(b, rng, "c", "input", strides=(2, 1))
    return b.graph(layer(b, rng, "d", b.add("cat", ops.Concat((1, 1), 0, axis=0), "input", x)))


def rows_of_itself_and_then_a_skip() -> Graph:
    b, _ = network((3, 3, 2))
    x = b.add("cat", ops.Concat((1, 1), 0, axis=0), "input", "input")
    x = b.add("pool", ops.Pool("max", (2, 1), (2, 1)), x)
    return b.graph(b.add("sum", ops.Add((1, 1), 0), x, "input"))


def columns_of_three() -> Graph:
    b, rng = network((4, 3, 2))
    x = layer(b, rng, "c", "input", strides=(1, 2))
    return b.graph(b.add("cat", ops.Concat((1, 1, 1), 0, axis=1), x, "input", layer(b, rng, "d", "input")))


def average_repeated_over_the_image() -> Graph:
    """All of a frame has to wait for its own average."""
    b, _ = network((4, 4, 3))
    x = b.add("mean", ops.Pool("sum", (4, 4), (1, 1), average=True), "input")
    x = b.add("repeat", moves.Reorder(((16, 0), (3, 1)), (1, 16, 3)), x)
    x = b.add("view", ops.Reshape((4, 4, 3)), x)
    return b.graph(b.add("sum", ops.Add((16, -1), 4), "input", x))


def residual_of_a_pool_made_larger_again() -> Graph:
    b, rng = network((4, 6, 2))
    x = b.add("pool", ops.Pool("max", (2, 2), (2, 2)), "input")
    x = b.add("up", Upsample((2, 2)), layer(b, rng, "c", x))
    return b.graph(b.add("sum", ops.Add((1, 2), 0), "input", x))


def skips_at_two_levels() -> Graph:
    """The whole image waits for what comes back from a quarter and a sixteenth of it."""
    b, rng = network((8, 4, 2))
    half = layer(b, rng, "down1", "input", strides=(2, 2))
    x = layer(b, rng, "down2", half, strides=(2, 2))
    x = b.add("cat1", ops.Concat((1, 1), 0), b.add("up1", Upsample((2, 2)), x), half)
    x = b.add("up2", Upsample((2, 2)), layer(b, rng, "c", x, 2))
    return b.graph(layer(b, rng, "d", b.add("cat2", ops.Concat((1, 1), 0), x, "input")))


def transposed(b, rng, name, source, kernel, size, cut=(0, 0)) -> str:
    """A transposed convolution with stride 2 in both directions, and a quantizer."""
    channels = b.types[source].channels
    weights = rng.integers(-3, 4, (*kernel, channels, 2))
    op = ConvTranspose(weights, rng.integers(-9, 10, 2), 0, 0, (2, 2), cut, size)
    return b.activation(f"{name}.act", b.add(name, op, source), signed=True)


def residual_of_a_transposed_convolution() -> Graph:
    b, rng = network((6, 4, 2))
    x = layer(b, rng, "down", "input", strides=(2, 2))
    x = transposed(b, rng, "up", x, (3, 4), (6, 4), (0, 1))
    return b.graph(b.add("sum", ops.Add((1, 1), 0), x, "input"))


def two_ways_up() -> Graph:
    b, rng = network((3, 4, 2))
    x = b.add("nearest", Upsample((2, 2)), "input")
    y = transposed(b, rng, "up", "input", (4, 2), (6, 8), (1, 0))
    return b.graph(join(b, "max", maximum, x, y), b.add("repeat", Upsample((1, 3)), y))


def two_inputs_one_after_the_other() -> Graph:
    """The second waits for a whole frame of the first at one join, and goes beside it at another."""
    b, rng = network((3, 4, 2))
    b.add("second", ops.Input(TensorType((3, 4, 2), 0, 7)))
    x = b.add("cat", ops.Concat((1, 1), 0, axis=0), "input", "second")
    y = b.add("min", minimum((1, 1), 0), layer(b, rng, "c", "second"), "input")
    return replace(b.graph(x, y), inputs=("input", "second"))


NETWORKS = [make for make in list(globals().values()) if getattr(make, "__annotations__", {}).get("return") is Graph]


@pytest.mark.parametrize("stalls", [0.0, 0.6])
@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_is_exact_and_never_stands_still(make, stalls, tmp_path):
    graph = make()
    folder = Folder(lower(graph), BOARDS["zybo"].budget)
    choices = folder.intervals()
    hardware = buffer(fork(folder.plan(choices[len(choices) // 2 if stalls else 0]).graph))
    frames = random_frames(graph, FRAMES, 1)
    values, wanted = evaluate(hardware, frames), evaluate(graph, frames)
    for ref, sink in zip(graph.outputs, hardware.outputs):
        assert (wanted[ref.node] == values[sink.node]).all()
    verilog = emit(hardware, "xc7")
    result = verification.simulate(
        hardware, frames, values, tmp_path, verilog, simulator="icarus", stalls=stalls, seed=11
    ).check()
    if stalls:
        assert_fills_fit(hardware, result)
    else:
        assert_on_time(hardware, result)
