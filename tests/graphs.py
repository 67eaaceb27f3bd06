"""Random graphs of integer operations, without Keras: for the passes and for whole networks in hardware."""

from __future__ import annotations

import numpy as np

from hwgen import ops
from hwgen.graph import Graph, Node, Ref, verify
from hwgen.tensor import TensorType


class Clip(ops.Function):
    """clip(round_half_even(raw · 2^-shift), lo, hi) on a grid of `frac` bits, by its definition in Python integers."""

    def __init__(self, shift: int, lo: int, hi: int, frac: int, linear: bool = True):
        self.shift, self.lo, self.hi, self.frac, self.linear = shift, lo, hi, frac, linear

    def __str__(self):
        return f"clip(>>{self.shift}, {self.lo}..{self.hi})"

    def _one(self, raw: int) -> int:
        if self.shift <= 0:
            value = raw << -self.shift
        else:
            value, rest = divmod(raw, 1 << self.shift)
            half = 1 << (self.shift - 1)
            value += rest > half or (rest == half and value % 2 == 1)
        return min(max(value, self.lo), self.hi)

    def apply(self, raw, x):
        return np.vectorize(self._one, otypes=[np.int64])(raw)

    def result(self, x):
        return TensorType(x.shape, self._one(x.lo), self._one(x.hi), self.frac)

    def as_shift(self, x):
        return (self.shift, self.lo, self.hi) if self.linear else None


class GraphBuilder:
    """Adds operations one by one; `value` is the name of the latest."""

    def __init__(self, name: str, type_: TensorType):
        self.name, self.nodes, self.types = name, [], {}
        self.add("input", ops.Input(type_))

    def add(self, name: str, op, *inputs: str) -> str:
        type_ = op.infer(*(self.types[i] for i in inputs))
        self.nodes.append(Node(name, op, tuple(Ref(i) for i in inputs), type_, name))
        self.types[name] = type_
        return name

    def conv(self, name, source, rng, kernel, neurons, kind="binary", strides=(1, 1), padding=ops.NO_PADDING):
        shape = (*kernel, self.types[source].channels, neurons)
        choices = {
            "binary": lambda: rng.choice([-1, 1], shape),
            "ternary": lambda: rng.integers(-1, 1, shape, endpoint=True),
            "po2": lambda: rng.choice([-1, 1], shape) << rng.integers(0, 4, shape),
            "bits4": lambda: rng.integers(-8, 7, shape, endpoint=True),
            "bits8": lambda: rng.integers(-128, 127, shape, endpoint=True),
        }
        weights = choices[kind]().astype(np.int64)
        return self.add(name, ops.Conv(weights, rng.integers(-9, 9, neurons), 0, 0, strides, padding), source)

    def activation(self, name, source, bits=4, signed=False, linear=True):
        type_ = self.types[source]
        shift = max(type_.width - bits - 1, 0)
        lo, hi = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return self.add(name, ops.Activation(type_, Clip(shift, lo, hi, 0, linear)), source)

    def graph(self, *outputs: str) -> Graph:
        return verify(Graph(self.name, tuple(self.nodes), ("input",), tuple(Ref(o) for o in outputs)))


def same(kernel: tuple[int, int]) -> tuple[int, int, int, int]:
    """Stride-1 `same` padding: the odd one goes to the bottom and to the right."""
    (kh, kw) = kernel
    return ((kh - 1) // 2, kh // 2, (kw - 1) // 2, kw // 2)


def inception(seed: int, size: tuple[int, int, int] = (7, 6, 3)) -> Graph:
    """A network with all that the reference has: strided convolution, pool, four branches, concatenation, dense layer."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder(f"inception{seed}", TensorType(size, 0, 15))
    x = b.activation("a0", b.conv("c0", "input", rng, (3, 3), 4, "bits4", padding=same((3, 3))))
    x = b.add("p0", ops.Pool("max", (2, 2), (2, 2)), x) if size[0] > 4 else x
    one = b.activation("a1", b.conv("c1", x, rng, (1, 1), 4))
    two = b.activation("a2", b.conv("c2", x, rng, (1, 1), 2, "ternary"))
    two = b.activation("a3", b.conv("c3", two, rng, (3, 3), 4, padding=same((3, 3))), linear=False)
    three = b.activation("a4", b.conv("c4", x, rng, (1, 1), 2, "po2"))
    three = b.activation("a5", b.conv("c5", three, rng, (5, 5), 4, padding=same((5, 5))))
    four = b.add("p1", ops.Pool("max", (3, 3), (1, 1), same((3, 3))), x)
    four = b.activation("a6", b.conv("c6", four, rng, (1, 1), 4))
    x = b.add("cat", ops.Concat((1, 1, 1, 1), 0), one, two, three, four)
    type_ = b.types[x]
    x = b.add("flat", ops.Reshape((1, 1, type_.size)), x)
    return b.graph(b.conv("dense", x, rng, (1, 1), 5, "bits4"))


def residual(seed: int, size: tuple[int, int, int] = (6, 5, 4)) -> Graph:
    """Convolution with a skip around it, a depthwise layer and a global average."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder(f"residual{seed}", TensorType(size, -8, 7))
    x = b.activation("a0", b.conv("c0", "input", rng, (1, 1), 4, "bits4"), signed=True)
    y = b.activation("a1", b.conv("c1", x, rng, (3, 3), 4, padding=same((3, 3))), signed=True)
    x = b.add("sum", ops.Add((1, 2), 0), x, y)
    weights = rng.integers(-2, 1, (3, 2, 4, 2), endpoint=True)
    x = b.add("dw", ops.DepthwiseConv(weights, rng.integers(-3, 3, 8), 0, 0, (1, 1), same((3, 2))), x)
    scale = rng.integers(-40, 40, 8)
    x = b.add("bn", ops.Scale(np.where(scale == 0, 1, scale), rng.integers(-500, 500, 8), 3), x)
    x = b.activation("a2", x, bits=5)
    x = b.add("gap", ops.Pool("sum", size[:2], size[:2], average=True), x)
    return b.graph(b.conv("head", x, rng, (1, 1), 3, "bits8"))


def random_frames(graph: Graph, count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(t.lo, t.hi, (count, *t.shape), endpoint=True)
        for name, t in ((name, graph[name].type) for name in graph.inputs)
    }
