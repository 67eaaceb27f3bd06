"""fold: the parallelism of each block, for a target interval or for the highest rate that the board's budget allows.

A block is folded to the cheapest shape that meets the interval. Cost is the sum of its shares of the budget; where that
overdraws a resource, that resource is made dearer and the choice repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hwgen.errors import DoesNotFit
from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.block import Block, Resources
from hwgen.layers.convert import Convert
from hwgen.layers.taps import divisors
from hwgen.layers.view import View
from hwgen.passes.candidates import KINDS, Unit, units

PRICE_ROUNDS = 40  # how often an overdrawn resource is made dearer before an interval is given up
PRICE_STEP = 1.1


@dataclass(frozen=True)
class Plan:
    """A folded graph with its total estimated cost (converters included, FIFOs not yet)."""

    graph: Graph
    interval: int
    cost: Resources

    def overdrawn(self, budget: Resources) -> dict[str, float]:
        """resource -> use ÷ budget, of those above 1."""
        shares = {kind: getattr(self.cost, kind) / getattr(budget, kind) for kind in KINDS}
        return {kind: share for kind, share in shares.items() if share > 1}


class Infeasible(Exception):
    """No folding of this node meets the interval."""

    def __init__(self, node: Node | str, least: int):
        self.node, self.least = node, least
        super().__init__(f"{node} takes at least {least} cycles a frame")


class Folder:
    """Folds one graph for one budget, again and again for different intervals."""

    def __init__(self, graph: Graph, budget: Resources, known: list[Unit] | None = None):
        self.graph, self.budget = graph, budget
        self.units: list[Unit] = units(graph) if known is None else known
        self._limits = np.array([getattr(budget, kind) for kind in KINDS], dtype=float)

    def within(self, budget: Resources) -> Folder:
        """The same foldings under another budget."""
        return Folder(self.graph, budget, self.units)

    def intervals(self) -> list[int]:
        """Every interval at which some block could take another shape, shortest first; only those that all blocks reach."""
        values = {int(value) for unit in self.units for value in unit.intervals}
        least = max((int(unit.intervals.min()) for unit in self.units), default=1)
        decided = {name for unit in self.units for name in unit.nodes}
        for node in self.graph.nodes:
            if node.name not in decided:
                most, channels = _traffic(node.op)
                values |= {most // lanes for lanes in divisors(channels)}
                least = max(least, most // channels)
        return sorted(value for value in values if value >= least)

    def plan(self, interval: int) -> Plan:
        """The cheapest folding for an interval that was found. Raises Infeasible where some block can't keep up."""
        prices = np.ones(len(KINDS))
        best = None
        for _ in range(PRICE_ROUNDS):
            plan = self._plan(interval, prices)
            over = plan.overdrawn(self.budget)
            if best is None or max(over.values(), default=0) < max(best.overdrawn(self.budget).values(), default=0):
                best = plan
            if not over:
                break
            prices = np.array([price * (PRICE_STEP if kind in over else 1) for price, kind in zip(prices, KINDS)])
        return best

    def _plan(self, interval: int, prices: np.ndarray) -> Plan:
        chosen: dict[str, Block] = {}
        for unit in self.units:
            meets = np.flatnonzero(unit.intervals <= interval)
            if not len(meets):
                raise Infeasible(unit.nodes[-1], int(unit.intervals.min()))
            worth = unit.costs[meets] @ (prices / self._limits)
            chosen |= unit.foldings[meets[int(worth.argmin())]].blocks
        weigh = lambda cost: float(  # noqa: E731
            np.array([getattr(cost, kind) for kind in KINDS]) @ (prices / self._limits)
        )
        graph = _route(self.graph, chosen, interval, weigh)
        return Plan(graph, interval, sum((node.op.cost() for node in graph.nodes), Resources()))


def fastest(folder: Folder) -> Plan:
    """The shortest interval whose plan fits. Bisection: cost falls as the interval grows, but for rounding."""
    choices = folder.intervals()
    low, high, best = 0, len(choices) - 1, None
    while low <= high:
        middle = (low + high) // 2
        try:
            plan = folder.plan(choices[middle])
        except Infeasible:
            plan = None
        if plan is not None and not plan.overdrawn(folder.budget):
            best, high = plan, middle - 1
        else:
            low = middle + 1
    if best is None:
        slowest = folder.plan(choices[-1])
        over = slowest.overdrawn(folder.budget)
        kind = max(over, key=over.get)
        largest = max(slowest.graph.nodes, key=lambda node: getattr(node.op.cost(), kind))
        raise DoesNotFit(
            f"the network is too large for the board: even at {choices[-1]} cycles a frame it needs "
            f"{getattr(slowest.cost, kind):.0f} {kind} of the {getattr(folder.budget, kind):.0f} that the network may use; "
            f"layer {largest.layer!r} alone takes {getattr(largest.op.cost(), kind):.0f}: "
            "make it smaller, use fewer bits, or choose a larger board"
        )
    return best


def _traffic(block: Block) -> tuple[int, int]:
    """(values a frame on the busiest stream, the greatest number of lanes) of a block whose only choice is its lanes."""
    types = (*block.inputs, block.result)
    return max(type_.size for type_ in types), int(np.gcd.reduce([type_.channels for type_ in types]))


def _route(graph: Graph, chosen: dict[str, Block], interval: int, weigh: Callable[[Resources], float]) -> Graph:
    """Puts the chosen blocks in, gives every other block its lanes, and repacks beats where neighbours' lanes differ."""
    nodes: list[Node] = []
    made: dict[Ref, Node] = {}

    def converted(ref: Ref, lanes: int, name: str, layer: str) -> Ref:
        source = made[ref]
        if source.op.lanes_out == lanes:
            return ref
        block = Convert(source.type, source.op.lanes_out, lanes)
        add(Node(name, block, (ref,), block.result, layer))
        return Ref(name)

    def add(node: Node) -> None:
        nodes.append(node)
        made[Ref(node.name)] = node

    for node in graph.nodes:
        block = chosen.get(node.name)
        if block is None:
            block = _with_lanes(node, [made[ref] for ref in node.inputs], interval, weigh)
        wanted = block.lanes_in
        names = [f"{node.name}.lanes{k if len(wanted) > 1 else ''}" for k in range(len(node.inputs))]
        refs = tuple(converted(ref, lanes, name, node.layer) for ref, lanes, name in zip(node.inputs, wanted, names))
        add(replace(node, op=block, inputs=refs, type=block.result))
    return verify(graph.with_nodes(nodes))


def _with_lanes(node: Node, producers: list[Node], interval: int, weigh: Callable[[Resources], float]) -> Block:
    """A block whose only choice is its lanes: the cheapest that keeps up, converters counted."""
    block = node.op
    most, channels = _traffic(block)
    fitting = [lanes for lanes in divisors(channels) if most // lanes <= interval]
    if not fitting:
        raise Infeasible(node.name, most // channels)
    offered = {producer.op.lanes_out for producer in producers}
    options = {fitting[0]} | {lanes for lanes in offered if lanes in fitting}

    def price(lanes: int) -> float:
        cost = replace(block, lanes=lanes).cost()
        for producer in producers:
            if producer.op.lanes_out != lanes:
                cost = cost + Convert(producer.type, producer.op.lanes_out, lanes).cost()
        return weigh(cost)

    if isinstance(block, View):
        return replace(block, lanes=max(options & offered, default=fitting[0]))
    return replace(block, lanes=min(sorted(options), key=price))
