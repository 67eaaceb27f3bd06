"""Trees of ternary adders: sums of many unsigned numbers, three at a time, a register behind every adder.

An adder of three numbers takes a LUT a bit, as much as one of two (`hwgen.layers.cells`), so a tree of n numbers is made of
half as many adders. It stops at two roots: whoever adds them to a third number does the last step for nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from amaranth.hdl import Cat, Const, Signal, Value

from hwgen.layers.beatwise import delay_cost
from hwgen.layers.block import Resources
from hwgen.layers.cells import Cells, add3_cost


@dataclass(frozen=True, order=True)
class Term:
    """An unsigned number of the sum: raw · 2^exponent, raw in 0..hi. Neighbours in this order waste the fewest bits."""

    exponent: int
    hi: int

    @property
    def width(self) -> int:
        return max(self.hi.bit_length(), 1)


@dataclass(frozen=True)
class Step:
    """A register of a level: the sum of one, two or three terms of the level before, by their numbers."""

    out: Term
    of: tuple[int, ...]

    def cost(self, before: list[Term]) -> Resources:
        """Of an adder and its register."""
        terms = [before[k] for k in self.of]
        ff = Resources(ff=self.out.width)
        low, shifted = overlap(terms)
        widths = sorted(term.width + term.exponent - low for term in shifted)
        if len(widths) == 1:
            return ff
        if len(widths) == 2:
            return ff + Resources(lut=widths[0], carry4=math.ceil(widths[1] / 4))
        return ff + add3_cost(widths[-1])


def overlap(terms: list[Term]) -> tuple[int, list[Term]]:
    """(exponent from which on there is something to add, the terms that reach up to there), terms by exponent."""
    low = terms[1].exponent
    reaching = [term for term in terms if term.exponent + term.width > low]
    return low, reaching


class Tree:
    """levels: steps, level by level; roots: one or two terms. leaves: any order; they are taken sorted."""

    def __init__(self, leaves: tuple[Term, ...]):
        self.order = sorted(range(len(leaves)), key=lambda k: leaves[k])
        self.leaves = level = [leaves[k] for k in self.order]
        self.levels: list[list[Step]] = []
        while len(level) > 2:
            # Three become one, so parity stays: of an odd number two are added here, where they are narrowest.
            pair = len(level) % 2 and not self.levels
            steps, start = [], 0
            if pair:
                steps.append(_step(level, (0, 1)))
                start = 2
            whole = start + (len(level) - start) // 3 * 3
            steps += [_step(level, (k, k + 1, k + 2)) for k in range(start, whole, 3)]
            steps += [_step(level, (k,)) for k in range(whole, len(level))]
            steps.sort(key=lambda step: step.out)
            self.levels.append(steps)
            level = [step.out for step in steps]
        self.roots = tuple(level)

    @property
    def depth(self) -> int:
        """Cycles from the leaves to the roots."""
        return len(self.levels)

    @property
    def cost(self) -> Resources:
        total, before = Resources(), self.leaves
        held = [1] * len(
            before
        )  # registers that each value stands in, one behind the other, the leaf's or adder's own first
        for steps in self.levels:
            after = []
            for step in steps:
                after.append(held[step.of[0]] + 1 if len(step.of) == 1 else 1)
                if len(step.of) > 1:
                    total += step.cost(before)
                    total += sum((_waiting(before[k], held[k]) for k in step.of), Resources())
            before, held = [step.out for step in steps], after
        return total + sum((_waiting(term, count) for term, count in zip(before, held)), Resources())

    def build(self, cells: Cells, leaves: list[Value]) -> list[Value]:
        """The registers; leaves: a value each. Returns the roots' raw values, `depth` cycles later."""
        values, before = [leaves[k] for k in self.order], self.leaves
        for steps in self.levels:
            after = []
            for step in steps:
                register = Signal(step.out.width, reset_less=True)
                total = _sum(cells, [(before[k], values[k]) for k in step.of], step.out.width)
                cells.m.d.sync += register.eq(total)
                after.append(register)
            values, before = after, [step.out for step in steps]
        return values


def _waiting(term: Term, registers: int) -> Resources:
    """What so many registers take beyond the first: many are a shift register, and the first one with them."""
    return delay_cost(term.width, registers) + Resources(ff=-term.width)


def _step(level: list[Term], of: tuple[int, ...]) -> Step:
    terms = [level[k] for k in of]
    low = terms[0].exponent
    return Step(Term(low, sum(term.hi << term.exponent - low for term in terms)), of)


def _sum(cells: Cells, terms: list[tuple[Term, Value]], bits: int) -> Value:
    """Of one to three terms, by exponent; raw on the first's exponent."""
    first, value = terms[0]
    if len(terms) == 1:
        return value
    base = terms[1][0].exponent - first.exponent
    head = Cat(value[:base], Const(0, max(base - len(value), 0)))
    rest = [value[base:]] if len(value) > base else []
    rest += [Cat(Const(0, term.exponent - first.exponent - base), v) for term, v in terms[1:]]
    if len(rest) == 3:
        total = cells.add3(*rest, bits - base)
    else:
        total = sum(rest[1:], start=rest[0])[: bits - base]
    return Cat(head, total)


@lru_cache(maxsize=16384)
def tree(runs: tuple[tuple[Term, int], ...]) -> Tree:
    """The tree over runs of (leaf, how many of it)."""
    return Tree(tuple(term for term, count in runs for _ in range(count)))


@lru_cache(maxsize=16384)
def tree_cost(runs: tuple[tuple[Term, int], ...]) -> Resources:
    return tree(runs).cost
