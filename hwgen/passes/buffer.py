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
from functools import partial

from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.convert import Convert
from hwgen.layers.fifo import Fifo
from hwgen.layers.fork import Fork
from hwgen.layers.queue import LUTS_PER_RAMB18
from hwgen.layers.view import View
from hwgen.passes.dependence import lags
from hwgen.passes.schedule import schedule, timing

SHALLOWEST = 1  # beats
Edge = tuple[str, int]  # consumer and the number of its input


def buffer(graph: Graph) -> Graph:
    """Puts a Fifo on every edge that needs more room than the producer has by itself (`output_room`, `holds`).

    Where bursts run into several FIFOs, or into one that a converter has made wide, a single FIFO before the fork or
    converter takes their place if that is cheaper: it gives its beats away evenly, and nothing behind it has to wait.
    """
    interval = timing(graph).interval
    sized = partial(_sized, graph, interval, _dependence(graph), {})
    best = sized({})
    spacings: dict[Edge, int] = {}
    for edge, spacing in _bursts(graph, best, interval):
        other = sized(spacings | {edge: spacing})
        if _worth(other) < _worth(best) and timing(other).interval <= interval:
            best, spacings = other, spacings | {edge: spacing}
    return verify(best, single_consumer=True)


def _sized(graph: Graph, interval: int, waiting: dict[Edge, int], known: dict, spacings: dict[Edge, int]) -> Graph:
    """The graph with all FIFOs that it needs, among them those that give their beats away evenly.

    waiting: the dependence bounds. known: as in `schedule`.
    """
    depths = dict.fromkeys(spacings, SHALLOWEST)
    while True:
        buffered = _with_fifos(graph, depths, spacings)
        rooms = room(buffered, interval, known)
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
    # Rounds before the last may have seen more beats wait. From 3 beats on latency, and so the schedule, is the same.
    least = {edge: max(rooms[edge], waiting.get(edge, 0), 3 if depth > 2 else 1) for edge, depth in depths.items()}
    return _with_fifos(graph, least, spacings)


def _bursts(graph: Graph, buffered: Graph, interval: int) -> list[tuple[Edge, int]]:
    """(edge, cycles a beat at an even pace): where a tree of forks and converters begins that has a FIFO at an end."""
    behind = {ref.node for node in buffered.nodes if isinstance(node.op, Fifo) for ref in node.inputs}
    found = []
    for node in reversed(graph.nodes):
        if isinstance(node.op, (Fork, Convert, View)) and node.name in behind:
            behind |= {ref.node for ref in node.inputs}
            spacing = interval // node.op.beats_in()
            starts = not isinstance(producer(graph, node.inputs[0]).op, (Fork, Convert))
            if starts and spacing > 1 and not isinstance(node.op, View):
                found.append(((node.name, 0), spacing))
    return found[::-1]


def _worth(graph: Graph) -> float:
    """What the FIFOs cost, in LUTs: a slice has twice as many flip-flops."""
    costs = [node.op.cost() for node in graph.nodes if isinstance(node.op, Fifo)]
    return sum(cost.lut + cost.ff / 2 + cost.bram36 * 2 * LUTS_PER_RAMB18 for cost in costs)


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


def _with_fifos(graph: Graph, depths: dict[Edge, int], spacings: dict[Edge, int]) -> Graph:
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for port, ref in enumerate(node.inputs):
            if (node.name, port) in depths:
                name = f"{node.name}.fifo{port if len(inputs) > 1 else ''}"
                source = graph[ref.node]
                edge = node.name, port
                block = Fifo(source.type, source.op.lanes_out, depths[edge], spacing=spacings.get(edge, 1))
                nodes.append(Node(name, block, (ref,), source.type, node.layer))
                inputs[port] = Ref(name)
        nodes.append(replace(node, inputs=tuple(inputs)))
    return graph.with_nodes(nodes)


def room(graph: Graph, interval: int, known: dict | None = None) -> dict[Edge, int]:
    """Consumer and input -> the beats that must find room there, in the FIFO where there is one already.

    Elsewhere they count from `Block.output_lead` cycles before they are offered.
    """
    steady = schedule(graph, interval, known=known)
    rooms: dict[Edge, int] = {}
    for node in graph.nodes:
        if isinstance(node.op, (View, Fifo)):
            continue
        for port, ref in enumerate(node.inputs):
            edge, source = (node.name, port), producer(graph, ref)
            if isinstance(source.op, Fifo):
                source = producer(graph, source.inputs[0])
                rooms[edge] = steady.occupancy(source.name, edge)
                if rooms[edge] == 2:  # a single register takes a beat in as it gives one away
                    rooms[edge] = steady.occupancy(source.name, edge, leaving=False)
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
