"""lower, for operations whose result is larger than what they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwgen.graph import Node
from hwgen.layers.phased import PhasedNeuron
from hwgen.layers.taps import Taps
from hwgen.layers.upsample import Upsample
from hwgen.layers.window import Window

if TYPE_CHECKING:
    from hwgen.passes.lower import Builder


def upsample(b: Builder, node: Node) -> None:
    source = b.input(node)
    block = Upsample(b.type(source), node.op.factors, lanes=1)
    b.bind(node, b.add(node.name, block, source, layer=node.layer))


def conv_transpose(b: Builder, node: Node) -> None:
    """Every pixel as often as the stride says; a window that takes each of them once; a kernel for each phase."""
    op, source = node.op, b.input(node)
    padding, reach, strides = op.padding(b.type(source)), op.reach, op.strides
    if strides != (1, 1):
        source = b.add(f"{node.name}.repeat", Upsample(b.type(source), strides), source, layer=node.layer)
    taps = Taps(reach, b.type(source).channels)
    if reach != (1, 1) or any(padding):
        dilation = tuple(stride if taps > 1 else 1 for stride, taps in zip(strides, reach))
        window = Window(b.type(source), taps, (1, 1), padding, dilation=dilation)
        source = b.add(f"{node.name}.window", window, source, layer=node.layer)
    first = tuple(cut % stride for cut, stride in zip(op.cut, strides))
    neuron = PhasedNeuron(b.type(source), taps, op.phases, op.bias, op.frac, op.shift, first=first)
    b.bind(node, b.add(node.name, neuron, source, layer=node.layer))
