"""What a run found out, as one dictionary (report.json). `hwgen.summary` shows it in the terminal, `hwgen.html` on a page.

An estimate stands beside the measured value wherever there is one, and is never shown in its place.
"""

from __future__ import annotations

from dataclasses import asdict

from hwgen import __version__, virtual
from hwgen.boards import Board
from hwgen.chip import limits
from hwgen.chip import lines as chip_lines
from hwgen.graph import Graph, Node
from hwgen.layers.axi import element_bytes
from hwgen.layers.block import Resources
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.fifo import Fifo
from hwgen.layers.neuron import Neuron
from hwgen.passes.buffer import bounds
from hwgen.passes.emit import port_prefix
from hwgen.passes.faster import Faster
from hwgen.passes.schedule import interval_in_place
from hwgen.power import lines as power_lines

KINDS = ("lut", "lutram", "ff", "bram36", "dsp")


def by_layer(graph: Graph) -> dict[str, list[Node]]:
    """Keras layer -> the blocks that it became, in order."""
    layers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        layers.setdefault(node.layer, []).append(node)
    return layers


def folding(node: Node) -> str:
    """How a block is folded: inputs × neurons a cycle, or values a cycle."""
    op = node.op
    if isinstance(op, Neuron):
        return f"{op.taps.parallel} × {op.neurons}"
    if isinstance(op, DepthwiseNeuron):
        return f"{op.taps.parallel} × {op.lanes_out // op.taps.lanes}"
    return f"{op.lanes_out}"


def resources(cost: Resources) -> dict[str, float]:
    """The reported resources: whole LUTs and flip-flops, block RAM in halves."""
    values = asdict(cost)
    return {kind: round(values[kind] * 2) / 2 if kind == "bram36" else round(values[kind]) for kind in KINDS}


def total(nodes: list[Node]) -> Resources:
    return sum((node.op.cost() for node in nodes), Resources())


def build(design) -> dict:
    """report.json of a design. Keys that need a simulation or a synthesis are there once it was run."""
    compiled, board = design.compiled, design.board
    timing = compiled.timing
    budget = resources(board.resources)
    estimated = resources(board.estimate(compiled.cost))
    report = {
        "hwgen": __version__,
        "model": design.name,
        "board": board.name,
        "part": board.part,
        "clock_mhz": {"assumed": design.clock_mhz},
        "interval_cycles": {"estimated": timing.interval},
        "latency_cycles": {"estimated": timing.latency},
        "frames_per_second": {"estimated": round(design.clock_mhz * 1e6 / timing.interval, 1)},
        "bottleneck": timing.bottleneck,
        "faster": _faster(compiled.faster),
        "fits": all(estimated[kind] <= budget[kind] for kind in KINDS),
        "resources": {"lut": board.kind.lut, "board": budget, "estimated": estimated},
        "ports": _ports(compiled),
        "layers": [_layer(name, nodes, compiled, board) for name, nodes in by_layer(compiled.hardware).items()],
        "fifos": _fifos(compiled),
    }
    if design.synthesized is not None:
        _add_synthesis(report, design)
    if design.simulated is not None:
        _add_simulation(report, design)
    if design.placed is not None:
        _add_place(report, design)
    return (
        report
        | limits.entry(board)
        | chip_lines.entry(design, resources)
        | power_lines.entry(design)
        | virtual.entry(design)
    )


def _layer(name: str, nodes: list[Node], compiled, board: Board) -> dict:
    """A layer's entry. Its interval is what its slowest block could do; its latency counts from the network's first pixel."""
    last = nodes[-1]
    interval = max(interval_in_place(compiled.hardware, node) for node in nodes)
    return {
        "name": name,
        "shape": list(last.type.shape),
        "input_type": _type((*nodes[0].op.inputs, nodes[0].type)[0]),
        "output_type": _type(last.type),
        "folding": next((folding(n) for n in nodes if isinstance(n.op, (Neuron, DepthwiseNeuron))), folding(last)),
        "interval_cycles": {"estimated": interval},
        "latency_cycles": {"estimated": compiled.timing.finished[last.name]},
        "resources": {"estimated": resources(board.estimate(total(nodes)))},
        "blocks": [{"name": n.name, "block": n.op.describe(), "folding": folding(n)} for n in nodes],
    }


