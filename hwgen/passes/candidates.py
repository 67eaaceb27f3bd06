"""Every folding that a piece of the network can take, with its cycles and its cost.

A `Unit` is what is folded by one decision: a neuron block together with the window that feeds it, or a block on its
own whose only choice is its lanes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np

from hwgen.graph import Graph, Node
from hwgen.layers.block import Block, Resources
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.neuron import Neuron
from hwgen.layers.reduce import Reduce
from hwgen.layers.taps import Taps, divisors
from hwgen.layers.window import Window

KINDS = tuple(f.name for f in fields(Resources))


@dataclass(frozen=True, eq=False)
class Folding:
    """The blocks of a unit under one folding, by node name, and the cycles a frame that they take together."""

    blocks: dict[str, Block]
    interval: int

    @property
    def cost(self) -> Resources:
        return sum((block.cost() for block in self.blocks.values()), Resources())


@dataclass(frozen=True, eq=False)
class Unit:
    """The foldings of one unit, their cycles a frame (n,) and their costs (n, len(KINDS)), as arrays for the search."""

    layer: str
    nodes: tuple[str, ...]
    foldings: tuple[Folding, ...]
    intervals: np.ndarray
    costs: np.ndarray

    @classmethod
    def of(cls, layer: str, nodes: tuple[str, ...], foldings: list[Folding]) -> Unit:
        costs = [[getattr(cost, kind) for kind in KINDS] for cost in (f.cost for f in foldings)]
        return cls(layer, nodes, tuple(foldings), np.array([f.interval for f in foldings]), np.array(costs, dtype=float))


def boxes(taps: Taps) -> Iterator[Taps]:
    """Every box of kernel rows, kernel columns and channels that a beat can carry."""
    for rows, columns, lanes in product(*map(divisors, (*taps.kernel, taps.channels))):
        yield replace(taps, rows=rows, columns=columns, lanes=lanes)


def tap_unit(node: Node, window: Node | None) -> Unit:
    """The unit of a neuron, depthwise neuron or reduction with the window before it, if there is one."""
    foldings = []
    for taps in boxes(node.op.taps):
        if window is None:
            for block in _variants(replace(node.op, taps=taps)):
                foldings.append(Folding({node.name: block}, block.interval))
            continue
        rings = list(replace(window.op, taps=taps).variants())
        for block in _variants(replace(node.op, taps=taps, input=rings[0].result)):
            pace = block.fold if isinstance(block, Neuron) else 1
            for ring in rings:
                interval = max(block.interval, ring.interval_at(pace))
                foldings.append(Folding({window.name: ring, node.name: block}, interval))
    names = (window.name, node.name) if window else (node.name,)
    return Unit.of(node.layer, names, foldings)


def _variants(block: Block) -> Iterator[Block]:
    """The choices that remain once the taps are chosen: neurons in parallel, arithmetic."""
    if not isinstance(block, Neuron):
        yield block
        return
    for neurons in divisors(block.result.channels):
        folded = replace(block, neurons=neurons)
        for arithmetic in folded.arithmetics():
            yield replace(folded, arithmetic=arithmetic)


def units(graph: Graph) -> list[Unit]:
    """The units with a real choice, in topological order."""
    found = []
    for node in graph.nodes:
        if isinstance(node.op, (Neuron, DepthwiseNeuron, Reduce)):
            producer = graph[node.inputs[0].node]
            found.append(tap_unit(node, producer if isinstance(producer.op, Window) else None))
        elif isinstance(node.op, Window) and not any(
            isinstance(consumer.op, (Neuron, DepthwiseNeuron, Reduce)) for consumer, _ in graph.consumers((node.name, 0))
        ):
            blocks = [replace(node.op, taps=taps) for taps in boxes(node.op.taps)]
            foldings = [Folding({node.name: block}, block.interval) for block in blocks]
            found.append(Unit.of(node.layer, (node.name,), foldings))
    return found
