"""lower for `--check`: goes on behind what has no exact hardware, and says which blocks each layer became."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hwgen.errors import ModelError
from hwgen.graph import Graph, Node, Ref
from hwgen.layers.source import Source
from hwgen.numeric import MAX_WIDTH
from hwgen.passes.lower import LOWERINGS, Builder
from hwgen.tensor import TensorType


class Lowered(Builder):
    """The blocks of a graph, which may be only a part of a network's. problems: what has no exact hardware."""

    def __init__(self, graph: Graph):
        super().__init__(graph)
        self.problems: list[ModelError] = []

    def value(self, ref: Ref) -> Ref:
        try:
            return super().value(ref)
        except ModelError as problem:
            return self.stand_in(self.graph[ref.node], problem)

    def stand_in(self, node: Node, problem: ModelError) -> Ref:
        """A block that gives values of the node's type, as far as hardware carries them."""
        self.problems.append(problem)
        source = Source(_narrowed(node.type), lanes=1)
        self.values[Ref(node.name)] = self.add(f"{node.name}.instead", source, layer=node.layer)
        return self.values[Ref(node.name)]

    def where(self, layer: str, nodes: Sequence[Node], value) -> str:
        """Where a layer is computed: its blocks, or those of the layer behind it that take it in, or nowhere."""
        own = self.blocks(layer)
        if own:
            text = " + ".join(type(block.op).__name__ for block in own)
        elif not nodes or Ref(nodes[-1].name) in self.values:
            text = "no logic"
        else:
            taker = self.taker(layer)
            text = f"in {taker}" if taker else "depends on what follows"
        return text + ("; softmax on the host" if value is not None and value.softmax == layer else "")

    def blocks(self, layer: str) -> list[Node]:
        return [node for node in self.nodes if node.layer == layer]

    def taker(self, layer: str) -> str | None:
        """The first layer with blocks that reads this one, over others without."""
        reached = {layer}
        for node in self.graph.nodes:
            if any(self.graph[ref.node].layer in reached for ref in node.inputs) and node.layer not in reached:
                if self.blocks(node.layer):
                    return node.layer
                reached.add(node.layer)
        return None


def lower_on(graph: Graph) -> Lowered:
    """Every node lowered as by `hwgen.passes.lower`. Its outputs are those of the network that it has."""
    lowered = Lowered(graph)
    for node in graph.nodes:
        try:
            LOWERINGS[type(node.op)](lowered, node)
        except ModelError as problem:
            lowered.stand_in(node, problem)
    for ref in graph.outputs:
        lowered.value(ref)
    return lowered


def _narrowed(type: TensorType) -> TensorType:
    if type.width <= MAX_WIDTH:
        return type
    most = 2 ** (MAX_WIDTH - 1) - 1
    return replace(type, lo=max(type.lo, -most), hi=min(type.hi, most))
