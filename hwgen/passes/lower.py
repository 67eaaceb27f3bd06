"""lower: from integer operations to hardware blocks, each at its smallest folding.

After this pass every node's op is a `Block`. Paddings stand in windows, scales and activations one after the other have
become their cheapest blocks (`chains.py`), and reshapes are views.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np

from hwgen import joins, moves, ops, upsampling
from hwgen.errors import ModelError
from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.add import Add
from hwgen.layers.block import Block
from hwgen.layers.cat import Cat
from hwgen.layers.crop import Crop
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.grouped import GroupedNeuron
from hwgen.layers.minmax import MinMax
from hwgen.layers.neuron import Neuron
from hwgen.layers.pad import Pad
from hwgen.layers.pool import Pool
from hwgen.layers.reduce import Reduce
from hwgen.layers.reorder import Reorder
from hwgen.layers.requantize import Requantize
from hwgen.layers.scale import Scale
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.layers.taps import Taps
from hwgen.layers.view import View
from hwgen.layers.window import Window
from hwgen.passes import lower_up
from hwgen.passes.chains import Chain, cheapest, falls


def lower(graph: Graph) -> Graph:
    """The graph in hardware blocks. Raises ModelError where a layer has no exact hardware."""
    builder = Builder(graph)
    for node in graph.nodes:
        LOWERINGS[type(node.op)](builder, node)
    outputs = []
    for k, ref in enumerate(graph.outputs):
        source = builder.value(ref)
        type_ = builder.type(source)
        name = "output" if len(graph.outputs) == 1 else f"output{k}"
        sink = Sink(type_, lanes=1, top1=type_.pixels == 1 and type_.channels > 1)
        outputs.append(builder.add(name, sink, source, layer=name))
    return verify(graph.with_nodes(builder.nodes, outputs=tuple(outputs)))


class Builder:
    """Collects blocks, and remembers which block carries each value of the graph that is lowered."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.nodes: list[Node] = []
        self.types: dict[Ref, object] = {}
        self.values: dict[Ref, Ref] = {}
        self.pads: dict[Ref, Node] = {}  # paddings that their only consumer takes in
        self.built: dict[tuple[Ref, str], Ref] = {}  # (source of a chain, node in it) -> its value
        self.chains: dict[Ref, Chain] = {}  # scales and activations; a value is in `values` once its blocks are made

    def type(self, ref: Ref):
        return self.types[ref]

    def add(self, name: str, block: Block, *inputs: Ref, layer: str) -> Ref:
        # A node that several chains take in has a block in each.
        taken = (f"{name}.{k}" for k in count(2))
        while Ref(name) in self.types:
            name = next(taken)
        self.nodes.append(Node(name, block, inputs, block.result, layer))
        self.types[Ref(name)] = block.result
        return Ref(name)

    def input(self, node: Node, k: int = 0) -> Ref:
        return self.value(node.inputs[k])

    def value(self, ref: Ref) -> Ref:
        """The block that carries a value; a chain is built now. Raises ModelError where it has no exact hardware."""
        if ref not in self.values:
            chain = self.chains[ref]
            source = chain.source
            for node, block in cheapest(self.type(source), chain.nodes):
                key = chain.source, node.name  # two chains may begin alike
                if key not in self.built:
                    self.built[key] = self.add(node.name, block, source, layer=node.layer)
                source = self.built[key]
            for node in chain.pools:
                source = _pooled(self, node, source, node.op.padding)
            self.values[ref] = source
        return self.values[ref]

    def chain(self, node: Node) -> Chain | None:
        """The chain that the node can go on with; None where its input is built, or is for others too."""
        ref = node.inputs[0]
        if ref in self.values or ref not in self.chains:
            return None
        chain = self.chains[ref]
        return chain if self.only_consumer(self.graph[ref.node]) or not self.has_blocks(chain) else None

    def has_blocks(self, chain: Chain) -> bool:
        try:
            cheapest(self.type(chain.source), chain.nodes)
        except ModelError:
            return False
        return True

    def bind(self, node: Node, ref: Ref) -> None:
        """`ref` carries what `node` computes."""
        self.values[Ref(node.name)] = ref

    def only_consumer(self, node: Node) -> Node | None:
        """The node that alone reads this one, or None."""
        ref = Ref(node.name)
        consumers = self.graph.consumers(ref)
        return consumers[0][0] if len(consumers) == 1 and ref not in self.graph.outputs else None


