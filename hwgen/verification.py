"""The bridge from the graph to the bench: which streams to watch, and what the integer model says should be on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hwgen.errors import OptionError
from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.fifo import Fifo
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.layers.view import View
from hwgen.passes.emit import Emitted, net, output_ports
from hwgen.sim.bench import Axi, Bench, Fill, Tap
from hwgen.sim.primitives import primitives
from hwgen.sim.result import SimResult
from hwgen.sim.simulate import simulate as run_bench


def bench(graph: Graph, emitted: Emitted, file: Path) -> Bench:
    """A bench for the emitted graph that watches the output streams of all blocks and the fill of all FIFOs."""
    taps, fills, sources, sinks = [], [], [], []
    for node in graph.nodes:
        instance = emitted.instances[node.name]
        if isinstance(node.op, Sink):
            sinks.append(Axi(node.name, node.type, node.op.lanes_out, node.inputs[0].node, node.op.top1))
            continue
        if isinstance(node.op, Source):
            sources.append(Axi(node.name, node.type, node.op.lanes_out, node.layer))
            continue
        if isinstance(node.op, View):
            continue  # its values are watched where they come from
        if isinstance(node.op, Fifo):
            fills.append(Fill("", node.name, node.op.depth, net(instance, "level")))
        ports = output_ports(node)
        for k, port in enumerate(ports):
            name = node.name if len(ports) == 1 else f"{node.name}#{k}"
            taps.append(Tap(name, node.layer, "", net(instance, port), node.type, node.op.lanes_out))
    verilog = (file, *primitives(emitted.family))
    return Bench(emitted.top, verilog, tuple(sources), tuple(sinks), tuple(taps), tuple(fills))


def simulate(graph: Graph, raw, values, workdir: Path, emitted: Emitted, **options) -> SimResult:
    """Simulates the graph's Verilog on raw frames; `values` are what `evaluate` gave for every node."""
    file = workdir / f"{emitted.top}.v"
    file.write_text(emitted.text, encoding="utf-8")
    watched = bench(graph, emitted, file)
    expected = {tap.name: values[tap.name.split("#")[0]] for tap in watched.taps}
    expected |= {sink.name: values[sink.name] for sink in watched.sinks}
    frames = {source.name: raw[source.name] for source in watched.sources}
    return run_bench(watched, frames, expected, workdir, **options)


def layer_alone(graph: Graph, layer: str, values: dict[str, np.ndarray]) -> tuple[Graph, dict[str, np.ndarray]]:
    """The blocks of one Keras layer between outer ports, and the raw frames that the integer model feeds it."""
    inside = [node for node in graph.nodes if node.layer == layer and not isinstance(node.op, (Source, Sink))]
    if not inside:
        names = list(dict.fromkeys(n.layer for n in graph.nodes if not isinstance(n.op, (Source, Sink, View))))
        raise OptionError(f"no layer {layer!r} with hardware of its own; there are: {', '.join(names)}")
    names = {node.name for node in inside}
    nodes: list[Node] = []
    sources: dict[Ref, str] = {}
    raw: dict[str, np.ndarray] = {}
    for node in inside:
        inputs = []
        for ref in node.inputs:
            if ref.node not in names:
                if ref not in sources:
                    sources[ref] = f"input{len(sources) or ''}"
                    producer = graph[ref.node]
                    source = Source(producer.type, producer.op.lanes_out)
                    nodes.append(Node(sources[ref], source, (), source.result, layer))
                    raw[sources[ref]] = values[ref.node]
                ref = Ref(sources[ref])
            inputs.append(ref)
        nodes.append(replace(node, inputs=tuple(inputs)))
    read = {ref for node in nodes for ref in node.inputs}
    ends = [Ref(n.name, port) for n in inside for port in range(n.op.fan_out) if Ref(n.name, port) not in read]
    outputs = []
    for k, ref in enumerate(ends):
        producer = graph[ref.node]
        sink = Sink(producer.type, producer.op.lanes_out, False)
        outputs.append(Ref(f"output{k or ''}"))
        nodes.append(Node(outputs[-1].node, sink, (ref,), sink.result, layer))
    nodes.sort(key=lambda node: not isinstance(node.op, Source))
    alone = Graph(f"{graph.name}_{layer}", tuple(nodes), tuple(raw), tuple(outputs))
    return verify(alone, single_consumer=True), raw
