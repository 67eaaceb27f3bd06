"""Weights that never change, in a neuron block that is not folded at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import C

from hwgen.layers.adder_tree import Operand, plan
from hwgen.layers.arithmetic import Arithmetic, Sum, close, registered
from hwgen.layers.block import Resources


@dataclass(frozen=True)
class Constants(Arithmetic):
    """Weights that never change: shift and add by canonical signed digits, a tree for each neuron.

    most: digits of the neuron that has most; all: of all neurons together.
    """

    most: int = 1
    all: int = 1

    @property
    def runs(self):
        return ((self.x, self.taps),)  # for the interface alone: each neuron has its own leaves

    @property
    def bits(self):
        return 1, self.latency

    @property
    def latency(self):
        return max(self.most - 1, 0).bit_length()

    @property
    def delays(self):
        return (self.latency,)

    def digits(self, weights):
        raise NotImplementedError("each neuron has its own digits")

    operands = digits

    def _terms(self, weights: np.ndarray) -> tuple[list[int], tuple[Operand, ...]]:
        x, source, leaves = self.x, [], []
        for k, weight in enumerate(weights.tolist()):
            for exponent, sign in signed_digits(weight):
                source.append(k)
                leaves.append(Operand(x.lo, x.hi, exponent, sign))
        return source, tuple(leaves)

    def encode(self, weights):
        positive, constants = [], []
        for lane in weights[0]:
            _, leaves = self._terms(lane)
            if not leaves:
                positive.append(False)
                constants.append(0)
                continue
            tree, signs = plan(leaves), np.array([leaf.sign for leaf in leaves])
            bits, constant = close(*tree.encode(signs, np.full_like(signs, -self.offset)), tree.root)
            positive.append(bits[-1])
            constants.append(int(constant))
        return np.array(positive)[None, :, None], np.array(constants, dtype=np.int64)[None]

    def build(self, m, x, bits, words, shared):
        source, leaves = self._terms(words[0])
        if not leaves:
            return Sum(C(0, 1), bits[-1], 1, 0)
        tree = plan(leaves)
        root = tree.build(m, [x[k] for k in source], [])
        for _ in range(self.latency - tree.depth):
            root = registered(m, root)
        return Sum(root, bits[-1], tree.root.sign, tree.root.exponent)

    def cost(self, lanes):
        # As many adders as digits, less one. Shifts leave an adder little more than the input's bits to add.
        adders, width = max(self.all - lanes, 0), self.x.width
        return Resources(
            lut=adders * (width - 0.5), ff=adders * (width + 2), carry4=adders * math.ceil((width + 3) / 4)
        )


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
