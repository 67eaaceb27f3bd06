"""Upsampling and transposed convolution: by their definition, and as the blocks that they become."""

import random

import numpy as np
import pytest

from hwgen.graph import evaluate
from hwgen.layers.phased import PhasedNeuron
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.layers.upsample import Upsample as UpsampleBlock
from hwgen.layers.window import Window
from hwgen.passes.lower import lower
from hwgen.tensor import TensorType
from hwgen.upsampling import ConvTranspose, Upsample
from tests.graphs import GraphBuilder, random_frames


def lowered(b: GraphBuilder, name: str):
    """(what the operation computes, the frames, the kinds of blocks between the ports); the blocks compute the same."""
    graph = b.graph(name)
    blocks = lower(graph)
    frames = random_frames(graph, 2, 3)
    expected = evaluate(graph, frames)[name]
    assert (evaluate(blocks, frames)[blocks.outputs[0].node] == expected).all()
    assert graph[name].type.lo <= expected.min() and expected.max() <= graph[name].type.hi
    return expected, frames["input"], [type(n.op) for n in blocks.nodes if not isinstance(n.op, (Source, Sink))]


def definition(op: ConvTranspose, x: np.ndarray) -> np.ndarray:
    """Pixel by pixel of the result: which pixels of the input, and which tap of the kernel, come there."""
    (kh, kw), (sh, sw) = op.weights.shape[:2], op.strides
    result = np.zeros((len(x), *op.size, len(op.bias)), dtype=np.int64)
    for row in range(op.size[0]):
        for column in range(op.size[1]):
            for y in range(x.shape[1]):
                for at in range(x.shape[2]):
                    i, j = row + op.cut[0] - y * sh, column + op.cut[1] - at * sw
                    if 0 <= i < kh and 0 <= j < kw:
                        result[:, row, column] += x[:, y, at] @ op.weights[i, j]
    return (result << op.shift) + op.bias


def random_op(rng: random.Random, shape) -> ConvTranspose:
    """Whatever Keras's padding "valid" or "same" asks for, and more cut off."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    kernel, strides = ((rng.randint(1, most), rng.randint(1, most)) for most in (5, 3))
    count = rng.randint(1, 3)
    weights = numbers.integers(-4, 5, (*kernel, shape[2], count))
    whole = [n * s + max(k - s, 0) for n, s, k in zip(shape, strides, kernel)]
    cut = [rng.randint(0, max(k - s, 0)) for s, k in zip(strides, kernel)]
    size = tuple(w - c - rng.randint(0, max(k - s, 0) - c) for w, c, s, k in zip(whole, cut, strides, kernel))
    return ConvTranspose(weights, numbers.integers(-9, 10, count), 1, rng.randint(0, 2), strides, tuple(cut), size)


@pytest.mark.parametrize("seed", range(40))
def test_transposed_convolution(seed):
    rng = random.Random(seed)
    shape = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 3)
    b = GraphBuilder("test", TensorType(shape, *rng.choice([(-4, 7), (3, 9), (0, 1)]), 2))
    op = random_op(rng, shape)
    expected, x, kinds = lowered(b, b.add("up", op, "input"))
    assert (expected == definition(op, x)).all()
    windows = [Window] * (op.reach != (1, 1) or any(op.padding(b.types["input"])))
    assert kinds == [UpsampleBlock] * (op.strides != (1, 1)) + windows + [PhasedNeuron]


def test_kernels_side_by_side_need_no_window():
    b = GraphBuilder("test", TensorType((3, 2, 4), -8, 7))
    op = ConvTranspose(np.arange(48).reshape(2, 3, 4, 2) - 20, np.array([5, -5]), 0, 0, (2, 3), (0, 0), (6, 6))
    assert lowered(b, b.add("up", op, "input"))[2] == [UpsampleBlock, PhasedNeuron]


def test_no_product_with_an_inserted_zero():
    """4×4 at stride 2 has four phases of 2×2 taps."""
    op = ConvTranspose(np.arange(16).reshape(4, 4, 1, 1), np.zeros(1, dtype=int), 0, 0, (2, 2), (1, 1), (6, 6))
    assert op.phases.shape == (2, 2, 2, 2, 1, 1) and sorted(op.phases.ravel()) == list(range(16))


def test_upsampling():
    b = GraphBuilder("test", TensorType((2, 3, 2), -8, 7))
    expected, x, kinds = lowered(b, b.add("up", Upsample((3, 2)), "input"))
    assert kinds == [UpsampleBlock] and (expected[:, 4, 3] == x[:, 1, 1]).all() and expected.shape == (2, 6, 6, 2)


def test_refusals():
    x = TensorType((3, 3, 2), 0, 7)
    bias = np.zeros(1, dtype=int)
    with pytest.raises(ValueError, match="weights for 3 channels, input has 2"):
        ConvTranspose(np.ones((2, 2, 3, 1), dtype=int), bias, 0, 0, (2, 2), (0, 0), (6, 6)).infer(x)
    with pytest.raises(ValueError, match=r"a result of \(4, 6\) leaves out more than the kernel of \(3, 3\) pixels"):
        ConvTranspose(np.ones((2, 2, 2, 1), dtype=int), bias, 0, 0, (2, 2), (0, 0), (4, 6)).infer(x)
