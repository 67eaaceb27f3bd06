"""buffer: FIFOs where a stream has to wait, and why none of them can deadlock.

Two bounds, in closed form from shapes, rates and latencies; a FIFO takes the greater.

Pace. In the schedule (`hwgen.passes.schedule`) with inputs at the network's interval, the most beats that ever wait on
an edge. With at least this room on every edge no block ever waits for space, so the hardware keeps the schedule: bursts
and the skew between the branches of a fork cost no rate. A FIFO's own cycles make the other branches of a join wait
longer, so sizing is repeated with the FIFOs in the schedule until none of them grows.

Dependence. At a join (cat, add) let beat j of the result need everything up to input beat d(j) of the network. All that
a branch can produce from inputs up to d(j), less what the join has consumed of it before beat j, fits into the branch's
FIFO. So whatever the outside does (stalls of any length, at either end), when the join waits for beat j the branches it
doesn't wait for have room for all they can make of the inputs up to d(j); hence none of them stops the fork before
those inputs have passed it, and the branch that the join waits for gets all it needs. By induction over j every beat is
made: no deadlock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.fifo import Fifo
from hwgen.layers.view import View
from hwgen.passes.schedule import dependence, needed, schedule, timing

SHALLOWEST = 2  # beats
Edge = tuple[str, int]  # consumer and the number of its input


def buffer(graph: Graph) -> Graph:
    """Puts a Fifo on every edge that needs more room than the producer has by itself (`Block.output_room`)."""
    interval = timing(graph).interval
    lags = _lags(graph)
    depths: dict[Edge, int] = {}
    while True:
        buffered = _with_fifos(graph, depths)
        wanted = room(buffered, interval)
        grown = depths.copy()
        for node in graph.nodes:
            for port, ref in enumerate(node.inputs):
                edge = node.name, port
                beats = max(wanted.get(edge, 0), lags.get(edge, 0))
                if beats > (0 if edge in depths else producer(graph, ref).op.output_room):
                    grown[edge] = max(beats, depths.get(edge, SHALLOWEST))
        if grown == depths:
            return verify(buffered, single_consumer=True)
        depths = grown


@dataclass(frozen=True)
class Bounds:
    """What a FIFO is sized by, in beats; dependence is None where its consumer is no join."""

    pace: int
    dependence: int | None

    @property
    def greater(self) -> int:
        return max(self.pace, self.dependence or 0)


def bounds(graph: Graph, interval: int) -> dict[str, Bounds]:
    """FIFO -> its bounds, of a graph that `buffer` made for this interval."""
    rooms, lags = room(graph, interval), _lags(graph)
    return {
        graph[ref.node].name: Bounds(rooms[node.name, port], lags.get((node.name, port)))
        for node in graph.nodes
        for port, ref in enumerate(node.inputs)
        if isinstance(graph[ref.node].op, Fifo)
    }


def _with_fifos(graph: Graph, depths: dict[Edge, int]) -> Graph:
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for port, ref in enumerate(node.inputs):
            if (node.name, port) in depths:
                name = f"{node.name}.fifo{port if len(inputs) > 1 else ''}"
                source = graph[ref.node]
                block = Fifo(source.type, source.op.lanes_out, depths[node.name, port])
                nodes.append(Node(name, block, (ref,), source.type, node.layer))
                inputs[port] = Ref(name)
        nodes.append(replace(node, inputs=tuple(inputs)))
    return graph.with_nodes(nodes)


def room(graph: Graph, interval: int) -> dict[Edge, int]:
    """Consumer and input -> the beats that must find room there, in the FIFO where there is one already.

    Elsewhere they count from `Block.output_lead` cycles before they are offered.
    """
    steady = schedule(graph, interval)
    rooms: dict[Edge, int] = {}
    for node in graph.nodes:
        if isinstance(node.op, (View, Fifo)):
            continue
        for port, ref in enumerate(node.inputs):
            edge, source = (node.name, port), producer(graph, ref)
            if isinstance(source.op, Fifo):
                source = producer(graph, source.inputs[0])
                rooms[edge] = steady.occupancy(source.name, edge)
            elif source.op.output_room == 0 and steady.at_once(source.name, edge):
                rooms[edge] = 0  # through mere wires; a beat that is taken a cycle later would already wait
            else:
                rooms[edge] = steady.occupancy(source.name, edge, source.op.output_lead)
    return rooms


def producer(graph: Graph, ref: Ref) -> Node:
    """The block that makes a value, seen through views."""
    node = graph[ref.node]
    while isinstance(node.op, View):
        node = graph[node.inputs[0].node]
    return node


def _lags(graph: Graph) -> dict[Edge, int]:
    """The dependence bound of every input of a join."""
    depends = dependence(graph)
    return {
        (node.name, port): _lag(node, port, depends[ref.node], depends[node.name])
        for node in graph.nodes
        if len(node.inputs) > 1
        for port, ref in enumerate(node.inputs)
    }


def _lag(node: Node, port: int, branch: np.ndarray, joined: np.ndarray, frames: int = 2) -> int:
    """The dependence bound: beats that a branch can have made, of those that the join has not consumed yet."""
    made = np.searchsorted(branch, joined, side="right")
    consumed = np.concatenate([[0], needed(node.op, port, frames)[:-1] + 1])
    return int((made - consumed).max())
