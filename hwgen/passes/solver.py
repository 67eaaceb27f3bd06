"""The choice of a folding for every unit at once, as an integer program for OR-tools CP-SAT. docs/folding.md has it.

Each unit takes exactly one of its foldings. Where the lanes of a value's producer and of a consumer differ, the value
passes a converter, which costs something too. The cost that is minimized is the sum of the shares of the budget, the
greatest share counted once more, so that none runs out needlessly. Of the foldings that are at most SPENT dearer than
the cheapest, the one with the best latency for its cost is taken, an interval of latency being worth the whole cost.

Latency: each value has a start and an end, as times within a frame that meets an empty network; between them it comes
evenly, and a source's over the whole interval, so that only what follows the last pixel can be saved. A unit that needs
a share `need` of its inputs before a share `rest` of its work (`Unit.demands`) ends no sooner than
start + need · (end - start) of the inputs + rest · interval.

The search has one thread, one seed, and its limit counts work, not seconds: the result is the same on every machine.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from hwgen.graph import Graph
from hwgen.layers.convert import Convert
from hwgen.passes.candidates import KINDS, Unit, vector
from hwgen.tensor import TensorType

FINE = 4  # parts of a LUT (and of the other resources) that the program counts in
WHOLE = 100_000  # the whole budget of a resource in the objective
SPENT = 0.05  # of the least cost, that may be spent on latency
TICKS = 1000  # of an interval, in the times of the latency
PARTS = 128  # of a frame, in `demands`
LONGEST = 1000 * TICKS
SCARCE = 0.01  # of a resource: what stands for none at all where it is divided by
OVERDRAWN = 20  # times the price of a resource beyond the budget
GAP = 0.001  # of the objective, by which a result may be worse than the best
WORK = 2.0  # CP-SAT's deterministic time; some ten seconds, of which a twentieth is the rule


@dataclass(frozen=True)
class Edge:
    """A value on its way: its type, and the units that give and take it, by index."""

    type: TensorType
    producer: int
    consumer: int


@dataclass(frozen=True)
class Problem:
    """The units of a graph and the edges between them. An input that takes a value twice is two edges."""

    units: tuple[Unit, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, graph: Graph, units: list[Unit]) -> Problem:
        index = {name: k for k, unit in enumerate(units) for name in unit.nodes}
        edges = [
            Edge(graph[unit.nodes[-1]].type, k, index[node.name])
            for k, unit in enumerate(units)
            for node, _ in graph.consumers((unit.nodes[-1], 0))
        ]
        return cls(tuple(units), tuple(edges))


@lru_cache(maxsize=65536)
def conversion(type_: TensorType, lanes_from: int, lanes_to: int) -> tuple[float, ...]:
    """The cost of the converter between lanes, none where they are the same, in the order of KINDS."""
    if lanes_from == lanes_to:
        return (0.0,) * len(KINDS)
    return tuple(vector(Convert(type_, lanes_from, lanes_to).cost()))


def solve(
    problem: Problem, interval: int, limits: np.ndarray, *, any_fit: bool = False, overdraw: bool = False
) -> tuple[int, ...] | None:
    """The best folding of each unit (its index) for an interval that every unit can meet.

    limits: (len(KINDS),) what there is of each resource. any_fit: the first choice that fits will do. overdraw: more
    may be taken, but as little more as possible. Returns None where nothing was found that fits.
    """
    cp_model = _ortools()
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.linearization_level = 2  # nearly all of it is linear, and its relaxation tight
    # Presolving the latency gives a model, and so a result, that differs from run to run (seen with OR-tools 9.7).
    solver.parameters.cp_model_presolve = False
    solver.parameters.max_deterministic_time = WORK
    solver.parameters.relative_gap_limit = GAP
    solver.parameters.stop_after_first_solution = any_fit

    program = _Program(cp_model.CpModel(), problem, interval, limits)
    program.convert()
    program.limit(overdraw)
    if not any_fit:
        program.price_fullest()
        program.minimize_cost()
    if solver.Solve(program.model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    cheapest = program.picked(solver)
    if any_fit or overdraw:
        return cheapest
    program.start_from(cheapest)
    program.minimize_latency(math.ceil(solver.ObjectiveValue()))
    solved = solver.Solve(program.model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return program.picked(solver) if solved else cheapest


class _Program:
    """The integer program while it is built. choices: for each unit (index of a folding, whether it is taken)."""

    def __init__(self, model, problem: Problem, interval: int, limits: np.ndarray):
        self.model, self.problem, self.interval = model, problem, interval
        self.limits = np.maximum(limits, SCARCE)
        self.used: list[list[tuple]] = [[] for _ in KINDS]  # (variable, how much)
        self.objective: list[tuple] = []  # (variable, weight)
        self.choices = []
        for unit in problem.units:
            options = [(index, model.NewBoolVar("")) for index in np.flatnonzero(unit.intervals <= interval).tolist()]
            model.AddExactlyOne([chosen for _, chosen in options])
            for index, chosen in options:
                self._charge(chosen, unit.costs[index])
            self.choices.append(options)

    def _charge(self, variable, cost) -> None:
        for kind, amount in enumerate(cost):
            if amount > 0:
                self.used[kind].append((variable, math.ceil(amount * FINE - 1e-6)))
        self.objective.append((variable, math.ceil(float((cost / self.limits).sum()) * WHOLE)))

    def _by_lanes(self, unit: int, side: int) -> dict[int, list]:
        """Lanes of the inputs (side 0) or the output (side 1) -> the choices that have them."""
        groups: dict[int, list] = {}
        for index, chosen in self.choices[unit]:
            groups.setdefault(int(self.problem.units[unit].lanes[index, side]), []).append(chosen)
        return groups

    def convert(self) -> None:
        """Charges a converter wherever a value's producer and its consumer have different lanes."""
        for edge in self.problem.edges:
            given, wanted = self._by_lanes(edge.producer, 1), self._by_lanes(edge.consumer, 0)
            pairs = {(a, b): self.model.NewBoolVar("") for a in given for b in wanted}
            for a, chosen in given.items():
                self.model.Add(sum(pairs[a, b] for b in wanted) == sum(chosen))
            for b, chosen in wanted.items():
                self.model.Add(sum(pairs[a, b] for a in given) == sum(chosen))
            for pair, both in pairs.items():
                self._charge(both, np.array(conversion(edge.type, *pair)))

    def limit(self, overdraw: bool) -> None:
        """No more than there is of each resource, or (overdraw) at a high price."""
        for terms, limit in zip(self.used, self.limits):
            if not terms:
                continue
            there, total = math.floor(limit * FINE + 1e-6), _sum(terms)
            if overdraw:
                over = self.model.NewIntVar(0, 10**9, "")
                self.model.Add(total <= there + over)
                self.objective.append((over, math.ceil(OVERDRAWN * WHOLE / (limit * FINE))))
            else:
                self.model.Add(total <= there)

    def price_fullest(self) -> None:
        """The greatest share once more."""
        fullest = self.model.NewIntVar(0, 10**12, "")
        for terms, limit in zip(self.used, self.limits):
            if terms:
                part = limit * FINE / WHOLE
                self.model.Add(_sum((variable, math.ceil(amount / part)) for variable, amount in terms) <= fullest)
        self.objective.append((fullest, 1))

    def minimize_cost(self) -> None:
        self.model.Minimize(_sum(self.objective))

    def start_from(self, picked: tuple[int, ...]) -> None:
        for options, taken in zip(self.choices, picked):
            for index, chosen in options:
                self.model.AddHint(chosen, index == taken)

    def minimize_latency(self, least: int) -> None:
        """The latency beside the cost, which may rise by SPENT above `least`."""
        units, edges = self.problem.units, self.problem.edges
        self.model.Add(_sum(self.objective) <= math.floor(least * (1 + SPENT)))
        starts, ends = [], []
        last = self.model.NewIntVar(0, LONGEST, "")
        for k, unit in enumerate(units):
            start, end = self.model.NewIntVar(0, LONGEST, ""), self.model.NewIntVar(0, LONGEST, "")
            ticks = [(unit.intervals[index] * TICKS / self.interval, chosen) for index, chosen in self.choices[k]]
            producers = sorted({edge.producer for edge in edges if edge.consumer == k})
            for producer in producers:
                for number, (need, rest) in enumerate(unit.demands):
                    part = round(need * PARTS)
                    there = (PARTS - part) * starts[producer] + part * ends[producer]
                    if number == 0:
                        self.model.Add(PARTS * start >= there)
                    self.model.Add(PARTS * end >= there + _sum((c, math.ceil(t * rest * PARTS)) for t, c in ticks))
            if not producers:
                self.model.Add(end == TICKS)
            if not any(edge.producer == k for edge in edges):
                self.model.Add(last >= end)
            starts.append(start)
            ends.append(end)
        self.model.Minimize(_sum([*((variable, weight * TICKS) for variable, weight in self.objective), (last, least)]))

    def picked(self, solver) -> tuple[int, ...]:
        """The index of each unit's folding in what the solver found."""
        return tuple(
            next(index for index, chosen in options if solver.BooleanValue(chosen)) for options in self.choices
        )


def _sum(terms: Iterable[tuple]):
    """Σ variable · weight."""
    variables, weights = zip(*terms)
    return _ortools().LinearExpr.WeightedSum(variables, weights)


@cache
def _ortools():
    """CP-SAT's Python module, loaded when it is first needed, as that takes a while.

    Its library prefers its own symbols: it shares the names of Abseil's with TensorFlow's, of which those would be taken that
    came first where something has made them global (pyosys makes Python load libraries so), and then it may never return.
    """
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        from ortools.sat.python import cp_model
    finally:
        sys.setdlopenflags(flags)
    return cp_model
