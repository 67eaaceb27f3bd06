"""The graph that every pass takes and returns: immutable, in topological order, executable at every stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from hwgen.numeric import MAX_WIDTH
from hwgen.tensor import TensorType


class Op(ABC):
    """What a node computes on integers. Hardware blocks (`hwgen.layers`) are ops too."""

    @abstractmethod
    def infer(self, *inputs: TensorType) -> TensorType:
        """The type of the result. Raises ValueError where the inputs don't suit."""

    @abstractmethod
    def evaluate(self, *inputs: np.ndarray) -> np.ndarray:
        """Raw integers (frames, H, W, C) in, the same out: int64, Python integers where a type needs more."""

    def describe(self) -> str:
        """One line for `--dump-ir` and reports."""
        return type(self).__name__


class Ref(NamedTuple):
    """A value: output `port` of node `node`. Ports other than 0 occur after a fork only; all carry the same values."""

    node: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.node}.{self.port}" if self.port else self.node


@dataclass(frozen=True, eq=False)
class Node:
    """One operation. `layer` is the Keras layer that it comes from; `type` the type of its result."""

    name: str
    op: Op
    inputs: tuple[Ref, ...]
    type: TensorType
    layer: str


@dataclass(frozen=True, eq=False)
class Graph:
    """A network of nodes in topological order.

    inputs:      names of the input nodes, in the model's order.
    outputs:     values that the network gives, in the model's order.
    frame_shape: input or layer -> the shape of a frame as the model takes or gives it.
    softmax:     names of output layers whose softmax was left to the host.
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[Ref, ...]
    frame_shape: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    softmax: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "_index", {node.name: node for node in self.nodes})

    def __getitem__(self, name: str) -> Node:
        return self._index[name]

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def consumers(self, ref: Ref) -> list[tuple[Node, int]]:
        """(node, input index) of everything that reads this value."""
        return [(node, k) for node in self.nodes for k, source in enumerate(node.inputs) if source == ref]

    def with_nodes(self, nodes: Iterable[Node], **changes) -> Graph:
        return replace(self, nodes=tuple(nodes), **changes)

    def dump(self) -> str:
        """The graph as readable text, one node a line."""
        lines = [f"graph {self.name}"]
        for node in self.nodes:
            args = ", ".join(map(str, node.inputs))
            lines.append(f"  {node.name} = {node.op.describe()}({args})  # {node.type}  <{node.layer}>")
        lines.append("  return " + ", ".join(map(str, self.outputs)))
        return "\n".join(lines) + "\n"


def verify(graph: Graph, *, single_consumer: bool = False) -> Graph:
    """Checks what every pass must keep, and returns the graph. Raises AssertionError: such an error is ours.

    Names are unique, every input stands before its use, types agree with what the ops infer, and (after forks are
    inserted) every value has exactly one consumer.
    """
    seen: dict[str, Node] = {}
    for node in graph.nodes:
        assert node.name not in seen, f"{graph.name}: two nodes named {node.name}"
        for ref in node.inputs:
            assert ref.node in seen, f"{graph.name}: {node.name} reads {ref} before it is made"
        inferred = node.op.infer(*(seen[ref.node].type for ref in node.inputs))
        assert inferred == node.type, f"{graph.name}: {node.name} is {node.type}, its op says {inferred}"
        seen[node.name] = node
    for ref in graph.outputs:
        assert ref.node in seen, f"{graph.name}: output {ref} is not in the graph"
    if single_consumer:
        uses = Counter(ref for node in graph.nodes for ref in node.inputs) + Counter(graph.outputs)
        for ref, count in uses.items():
            assert count == 1, f"{graph.name}: {ref} has {count} consumers"
    return graph


def evaluate(graph: Graph, frames: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Runs the graph on raw integers. frames: input node -> int64 (frames, H, W, C). Returns every node's result.

    A result is int64, or an array of Python integers (dtype object) where its type has more than MAX_WIDTH bits.
    Results are checked against the range of their type, so that a wrong range can't pass unnoticed.
    """
    values: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        if node.inputs:
            value = node.op.evaluate(*(values[ref.node] for ref in node.inputs))
        else:
            value = np.asarray(frames[node.name], dtype=np.int64)
        assert value.shape[1:] == node.type.shape, f"{node.name}: evaluated to {value.shape[1:]}, not {node.type.shape}"
        if value.size:
            lo, hi = int(value.min()), int(value.max())
            assert node.type.lo <= lo and hi <= node.type.hi, f"{node.name}: {lo}..{hi} is outside {node.type}"
        values[node.name] = value.astype(np.int64 if node.type.width <= MAX_WIDTH else object, copy=False)
    return values