def _input(b: Builder, node: Node) -> None:
    b.bind(node, b.add(node.name, Source(node.type, lanes=1), layer=node.layer))


def _reshape(b: Builder, node: Node) -> None:
    chain = b.chain(node)
    same = node.op.shape == b.graph[node.inputs[0].node].type.shape
    if chain is not None and (same or not chain.pools):
        b.chains[Ref(node.name)] = chain if same else chain.then(node)
        return
    source = b.input(node)
    if b.type(source).shape == node.op.shape:
        b.bind(node, source)
    else:
        b.bind(node, b.add(node.name, View(b.type(source), node.op.shape), source, layer=node.layer))


def _pad(b: Builder, node: Node) -> None:
    consumer = b.only_consumer(node)
    if consumer is not None and isinstance(consumer.op, (ops.Conv, ops.DepthwiseConv, ops.Pool)):
        own = consumer.op.padding
        if not any(own) or not (isinstance(consumer.op, ops.Pool) and consumer.op.kind == "max"):
            b.pads[Ref(node.name)] = node
            return
    source = b.input(node)
    b.bind(node, b.add(node.name, Pad(b.type(source), node.op.padding, lanes=1), source, layer=node.layer))


def _windowed(b: Builder, node: Node) -> tuple[Ref, tuple[int, int, int, int], bool]:
    """(source, padding, padded by zeros) of a node with a window, its deferred zero padding included."""
    pad = b.pads.get(node.inputs[0])
    if pad is None:
        return b.input(node), node.op.padding, False
    return b.input(pad), tuple(p + q for p, q in zip(pad.op.padding, node.op.padding)), True


def _window(b: Builder, node: Node, source: Ref, taps: Taps, padding, pad_value: int = 0, dilation=(1, 1)) -> Ref:
    window = Window(b.type(source), taps, node.op.strides, padding, pad_value, dilation=dilation)
    return b.add(f"{node.name}.window", window, source, layer=node.layer)


def _positions(b: Builder, node: Node) -> tuple[Ref, Taps]:
    """The positions that a convolution looks at: windows, or where they change nothing, the input itself."""
    op = node.op
    source, padding, _ = _windowed(b, node)
    taps = Taps(op.kernel, b.type(source).channels)
    if op.kernel != (1, 1) or op.strides != (1, 1) or any(padding):
        source = _window(b, node, source, taps, padding, dilation=op.dilation)
    return source, taps


def _conv(b: Builder, node: Node) -> None:
    op = node.op
    source, taps = _positions(b, node)
    constants = op.weights, op.bias, op.frac, op.shift
    if op.groups > 1:
        neuron = GroupedNeuron(b.type(source), taps, *constants, groups=op.groups)
    else:
        neuron = Neuron(b.type(source), taps, *constants)
    b.bind(node, b.add(node.name, neuron, source, layer=node.layer))


def _depthwise(b: Builder, node: Node) -> None:
    op = node.op
    source, taps = _positions(b, node)
    neuron = DepthwiseNeuron(b.type(source), taps, op.weights, op.bias, op.frac, op.shift)
    b.bind(node, b.add(node.name, neuron, source, layer=node.layer))