def _ports(compiled) -> list[dict]:
    """The outer AXI4-Streams: which input or output each carries, of which layer, and how its values lie in it."""
    hardware, integer = compiled.hardware, compiled.integer
    ends = [("s", name, name) for name in hardware.inputs]
    ends += [("m", sink.node, ref.node) for sink, ref in zip(hardware.outputs, integer.outputs)]
    found = []
    for direction, name, layer in ends:
        node, before = hardware[name], sum(port["name"].startswith(direction) for port in found)
        entry = {"name": port_prefix(direction, before), "layer": layer, "shape": list(integer.frame_shape[layer])}
        entry |= {"type": _type(node.type), "bytes": element_bytes(node.type), "lanes": node.op.lanes_out}
        found.append(entry | ({"top1": node.op.top1} if direction == "m" else {}))
    return found


def _fifos(compiled) -> list[dict]:
    """An entry a FIFO: beats that it holds, bits of a beat, where they lie, and the bounds that it is sized by."""
    graph = compiled.hardware
    why = bounds(graph, compiled.timing.interval)
    return [
        {
            "name": node.name,
            "depth": node.op.depth,
            "bits": node.op.bits,
            "memory": node.op.style,
            "bound": {kind: beats for kind, beats in asdict(why[node.name]).items() if beats is not None},
        }
        for node in graph.nodes
        if isinstance(node.op, Fifo)
    ]


def _faster(step: Faster) -> dict:
    """The next shorter interval: the layers to fold wider, what it needs, and what of that the network may not have."""
    entry = {"text": str(step), "interval_cycles": step.next, "layers": list(step.layers)}
    if step.next is not None:
        entry |= {"resources": resources(step.needs), "overdrawn": step.over, "grows_most": step.most}
    return entry


def _type(type_) -> str:
    """As in `--input-type`: fixed<total, integer bits with the sign>."""
    over = f"/{type_.divisor}" if type_.divisor != 1 else ""
    return f"{'' if type_.signed else 'u'}fixed<{type_.width},{type_.width - type_.frac}>{over}"


def _add_synthesis(report: dict, design) -> None:
    result = design.synthesized
    report["resources"]["synthesized"] = resources(result.total)
    report["fits"] = all(report["resources"]["synthesized"][k] <= report["resources"]["board"][k] for k in KINDS)
    instances = design.compiled.emitted.instances
    for entry in report["layers"]:
        found = [result.blocks.get(instances[block["name"]], Resources()) for block in entry["blocks"]]
        entry["resources"]["synthesized"] = resources(sum(found, Resources()))


def _add_simulation(report: dict, design) -> None:
    run = design.simulated
    report["simulator"] = run.simulator
    if run.interval_cycles is not None:
        report["interval_cycles"]["simulated"] = run.interval_cycles
        report["frames_per_second"]["simulated"] = round(design.clock_mhz * 1e6 / run.interval_cycles, 1)
    report["latency_cycles"]["simulated"] = run.latency_cycles
    for layer in report["layers"]:
        name = layer["blocks"][-1]["name"]
        last = run.last_seen.get(name, run.last_seen.get(f"{name}#0"))  # a fork's first branch
        if last is not None:
            layer["latency_cycles"]["simulated"] = int(last[0] - run.first_in[0])
            if len(last) > 1:
                layer["interval_cycles"]["simulated"] = int(last[-1] - last[-2])
    report["exact"] = {"frames": run.frames, "values": run.compared, "mismatches": run.mismatched}
    for fifo in report["fifos"]:
        fifo["highest"] = run.fills.get(fifo["name"])
    if design.accuracy is not None:
        report["accuracy"] = design.accuracy


def _add_place(report: dict, design) -> None:
    """The clock after placement (nextpnr's estimate) and after routing, and the rate at the latter."""
    result = design.placed
    found = result.found
    reached = {"placed": found.placed_mhz, "routed": found.routed_mhz}
    report["clock_mhz"] |= {kind: mhz for kind, mhz in reached.items() if mhz is not None}
    report["place"] = {
        "tool": result.tool,
        "target_mhz": result.target_mhz,
        "failure": found.failure,
        "path": None if found.path is None else asdict(found.path),
        "used": {kind: list(amounts) for kind, amounts in found.used.items()},
    }
    if found.routed_mhz is not None:
        cycles = report["interval_cycles"]
        best = cycles.get("simulated", cycles["estimated"])
        report["frames_per_second"]["at routed clock"] = round(found.routed_mhz * 1e6 / best, 1)
