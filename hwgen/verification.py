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
from hwgen.passes.emit import Emitted, emit
from hwgen.sim.bench import Bench, Fill, Tap
from hwgen.sim.runner import simulate as run_bench


def bench(graph: Graph, emitted: Emitted, file: Path) -> Bench:
    """A bench for the emitted graph that watches the output streams of all blocks and the fill of all FIFOs."""
    taps, fills = [], []
    for node in graph.nodes:
        if isinstance(node.op, (View, Sink)):
            continue
        path = emitted.instances[node.name]
        if isinstance(node.op, Fifo):
            fills.append(Fill(path, node.name, node.op.depth))
        for port in range(node.op.fan_out):
            member = "o" if node.op.fan_out == 1 else f"o{port}"
            name = node.name if node.op.fan_out == 1 else str(Ref(node.name, port))
            taps.append(Tap(name, node.layer, path, member, node.type, node.op.lanes_out))
    sources = [node for node in graph.nodes if isinstance(node.op, Source)]
    sinks = [node for node in graph.nodes if isinstance(node.op, Sink)]
    return Bench(
        top=emitted.top,
        verilog=(file,),
        source=tuple(node.type for node in sources),
        source_lanes=tuple(node.op.lanes_out for node in sources),
        sink=tuple(node.type for node in sinks),
        sink_lanes=tuple(node.op.lanes_out for node in sinks),
        top1=tuple(node.op.top1 for node in sinks),
        taps=tuple(taps),
        fills=tuple(fills),
    )


def simulate(graph: Graph, raw, values, workdir: Path, emitted: Emitted | None, **options):
    """Simulates the graph's Verilog on raw frames; `values` are what `evaluate` gave for every node."""
    emitted = emit(graph) if emitted is None else emitted
    file = workdir / f"{emitted.top}.v"
    file.write_text(emitted.text, encoding="utf-8")
    watched = bench(graph, emitted, file)
    expected = {tap.name: values[tap.name.rsplit(".", 1)[0] if tap.port != "o" else tap.name] for tap in watched.taps}
    expected |= {f"output{k or ''}": values[ref.node] for k, ref in enumerate(graph.outputs)}
    sources = [node.name for node in graph.nodes if isinstance(node.op, Source)]
    return run_bench(watched, {name: raw[name] for name in sources}, expected, workdir, **options)


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


def describe(difference, count: int) -> str:
    """One line that places the first difference."""
    d = difference
    return (
        f"hardware and integer model differ in {count} value{'s' if count != 1 else ''}; first: frame {d.frame}, layer {d.layer!r}, block "
        f"{d.node!r}, channel {d.channel}, row {d.row}, column {d.column}, cycle {d.cycle}: expected {d.expected}, seen {d.seen}"
    )
