"""lower: from integer operations to hardware blocks, each at its smallest folding.

After this pass every node's op is a `Block`. Paddings stand in windows, scales before few-level quantizers have become
thresholds, and reshapes are views.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hwgen import ops
from hwgen.errors import ModelError
from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.add import Add
from hwgen.layers.block import Block
from hwgen.layers.cat import Cat
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.neuron import Neuron
from hwgen.layers.pad import Pad
from hwgen.layers.pool import Pool
from hwgen.layers.reduce import Reduce
from hwgen.layers.requantize import Requantize
from hwgen.layers.scale import Scale
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.layers.taps import Taps
from hwgen.layers.threshold import Threshold
from hwgen.layers.view import View
from hwgen.layers.window import Window
from hwgen.passes.thresholds import find_thresholds

# A quantizer that isn't a shift becomes one threshold a level: up to 12 bits, beyond which the table outgrows the chip.
MAX_LEVELS = 4096
# What a DSP and a block RAM are worth in LUTs when two ways to compute the same are compared; about their ratio on a chip.
LUTS_PER_DSP, LUTS_PER_BRAM = 150, 250


def lower(graph: Graph) -> Graph:
    """The graph in hardware blocks. Raises ModelError where a layer has no exact hardware."""
    builder = _Builder(graph)
    for node in graph.nodes:
        LOWERINGS[type(node.op)](builder, node)
    outputs = []
    for k, ref in enumerate(graph.outputs):
        source = builder.values[ref]
        type_ = builder.type(source)
        name = "output" if len(graph.outputs) == 1 else f"output{k}"
        sink = Sink(type_, lanes=1, top1=type_.pixels == 1 and type_.channels > 1)
        outputs.append(builder.add(name, sink, source, layer=name))
    return verify(graph.with_nodes(builder.nodes, outputs=tuple(outputs)))


class _Builder:
    """Collects blocks, and remembers which block carries each value of the graph that is lowered."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.nodes: list[Node] = []
        self.types: dict[Ref, object] = {}
        self.values: dict[Ref, Ref] = {}
        self.deferred: dict[Ref, Node] = {}  # a Pad or Scale that its only consumer takes in

    def type(self, ref: Ref):
        return self.types[ref]

    def add(self, name: str, block: Block, *inputs: Ref, layer: str) -> Ref:
        self.nodes.append(Node(name, block, inputs, block.result, layer))
        self.types[Ref(name)] = block.result
        return Ref(name)

    def input(self, node: Node, k: int = 0) -> Ref:
        return self.values[node.inputs[k]]

    def bind(self, node: Node, ref: Ref) -> None:
        """`ref` carries what `node` computes."""
        self.values[Ref(node.name)] = ref

    def only_consumer(self, node: Node) -> Node | None:
        """The node that alone reads this one, or None."""
        ref = Ref(node.name)
        consumers = self.graph.consumers(ref)
        return consumers[0][0] if len(consumers) == 1 and ref not in self.graph.outputs else None

    def take_deferred(self, node: Node, kind: type) -> Node | None:
        """The deferred producer of node's first input, if it is one of that kind."""
        producer = self.deferred.get(node.inputs[0])
        return producer if producer is not None and isinstance(producer.op, kind) else None


def _input(b: _Builder, node: Node) -> None:
    b.bind(node, b.add(node.name, Source(node.type, lanes=1), layer=node.layer))


def _reshape(b: _Builder, node: Node) -> None:
    source = b.input(node)
    if b.type(source).shape == node.op.shape:
        b.bind(node, source)
    else:
        b.bind(node, b.add(node.name, View(b.type(source), node.op.shape), source, layer=node.layer))


def _pad(b: _Builder, node: Node) -> None:
    consumer = b.only_consumer(node)
    if consumer is not None and isinstance(consumer.op, (ops.Conv, ops.DepthwiseConv, ops.Pool)):
        own = consumer.op.padding
        if not any(own) or not (isinstance(consumer.op, ops.Pool) and consumer.op.kind == "max"):
            b.deferred[Ref(node.name)] = node
            return
    source = b.input(node)
    b.bind(node, b.add(node.name, Pad(b.type(source), node.op.padding, lanes=1), source, layer=node.layer))


