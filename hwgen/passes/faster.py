"""What stands between a folded network and the next shorter interval: the blocks in the way, and what they would need."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.graph import Graph
from hwgen.layers.block import Resources
from hwgen.layers.fifo import Fifo
from hwgen.passes.candidates import KINDS
from hwgen.passes.fold import Folder
from hwgen.passes.schedule import interval_in_place

NAMES = {"lut": "LUT", "lutram": "LUT as memory", "ff": "FF", "bram36": "BRAM", "dsp": "DSP", "carry4": "CARRY4"}
NAMED = 3  # layers that a message lists by name


@dataclass(frozen=True)
class Faster:
    """The next shorter interval, and what it takes.

    interval: cycles a frame now. next: of the next faster folding, None where there is none. layers: those that would
    have to be folded wider; without a next one, the layer that can't be. needs: the resources that it would take, FIFOs
    as they are. over: resource -> how much the network may use, of those that would be overdrawn. most: the layer with
    most of what the worst of these, else LUTs, would grow by.
    """

    interval: int
    next: int | None
    layers: tuple[str, ...]
    needs: Resources | None = None
    over: dict[str, float] | None = None
    most: str | None = None

    def __str__(self) -> str:
        if self.next is None:
            return f"none, layer {self.layers[0]} takes at least {self.interval:,} cycles a frame"
        kinds = list(self.over) or ["lut"]
        amounts = [f"{getattr(self.needs, kind):,.0f} {NAMES[kind]}" for kind in kinds]
        limits = [f" of {self.over[kind]:,.0f}" if kind in self.over else ", which fits" for kind in kinds]
        needed = " and ".join(amount + limit for amount, limit in zip(amounts, limits))
        wider = f"{len(self.layers)} layers" if len(self.layers) > NAMED else ", ".join(self.layers)
        grows = f"; most of the growth is in layer {self.most}" if self.most else ""
        folded = f"{wider} folded wider, and " if self.layers else ""  # else: another choice for the same widths
        return f"{self.interval:,} → {self.next:,} cycles would need {folded}{needed}{grows}"


def next_faster(folder: Folder, hardware: Graph, interval: int) -> Faster:
    """The step from a finished graph, with its interval in place, to the next shorter interval of any folding."""
    shorter = [choice for choice in folder.intervals() if choice < interval]
    if not shorter:
        limit = max(folder.units, key=lambda unit: int(unit.intervals.min()))
        return Faster(interval, None, (limit.layer,))
    paces = {node.name: interval_in_place(hardware, node) for node in hardware.nodes}
    slow = [unit.layer for unit in folder.units if max(paces[name] for name in unit.nodes) > shorter[-1]]
    plan = folder.plan(shorter[-1])
    fifos = sum((node.op.cost() for node in hardware.nodes if isinstance(node.op, Fifo)), Resources())
    needs = plan.cost + fifos
    over = {kind: getattr(folder.budget, kind) for kind in KINDS}
    over = {kind: limit for kind, limit in over.items() if getattr(needs, kind) > limit}
    worst = max(over, key=lambda kind: getattr(needs, kind) / max(over[kind], 1e-9), default="lut")
    growth = _by_layer(plan.graph, worst)
    for layer, amount in _by_layer(hardware, worst).items():
        growth[layer] = growth.get(layer, 0.0) - amount
    most = max(growth, key=growth.get)
    most = most if growth[most] > 0 else None
    over = {kind: getattr(folder.shown(Resources(**over)), kind) for kind in over}
    return Faster(interval, shorter[-1], tuple(dict.fromkeys(slow)), folder.shown(needs), over, most)


def _by_layer(graph: Graph, kind: str) -> dict[str, float]:
    """Layer -> what its blocks take of a resource, without FIFOs."""
    layers: dict[str, float] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Fifo):
            layers[node.layer] = layers.get(node.layer, 0.0) + getattr(node.op.cost(), kind)
    return layers
