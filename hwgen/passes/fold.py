"""fold: the parallelism of each block, for a target interval or for the highest rate that the board's budget allows.

`hwgen.passes.solver` decides for all blocks at once; here are what it is asked, and the graph that follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hwgen.errors import DoesNotFit
from hwgen.graph import Graph, Node, Ref, verify
from hwgen.layers.block import Block, Resources
from hwgen.layers.convert import Convert
from hwgen.passes.candidates import KINDS, Unit, units, vector
from hwgen.passes.solver import Problem, solve


@dataclass(frozen=True)
class Plan:
    """A folded graph with its total estimated cost (converters included, FIFOs not yet)."""

    graph: Graph
    interval: int
    cost: Resources

    def overdrawn(self, budget: Resources) -> dict[str, float]:
        """resource -> use ÷ budget, of those above 1."""
        used = {kind: (getattr(self.cost, kind), getattr(budget, kind)) for kind in KINDS}
        return {kind: use / there if there else float("inf") for kind, (use, there) in used.items() if use > there}


class Infeasible(Exception):
    """No folding of this node meets the interval."""

    def __init__(self, node: str, least: int):
        self.node, self.least = node, least
        super().__init__(f"{node} takes at least {least} cycles a frame")


class Folder:
    """Folds one graph for one budget, again and again for different intervals."""

    def __init__(
        self,
        graph: Graph,
        budget: Resources,
        known: Problem | None = None,
        shown: Callable[[Resources], Resources] = lambda cost: cost,
    ):
        """shown: makes of costs what messages say (`Board.estimate`)."""
        self.graph, self.budget, self.shown = graph, budget, shown
        self.problem = Problem.of(graph, units(graph)) if known is None else known
        self._limits = vector(budget)

    @property
    def units(self) -> tuple[Unit, ...]:
        return self.problem.units

    def within(self, budget: Resources) -> Folder:
        """The same foldings under another budget."""
        return Folder(self.graph, budget, self.problem, self.shown)

    def intervals(self) -> list[int]:
        """Every interval at which some block could take another shape, shortest first; only those that all blocks reach."""
        least = max((int(unit.intervals.min()) for unit in self.units), default=1)
        values = {int(value) for unit in self.units for value in unit.intervals}
        return sorted(value for value in values if value >= least)

    def plan(self, interval: int) -> Plan:
        """The best folding for an interval; where none fits, the one that overdraws the budget least.

        Raises Infeasible where some block can't keep up.
        """
        for unit in self.units:
            if (least := int(unit.intervals.min())) > interval:
                raise Infeasible(unit.nodes[-1], least)
        chosen = None
        if self._could_fit(interval):
            # Within its limit of work the solver may find something that fits, but nothing that it could compare.
            chosen = self._solve(interval) or self._solve(interval, any_fit=True)
        chosen = chosen or self._solve(interval, overdraw=True)
        graph = self._route(chosen)
        return Plan(graph, interval, sum((node.op.cost() for node in graph.nodes), Resources()))

    def fits(self, interval: int) -> bool:
        """Whether a folding was found that meets the interval within the budget."""
        return self._could_fit(interval) and self._solve(interval, any_fit=True) is not None

    def _solve(self, interval: int, **options) -> tuple[int, ...] | None:
        return solve(self.problem, interval, self._limits, **options)

    def _could_fit(self, interval: int) -> bool:
        """Whether the least that each unit takes of each resource, for itself alone, is in the budget."""
        least = [unit.costs[unit.intervals <= interval].min(axis=0, initial=np.inf) for unit in self.units]
        return bool((sum(least) <= self._limits).all())

    def _route(self, chosen: tuple[int, ...]) -> Graph:
        """The graph with the chosen blocks, and beats repacked where neighbours' lanes differ."""
        blocks: dict[str, Block] = {}
        for unit, index in zip(self.units, chosen):
            blocks |= zip(unit.nodes, unit.blocks[index])
        nodes: list[Node] = []
        for node in self.graph.nodes:
            block, inputs = blocks[node.name], []
            for k, (ref, lanes) in enumerate(zip(node.inputs, block.lanes_in)):
                source = blocks[ref.node]
                if source.lanes_out != lanes:
                    name = f"{node.name}.lanes{k if len(node.inputs) > 1 else ''}"
                    convert = Convert(source.result, source.lanes_out, lanes)
                    nodes.append(Node(name, convert, (ref,), convert.result, node.layer))
                    ref = Ref(name)
                inputs.append(ref)
            nodes.append(replace(node, op=block, inputs=tuple(inputs), type=block.result))
        return verify(self.graph.with_nodes(nodes))


def fastest(folder: Folder) -> Plan:
    """The plan of the shortest interval that fits, found by bisection: what fits an interval fits all longer ones."""
    choices = folder.intervals()
    low, high, middle, best = 0, len(choices) - 1, 0, None
    while low <= high:
        if folder.fits(choices[middle]):
            best, high = choices[middle], middle - 1
        else:
            low = middle + 1
        middle = (low + high) // 2
    if best is not None:
        return folder.plan(best)
    raise DoesNotFit(too_large(folder.plan(choices[-1]), folder))


def too_large(slowest: Plan, folder: Folder) -> str:
    """What to say of a network whose slowest folding does not fit."""
    over = slowest.overdrawn(folder.budget)
    kind = max(over, key=over.get)
    largest = max(slowest.graph.nodes, key=lambda node: getattr(node.op.cost(), kind))
    needed, there, most = (
        getattr(folder.shown(cost), kind) for cost in (slowest.cost, folder.budget, largest.op.cost())
    )
    return (
        f"the network is too large for the board: even at {slowest.interval} cycles a frame it needs "
        f"{needed:.0f} {kind} of the {there:.0f} that the network may use; "
        f"layer {largest.layer!r} alone takes {most:.0f}: "
        "make it smaller, use fewer bits, or choose a larger board"
    )