def _windowed(b: _Builder, node: Node) -> tuple[Ref, tuple[int, int, int, int], bool]:
    """(source, padding, padded by zeros) of a node with a window, its deferred zero padding included."""
    pad = b.take_deferred(node, ops.Pad)
    if pad is None:
        return b.input(node), node.op.padding, False
    return b.input(pad), tuple(p + q for p, q in zip(pad.op.padding, node.op.padding)), True


def _window(b: _Builder, node: Node, source: Ref, taps: Taps, padding, pad_value: int = 0) -> Ref:
    window = Window(b.type(source), taps, node.op.strides, padding, pad_value)
    return b.add(f"{node.name}.window", window, source, layer=node.layer)


def _conv(b: _Builder, node: Node) -> None:
    op = node.op
    source, padding, _ = _windowed(b, node)
    taps = Taps(op.kernel, b.type(source).channels)
    if op.kernel != (1, 1) or op.strides != (1, 1) or any(padding):
        source = _window(b, node, source, taps, padding)
    neuron = Neuron(b.type(source), taps, op.weights, op.bias, op.frac, op.shift, neurons=1)
    b.bind(node, b.add(node.name, neuron, source, layer=node.layer))


def _depthwise(b: _Builder, node: Node) -> None:
    op = node.op
    source, padding, _ = _windowed(b, node)
    taps = Taps(op.kernel, b.type(source).channels)
    if op.kernel != (1, 1) or op.strides != (1, 1) or any(padding):
        source = _window(b, node, source, taps, padding)
    neuron = DepthwiseNeuron(b.type(source), taps, op.weights, op.bias, op.frac, op.shift)
    b.bind(node, b.add(node.name, neuron, source, layer=node.layer))


def _pool(b: _Builder, node: Node) -> None:
    op = node.op
    source, padding, by_zeros = _windowed(b, node)
    type_ = b.type(source)
    if op.kernel == op.strides and not any(padding):
        block = Pool(type_, op.kernel, op.kind, op.average, lanes=1)
        b.bind(node, b.add(node.name, block, source, layer=node.layer))
        return
    taps = Taps(op.kernel, type_.channels)
    # Padding may not win a maximum: unless it is the model's own zeros, it is the least value there is.
    pad_value = type_.lo if op.kind == "max" and not by_zeros else 0
    window = _window(b, node, source, taps, padding, pad_value)
    reduce = Reduce(b.type(window), taps, op.kind, op.average)
    b.bind(node, b.add(node.name, reduce, window, layer=node.layer))


def _scale(b: _Builder, node: Node) -> None:
    consumer = b.only_consumer(node)
    if consumer is not None and isinstance(consumer.op, ops.Activation):
        b.deferred[Ref(node.name)] = node
        return
    source = b.input(node)
    block = Scale(b.type(source), node.op.multiplier, node.op.offset, node.op.frac, lanes=1)
    b.bind(node, b.add(node.name, block, source, layer=node.layer))


def _activation(b: _Builder, node: Node) -> None:
    scale = b.take_deferred(node, ops.Scale)
    if scale is None:
        b.bind(node, _quantizer(b, node, b.input(node), node.name))
        return
    source = b.input(scale)
    direct = _threshold(b, node, source, scale.op.multiplier, scale.op.offset)
    scaled = Scale(b.type(source), scale.op.multiplier, scale.op.offset, scale.op.frac, lanes=1)
    shift = node.op.function.as_shift(scaled.result)
    if direct is not None and (shift is None or _worth(direct) <= _worth(scaled)):
        b.bind(node, b.add(node.name, direct, source, layer=node.layer))
    else:
        middle = b.add(scale.name, scaled, source, layer=scale.layer)
        b.bind(node, _quantizer(b, node, middle, node.name))