def _pool(b: Builder, node: Node) -> None:
    chain = b.chain(node) if node.op.kind == "max" else None
    if chain is not None and not chain.reshapes:
        narrows = chain.nodes[-1].type.width < b.type(chain.source).width
        if chain.rising and not chain.pools and not narrows:
            # Behind the maximum the chain has fewer values to compute.
            ref = _pooled(b, node, chain.source, node.op.padding)
            b.chains[Ref(node.name)] = chain.after_pool(ref, node.type.shape)
            return
        if not b.has_blocks(chain):
            b.chains[Ref(node.name)] = chain.then_pool(node)
            return
    b.bind(node, _pooled(b, node, *_windowed(b, node)))


def _pooled(b: Builder, node: Node, source: Ref, padding, by_zeros: bool = False) -> Ref:
    op, type_ = node.op, b.type(source)
    # Where there is but one window along an axis, its stride is none.
    apart = all(k == s or k == n for k, s, n in zip(op.kernel, op.strides, type_.shape))
    if apart and not any(padding):
        block = Pool(type_, op.kernel, op.kind, op.average, lanes=1)
        return b.add(node.name, block, source, layer=node.layer)
    taps = Taps(op.kernel, type_.channels)
    # Padding may not win a maximum: unless it is the model's own zeros, it is the least value there is.
    pad_value = type_.lo if op.kind == "max" and not by_zeros else 0
    window = _window(b, node, source, taps, padding, pad_value)
    reduce = Reduce(b.type(window), taps, op.kind, op.average)
    return b.add(node.name, reduce, window, layer=node.layer)


def _pointwise(b: Builder, node: Node) -> None:
    """A scale or an activation: the end of a chain, whose blocks are made when something else reads it."""
    chain = b.chain(node)
    if chain is None or (chain.pools and falls(node)):
        chain = Chain(b.input(node))
    b.chains[Ref(node.name)] = chain.then(node)


def _aligned(b: Builder, node: Node, k: int, multiplier: int) -> Ref:
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


def _add(b: Builder, node: Node) -> None:
    sources = [b.input(node, k) for k in range(len(node.inputs))]
    types = tuple(map(b.type, sources))
    block = Add(types, node.op.multipliers, node.op.frac, node.op.divisor, lanes=1)
    b.bind(node, b.add(node.name, block, *sources, layer=node.layer))


def _concat(b: Builder, node: Node) -> None:
    sources = [_aligned(b, node, k, m) for k, m in enumerate(node.op.multipliers)]
    block = Cat(tuple(map(b.type, sources)), lanes=1, axis=node.op.axis)
    b.bind(node, b.add(node.name, block, *sources, layer=node.layer))


def _minmax(b: Builder, node: Node) -> None:
    sources = [_aligned(b, node, k, m) for k, m in enumerate(node.op.multipliers)]
    block = MinMax(tuple(map(b.type, sources)), node.op.kind, lanes=1)
    b.bind(node, b.add(node.name, block, *sources, layer=node.layer))


def _crop(b: Builder, node: Node) -> None:
    source = b.input(node)
    b.bind(node, b.add(node.name, Crop(b.type(source), node.op.amount, lanes=1), source, layer=node.layer))


def _reorder(b: Builder, node: Node) -> None:
    source = b.input(node)
    block = Reorder(b.type(source), node.op.loops, node.op.shape, lanes=1)
    b.bind(node, b.add(node.name, block, source, layer=node.layer))


LOWERINGS: dict[type, Callable[[Builder, Node], None]] = {
    ops.Input: _input,
    ops.Conv: _conv,
    ops.DepthwiseConv: _depthwise,
    ops.Pool: _pool,
    ops.Pad: _pad,
    ops.Scale: _pointwise,
    ops.Activation: _pointwise,
    ops.Add: _add,
    ops.Concat: _concat,
    joins.MinMax: _minmax,
    moves.Crop: _crop,
    moves.Reorder: _reorder,
    upsampling.Upsample: lower_up.upsample,
    upsampling.ConvTranspose: lower_up.conv_transpose,
    ops.Reshape: _reshape,
}
