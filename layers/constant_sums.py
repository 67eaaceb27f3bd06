"""Weights that never change, in a neuron block that is not folded at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import C

from hwgen.layers.arithmetic import Arithmetic, registered
from hwgen.layers.block import Resources
from hwgen.layers.ternary_tree import Term, tree


@dataclass(frozen=True)
class Constants(Arithmetic):
    """Weights that never change: shift and add by canonical signed digits, a tree for each neuron.

    most: digits of the neuron that has most; all: of all neurons together.
    """

    most: int = 1
    all: int = 1
    stages = 0

    @property
    def runs(self):
        return ((Term(0, self.mask), max(self.most, 1)),)

    @property
    def delays(self):
        return ()

    def encode(self, weights):
        constants = np.zeros(weights.shape[:2], dtype=np.int64)
        for word, lane in np.ndindex(weights.shape[:2]):
            for weight in weights[word, lane].tolist():
                for exponent, sign in signed_digits(weight):
                    constants[word, lane] -= (sign * self.offset + (self.mask if sign < 0 else 0)) << exponent
        return np.zeros((*weights.shape[:2], 0), dtype=bool), constants

    def build(self, shared, x, bits, words):
        sums = []
        for lane in words[0]:
            terms, values = [], []
            for k, weight in enumerate(lane.tolist()):
                for exponent, sign in signed_digits(weight):
                    terms.append(Term(exponent, self.mask))
                    values.append(x[k] if sign > 0 else (~x[k])[: self.x_width])
            terms, values = terms or [Term(0, 0)], values or [C(0, 1)]
            graph = tree(tuple((term, 1) for term in terms))
            roots = graph.build(shared.cells, values)
            for _ in range(self.tree.depth - graph.depth):
                roots = [registered(shared.m, root) for root in roots]
            sums.append([(value, term.exponent) for value, term in zip(roots, graph.roots)])
        return sums

    def leaves(self, shared, x, bits, words):
        raise NotImplementedError("each neuron has its own digits")

    def leaf_cost(self, lanes):
        return Resources()

    def cost(self, lanes):
        adders, width = max(self.all - lanes, 0) / 2, self.x_width
        return Resources(lut=adders * (width + 1), ff=adders * (width + 2), carry4=adders * math.ceil((width + 3) / 4))


def signed_digits(value: int) -> list[tuple[int, int]]:
    """The canonical signed digits of an integer: (exponent, ±1), no two neighbours, as few as can be."""
    digits, exponent = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((exponent, digit))
            value -= digit
        value, exponent = value >> 1, exponent + 1
    return digits