def _quantizer(b: _Builder, node: Node, source: Ref, name: str) -> Ref:
    """An activation on its own: nothing, a shift with rounding and clipping, or thresholds."""
    type_ = b.type(source)
    shift = node.op.function.as_shift(type_)
    if shift is not None:
        amount, lo, hi = shift
        if amount == 0 and lo <= type_.lo and type_.hi <= hi:
            return source
        block = Requantize(type_, amount, lo, hi, node.type.frac, lanes=1)
    else:
        block = _threshold(b, node, source, np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
        if block is None:
            levels = node.type.hi - node.type.lo
            raise ModelError(
                f"{node.op.function} after a scale that isn't a power of two needs {levels} thresholds, at most {MAX_LEVELS} are "
                "supported",
                layer=node.layer,
                change="use an activation of 12 bits or fewer",
            )
    return b.add(name, block, source, layer=node.layer)


def _threshold(b: _Builder, node: Node, source: Ref, multiplier, offset) -> Threshold | None:
    """Activation(raw·multiplier + offset) as thresholds on raw; None where there would be too many."""
    if node.type.hi - node.type.lo > MAX_LEVELS:
        return None
    type_ = b.type(source)
    table, falling, result = find_thresholds(
        node.op.function, node.op.input, multiplier, offset, type_.lo, type_.hi
    )
    assert result.divisor == 1, f"{node.name}: a quantizer's grid is a power of two"
    if (table == table[:1]).all() and (falling == falling[:1]).all():
        table, falling = table[:1], falling[:1]
    return Threshold(type_, table, falling, result.lo, result.frac, lanes=1)


def _worth(block: Block) -> float:
    cost = block.cost()
    return cost.lut + LUTS_PER_DSP * cost.dsp + LUTS_PER_BRAM * cost.bram36


def _aligned(b: _Builder, node: Node, k: int, multiplier: int) -> Ref:
    """Input k times a constant, on the grid of the node's result."""
    source = b.input(node, k)
    type_, name = b.type(source), f"{node.name}.align{k}"
    twos = (multiplier & -multiplier).bit_length() - 1
    if multiplier == 1:
        pass
    elif multiplier == 1 << twos:
        block = Requantize(type_, -twos, type_.lo << twos, type_.hi << twos, type_.frac + twos, lanes=1)
        source = b.add(name, block, source, layer=node.layer)
    else:
        factor = np.full(type_.channels, multiplier, dtype=np.int64)
        source = b.add(name, Scale(type_, factor, np.zeros_like(factor), twos, lanes=1), source, layer=node.layer)
    if b.type(source).divisor != node.op.divisor:
        view = View(b.type(source), type_.shape, divisor=node.op.divisor)
        source = b.add(f"{name}.grid", view, source, layer=node.layer)
    return source


def _add(b: _Builder, node: Node) -> None:
    sources = [b.input(node, k) for k in range(len(node.inputs))]
    types = tuple(map(b.type, sources))
    block = Add(types, node.op.multipliers, node.op.frac, node.op.divisor, lanes=1)
    b.bind(node, b.add(node.name, block, *sources, layer=node.layer))


def _concat(b: _Builder, node: Node) -> None:
    sources = [_aligned(b, node, k, m) for k, m in enumerate(node.op.multipliers)]
    block = Cat(tuple(map(b.type, sources)), lanes=1)
    b.bind(node, b.add(node.name, block, *sources, layer=node.layer))


LOWERINGS: dict[type, Callable[[_Builder, Node], None]] = {
    ops.Input: _input,
    ops.Conv: _conv,
    ops.DepthwiseConv: _depthwise,
    ops.Pool: _pool,
    ops.Pad: _pad,
    ops.Scale: _scale,
    ops.Activation: _activation,
    ops.Add: _add,
    ops.Concat: _concat,
    ops.Reshape: _reshape,
}
