"""Distributed arithmetic, a few bits of the inputs a cycle: which inputs share a table, and what that takes.

All neurons work at once, on one bit (or a few) of every input; a position takes as many cycles as that leaves steps. A LUT6
takes the same bit of six inputs and holds one bit of Σ w·bit: weights cost nothing but the tables' contents, and inputs of
weight 0 don't take part (Peled and Liu, "A new hardware realization of digital filters", 1974; White, "Applications of
distributed arithmetic to digital signal processing", 1989).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.layers import queue, rom
from hwgen.layers.block import Resources
from hwgen.layers.byid import ById
from hwgen.layers.credit import credits_needed
from hwgen.layers.elastic import counter_cost, up_down_cost
from hwgen.layers.ternary_tree import Term, Tree, tree
from hwgen.layers.window_memory import mux_luts

INPUTS = 6  # of a table
MOST_WEIGHTS = 1 << 14  # of a layer; larger ones are never worth it, all neurons working at once
FIFO_LATENCY = 2  # from CreditedOutput's push to its stream's valid, in cycles
SWAPS = 400  # tried for each neuron


@dataclass(frozen=True)
class Table:
    """Σ w·bit over up to six inputs, as (Σ - least) >> twos, which is in 0..span."""

    inputs: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def least(self) -> int:
        return sum(w for w in self.weights if w < 0)

    @property
    def twos(self) -> int:
        every = math.gcd(*self.weights)
        return (every & -every).bit_length() - 1

    @property
    def term(self) -> Term:
        return Term(self.twos, sum(map(abs, self.weights)) >> self.twos)

    @property
    def luts(self) -> int:
        """A single input is a matter of wires, or of one inverter."""
        return self.term.width if len(self.inputs) > 1 else int(self.weights[0] < 0)

    def values(self) -> np.ndarray:
        """(2^inputs,) for each pattern of the inputs' bits."""
        patterns = rom.bits_of(np.arange(1 << len(self.inputs)), len(self.inputs))
        return (patterns @ np.array(self.weights, dtype=np.int64) - self.least) >> self.twos


def grouped(weights: np.ndarray, rng: np.random.Generator) -> tuple[Table, ...]:
    """A neuron's inputs of weights other than 0, six to a table, so that the tables are narrow.

    Even weights together save their lowest bit, small ones together the highest. Found by swapping at random.
    """
    nonzero = np.flatnonzero(weights)
    # Sorted by the twos in them and their size: alike ones lie together.
    order = nonzero[np.lexsort((np.abs(weights[nonzero]), weights[nonzero] & -weights[nonzero]))].tolist()
    groups = [order[k : k + INPUTS] for k in range(0, len(order), INPUTS)]
    values = weights.tolist()

    def width(group: list[int]) -> int:
        if len(group) < 2:
            return 0
        every, size = 0, 0
        for k in group:
            every |= abs(values[k])
            size += abs(values[k])
        return (size // (every & -every)).bit_length()

    widths = [width(group) for group in groups]
    if len(groups) > 1:
        picks = rng.integers(0, len(groups), (SWAPS, 2)), rng.integers(0, INPUTS, (SWAPS, 2))
        for (a, b), (i, j) in zip(*(pick.tolist() for pick in picks)):
            if a == b:
                continue
            one, two = groups[a].copy(), groups[b].copy()
            i, j = i % len(one), j % len(two)
            one[i], two[j] = two[j], one[i]
            found = width(one), width(two)
            if sum(found) <= widths[a] + widths[b]:
                groups[a], groups[b], widths[a], widths[b] = one, two, *found
    return tuple(Table(tuple(group), tuple(values[k] for k in group)) for group in groups)


@lru_cache(maxsize=256)
def tables(weights: ById) -> tuple[tuple[Table, ...], ...]:
    """For each neuron its tables. weights: (..., neurons), all axes but the last in the order of the inputs."""
    matrix = weights.array.reshape(-1, weights.array.shape[-1])
    rng = np.random.default_rng(0)
    return tuple(grouped(column, rng) for column in matrix.T)


@dataclass(frozen=True)
class SerialPlan:
    """How a neuron block does it. tables: of each neuron. turns: steps a position, each of `digits` bits of the inputs.

    inputs: values of a position, of x_width bits each; flipped: whether their sign bits are inverted first. lanes:
    results a beat, `turns` beats a position. width: bits of a result. sum_width: of the sums, before their left shift.
    """

    tables: tuple[tuple[Table, ...], ...]
    inputs: int
    x_width: int
    flipped: bool
    turns: int
    lanes: int
    width: int
    sum_width: int

    style = "logic"
    name = "SerialTables"

    @property
    def digits(self) -> int:
        return self.x_width // self.turns

    def terms(self, neuron: int) -> list[Term]:
        """The leaves of a neuron's adder tree: a table for each digit."""
        leaves = [table.term for table in self.tables[neuron]] or [Term(0, 0)]
        return [Term(term.exponent + j, term.hi) for j in range(self.digits) for term in leaves]

    def tree(self, neuron: int) -> Tree:
        return tree(tuple((term, 1) for term in self.terms(neuron)))

    @property
    def depth(self) -> int:
        """Levels of the deepest neuron's tree; the others wait."""
        return max(self.tree(n).depth for n in range(len(self.tables)))

    @property
    def push_latency(self) -> int:
        """From a position's first step to the push of its first result: bits, tables, tree, sum, result; all steps."""
        return 1 + 1 + self.depth + 1 + 1 + self.turns - 1

    @property
    def latency(self) -> int:
        """The same to the output stream."""
        return self.push_latency + FIFO_LATENCY

    @property
    def fifo_depth(self) -> int:
        return credits_needed(self.push_latency)

    def cost(self) -> Resources:
        return _cost(self)


@lru_cache(maxsize=4096)
def _cost(plan: SerialPlan) -> Resources:
    depth, total = plan.depth, Resources()
    for n, own in enumerate(plan.tables):
        graph = plan.tree(n)
        waiting = (depth - graph.depth) * sum(root.width for root in graph.roots)
        luts = sum(table.luts for table in own) * plan.digits
        leaves = sum(table.term.width for table in own) * plan.digits
        total += graph.cost + Resources(lut=luts, ff=leaves + waiting)
    # Of each neuron the sum, twice, and the bits that have dropped out of it.
    width, dropped = plan.sum_width, plan.digits * (plan.turns - 1)
    one = Resources(lut=width, ff=2 * width + dropped, carry4=math.ceil((width + 1) / 4))
    total += one * len(plan.tables)
    # Of each lane the choice among the turns' neurons; of each input the choice of its bits, and their delays.
    mux = mux_luts(plan.turns)
    total += Resources(lut=plan.width * mux, ff=plan.width) * plan.lanes
    total += Resources(lut=plan.digits * mux, ff=plan.digits * plan.turns) * plan.inputs
    bits, room = plan.lanes * plan.width, plan.fifo_depth
    total += queue.cost(bits, room, queue.cheaper(bits, room)) + up_down_cost((room + 1).bit_length())
    return total + counter_cost(plan.turns) * 2 + Resources(lut=6, ff=plan.push_latency + 2)
