"""buffer: FIFOs where a stream has to wait, and why none of them can deadlock.

Two bounds, in closed form from shapes, rates and latencies; a FIFO takes the greater.

Pace. In the schedule (`hwgen.passes.schedule`) with inputs at the network's interval, the most beats that ever wait on an edge.
With at least this room on every edge no block ever waits for space, so the hardware keeps the schedule: bursts and the skew
between the branches of a fork cost no rate.

Dependence. At a join (cat, add) let beat j of the result need everything up to input beat d(j) of the network. All that a branch
can produce from inputs up to d(j), less what the join has consumed of it before beat j, fits into the branch's FIFO. So
whatever the outside does (stalls of any length, at either end), when the join waits for beat j the branches it doesn't wait for
have room for all they can make of the inputs up to d(j); hence none of them stops the fork before those inputs have passed
it, and the branch that the join waits for gets all it needs. By induction over j every beat is made: no deadlock.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.fifo import Fifo
from hwgen.layers.view import View
from hwgen.passes.schedule import dependence, needed, schedule, timing

MARGIN = 2  # a FIFO's own cycles


def buffer(graph: Graph) -> Graph:
    """Puts a Fifo on every edge that needs more room than the producer has by itself (`Block.output_room`)."""
    own = {(node.name, k): graph[ref.node].op.output_room for node in graph.nodes for k, ref in enumerate(node.inputs)}
    depths = {edge: depth + MARGIN for edge, depth in room(graph).items() if depth > own[edge]}
    nodes: list[Node] = []
    for node in graph.nodes:
        inputs = list(node.inputs)
        for port, ref in enumerate(node.inputs):
            depth = depths.get((node.name, port))
            if depth is not None:
                name = f"{node.name}.fifo{port if len(inputs) > 1 else ''}"
                producer = graph[ref.node]
                block = Fifo(producer.type, producer.op.lanes_out, depth)
                nodes.append(Node(name, block, (ref,), producer.type, node.layer))
                inputs[port] = Ref(name)
        nodes.append(replace(node, inputs=tuple(inputs)))
    return verify(graph.with_nodes(nodes), single_consumer=True)


def room(graph: Graph) -> dict[tuple[str, int], int]:
    """(node, input) -> beats that must be able to wait there."""
    steady = schedule(graph, timing(graph).interval)
    depends = dependence(graph)
    rooms: dict[tuple[str, int], int] = {}
    for node in graph.nodes:
        if isinstance(node.op, View):
            continue
        for port, ref in enumerate(node.inputs):
            edge = node.name, port
            # Behind mere wires nothing can wait, not even a beat that is taken a cycle later.
            at_once = graph[ref.node].op.output_room == 0 and steady.at_once(ref.node, edge)
            rooms[edge] = 0 if at_once else steady.occupancy(ref.node, edge)
        if len(node.inputs) > 1:
            for port, ref in enumerate(node.inputs):
                rooms[node.name, port] = max(rooms[node.name, port], _lag(node, port, depends[ref.node], depends[node.name]))
    return rooms


def _lag(node: Node, port: int, branch: np.ndarray, joined: np.ndarray, frames: int = 2) -> int:
    """The dependence bound: beats that a branch can have made, of those that the join has not consumed yet."""
    made = np.searchsorted(branch, joined, side="right")
    consumed = np.concatenate([[0], needed(node.op, port, frames)[:-1] + 1])
    return int((made - consumed).max())
