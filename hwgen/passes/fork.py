"""fork: after this pass every value has exactly one consumer."""

from __future__ import annotations

from dataclasses import replace

from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.fork import Fork


def fork(graph: Graph) -> Graph:
    """Puts a Fork behind every value with several consumers; views of one value are consumers like any other."""
    nodes: list[Node] = []
    ports: dict[Ref, list[Ref]] = {}
    for node in graph.nodes:
        inputs = tuple(ports[ref].pop(0) if ref in ports else ref for ref in node.inputs)
        nodes.append(replace(node, inputs=inputs))
        ref = Ref(node.name)
        uses = len(graph.consumers(ref))
        if uses > 1:
            name = f"{node.name}.fork"
            nodes.append(Node(name, Fork(node.type, node.op.lanes_out, uses), (ref,), node.type, node.layer))
            ports[ref] = [Ref(name, k) for k in range(uses)]
    return verify(graph.with_nodes(nodes), single_consumer=True)
