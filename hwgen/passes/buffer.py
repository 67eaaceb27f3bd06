"""buffer: FIFOs where a stream has to wait.

Two bounds, in closed form from shapes, rates and latencies; a FIFO takes the greater. docs/fifos.md has the argument.

Pace. In the schedule (`hwgen.passes.schedule`) with inputs at the network's interval, the most beats that ever wait on
an edge. With at least this room on every edge no block ever waits for space, so the hardware keeps the schedule: bursts
and the skew between the branches of a fork cost no rate. A FIFO's own cycles make the other branches of a join wait
longer, so sizing is repeated with the FIFOs in the schedule until none of them grows.

Dependence. What a branch can have made of all that another one needs for the join's next beat
(`hwgen.passes.dependence`), less what the block in front of the FIFO can hold. With this room no pattern of stalls at
the outer ports deadlocks a fork and join.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.fifo import Fifo
from hwgen.layers.view import View
from hwgen.passes.dependence import lags
from hwgen.passes.schedule import schedule, timing

SHALLOWEST = 2  # beats
Edge = tuple[str, int]  # consumer and the number of its input


def buffer(graph: Graph) -> Graph:
    """Puts a Fifo on every edge that needs more room than the producer has by itself (`output_room`, `holds`)."""
    interval = timing(graph).interval
    waiting = _dependence(graph)
    depths: dict[Edge, int] = {}
    while True:
        buffered = _with_fifos(graph, depths)
        rooms = room(buffered, interval)
        grown = depths.copy()
        for node in graph.nodes:
            for port, ref in enumerate(node.inputs):
                edge = node.name, port
                pace, dependence = rooms.get(edge, 0), waiting.get(edge, 0)
                has_room = pace <= producer(graph, ref).op.output_room and dependence <= 0
                if edge in depths or not has_room:
                    grown[edge] = max(pace, dependence, depths.get(edge, SHALLOWEST))
        if grown == depths:
            break
        depths = grown
    # Rounds before the last may have seen more beats wait. Latency, and so the schedule, is the same from 3 beats on.
    least = {edge: max(rooms[edge], waiting.get(edge, 0), min(depth, 3)) for edge, depth in depths.items()}
    return verify(_with_fifos(graph, least), single_consumer=True)


@dataclass(frozen=True)
class Bounds:
    """What a FIFO is sized by, in beats; dependence is None where its consumer is no join."""

    pace: int
    dependence: int | None


def bounds(graph: Graph, interval: int) -> dict[str, Bounds]:
    """FIFO -> its bounds, of a graph that `buffer` made for this interval."""
    rooms, waiting = room(graph, interval), _dependence(graph)
    return {
        ref.node: Bounds(rooms[node.name, port], waiting.get((node.name, port)))
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


def _dependence(graph: Graph) -> dict[Edge, int]:
    """The dependence bound of every input of a join: the beats that must find room in a FIFO there."""
    found = {}
    for (name, port), lag in lags(graph).items():
        block = producer(graph, graph[name].inputs[port])
        if isinstance(block.op, Fifo):
            block = producer(graph, block.inputs[0])
        found[name, port] = max(0, lag - block.op.holds)
    return found
