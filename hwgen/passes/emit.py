"""emit: from the graph of blocks to Verilog, one Amaranth submodule a block."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.back import verilog
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.graph import Graph, Node, Ref
from hwgen.layers.cells import Target
from hwgen.layers.fifo import Fifo
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.layers.stream import connect
from hwgen.layers.view import View
from hwgen.passes.names import identifier, identifiers


def port_prefix(kind: str, k: int) -> str:
    """AXI port prefix of the k-th input (kind "s") or output ("m")."""
    return f"{kind}_axis" + (f"_{k}" if k else "")


def output_ports(node: Node) -> list[str]:
    """The names of a block's output streams."""
    return ["o"] if node.op.fan_out == 1 else [f"o{k}" for k in range(node.op.fan_out)]


def net(instance: str, port: str) -> str:
    """What the nets of a block's port begin with in the top module."""
    return f"{instance}__{port}"


class Top(wiring.Component):
    """The whole network: AXI4-Stream in and out, an instance for every block. levels: also what each FIFO holds, the
    k-th of `fifos` as `level{k}`."""

    def __init__(self, graph: Graph, levels: bool = False):
        self.graph = graph
        self.instances = identifiers(node.name for node in graph.nodes)
        self.blocks = {node.name: node.op.component() for node in graph.nodes if not isinstance(node.op, View)}
        self._levels = fifos(graph) if levels else []
        members = {"frame_error": Out(1)}
        members |= {f"level{k}": Out(range(node.op.depth + 1)) for k, node in enumerate(self._levels)}
        self._outer: list[tuple[str, str, str]] = []  # (outer member, block, its member)
        for kind, type_ in (("s", Source), ("m", Sink)):
            ends = [node for node in graph.nodes if isinstance(node.op, type_)]
            for k, node in enumerate(ends):
                for member, spec in self.blocks[node.name].signature.members.items():
                    if member.startswith(f"{kind}_axis"):
                        outer = port_prefix(kind, k) + member.removeprefix(f"{kind}_axis")
                        members[outer] = (In if spec.flow == wiring.In else Out)(spec.shape)
                        self._outer.append((outer, node.name, member))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        for name, block in self.blocks.items():
            m.submodules[self.instances[name]] = block
        for outer, name, member in self._outer:
            inner, port = getattr(self.blocks[name], member), getattr(self, outer)
            into = self.signature.members[outer].flow == wiring.In
            m.d.comb += inner.eq(port) if into else port.eq(inner)
        m.d.comb += [getattr(self, f"level{k}").eq(self.blocks[node.name].level) for k, node in enumerate(self._levels)]
        errors = [self.blocks[node.name].frame_error for node in self.graph.nodes if isinstance(node.op, Source)]
        m.d.comb += self.frame_error.eq(sum(errors) != 0)
        for node in self.graph.nodes:
            if isinstance(node.op, View):
                continue
            self._name_nets(m, node)
            for k, ref in enumerate(node.inputs):
                sink = getattr(self.blocks[node.name], "i" if len(node.inputs) == 1 else f"i{k}")
                connect(m, self._stream(ref), sink)
        return m

    def _name_nets(self, m: Module, node: Node) -> None:
        """Gives a block's output streams, and the level of a FIFO, names in the top that benches and waveforms can
        rely on.

        The names that a module's own nets get in Verilog depend on what else is in the module.
        """
        block = self.blocks[node.name]
        if isinstance(node.op, Sink):
            return
        for port in output_ports(node):
            stream, name = getattr(block, port), net(self.instances[node.name], port)
            for value, part in (
                (stream.valid, "valid"),
                (stream.ready, "ready"),
                (stream.payload.as_value(), "payload"),
            ):
                m.d.comb += Signal(len(value), name=f"{name}__{part}").eq(value)
        if isinstance(node.op, Fifo):
            m.d.comb += Signal(len(block.level), name=f"{net(self.instances[node.name], 'level')}").eq(block.level)

    def _stream(self, ref: Ref):
        """The stream that carries a value: that of its producer, seen through views."""
        node = through_views(self.graph, ref)
        return getattr(self.blocks[node[0].name], node[1])


def through_views(graph: Graph, ref: Ref) -> tuple[Node, str]:
    """(block, output port name) that really drives a value."""
    node = graph[ref.node]
    while isinstance(node.op, View):
        ref = node.inputs[0]
        node = graph[ref.node]
    return node, ("o" if node.op.fan_out == 1 else f"o{ref.port}")


@dataclass(frozen=True)
class Emitted:
    """The Verilog text and the names in it. family: of the FPGA that it is made for, as in `boards.Board`."""

    top: str
    text: str
    instances: dict[str, str]
    family: str


def emit(graph: Graph, family: str, levels: bool = False) -> Emitted:
    """The network as one Verilog text; its top module is named after the model. levels: as of `Top`."""
    top, target = Top(graph, levels), Target(family)
    name = identifier(graph.name)
    text = verilog.convert(top, name=name, platform=target, emit_src=False, strip_internal_attrs=True)
    return Emitted(name, f"{text}\n{target.library}", top.instances, family)


def fifos(graph: Graph) -> list[Node]:
    return [node for node in graph.nodes if isinstance(node.op, Fifo)]
