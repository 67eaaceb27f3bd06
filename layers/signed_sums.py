"""Multiplying without multipliers: weights as signs, gates, shifts; all that is left is to add.

The first adders take their inputs with signs or gates: a LUT that adds two bits has two inputs left for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, C, Cat, Signal

from hwgen.layers.arithmetic import Lanewise, pairs, registered
from hwgen.layers.block import Resources
from hwgen.layers.cells import add2_cost, gate_cost
from hwgen.layers.rom import bits_of
from hwgen.layers.ternary_tree import Term


def signed_leaves(shared, x: list, negative: list) -> list:
    """Registers of Σ (x ^ negative) over pairs of inputs, and of the input that is left over."""
    whole, rest = pairs(len(x))
    sums = [shared.cells.add_signed(x[2 * k], x[2 * k + 1], negative[2 * k], negative[2 * k + 1]) for k in range(whole)]
    if rest:
        sums.append(shared.cells.gate(x[-1], C(1, 1), negative[-1]))
    return [registered(shared.m, value) for value in sums]


def signed_runs(mask: int, taps: int, exponent: int = 0) -> tuple[tuple[Term, int], ...]:
    """What `signed_leaves` makes of inputs of up to `mask`."""
    whole, rest = pairs(taps)
    return (Term(exponent, 2 * mask), whole), (Term(exponent, mask), rest)


def signed_cost(width: int, taps: int) -> Resources:
    whole, rest = pairs(taps)
    one = add2_cost(width) + Resources(ff=width + 1)
    return one * whole + (gate_cost(width) + Resources(ff=width)) * rest


@dataclass(frozen=True)
class Signs(Lanewise):
    """Weights as digits ±1, one plane of x a digit: binary weights, and odd ones.

    An odd w in ±(2^count - 1) is Σ 2^j·d_j with d_j = ±1.
    """

    count: int = 1

    @property
    def runs(self):
        return tuple(run for j in range(self.count) for run in signed_runs(self.mask, self.taps, j))

    @property
    def delays(self):
        return (0,) * (self.taps * self.count)

    def encode(self, weights):
        plus = bits_of((weights + (1 << self.count) - 1) >> 1, self.count)  # (words, lanes, taps, count)
        minus = ~np.moveaxis(plus, -1, -2).reshape(*weights.shape[:-1], -1)
        scale = np.repeat(1 << np.arange(self.count), self.taps)
        each = np.where(minus, self.offset - self.mask, -self.offset) * scale
        return minus, each.sum(axis=-1)

    def lane_leaves(self, shared, x, bits, words):
        planes = [bits[j * self.taps : (j + 1) * self.taps] for j in range(self.count)]
        return [leaf for plane in planes for leaf in signed_leaves(shared, x, plane)]

    def leaf_cost(self, lanes):
        return signed_cost(self.x_width, self.taps) * (self.count * lanes)


@dataclass(frozen=True)
class Gates(Lanewise):
    """Weights -1, 0, 1: a gate and a sign."""

    @property
    def runs(self):
        return ((Term(0, self.mask), self.taps),)

    @property
    def delays(self):
        return (0,) * (2 * self.taps)

    def encode(self, weights):
        gates, minus = weights != 0, weights < 0
        each = np.where(minus, self.offset - self.mask, np.where(gates, -self.offset, 0))
        return np.concatenate([gates, minus], axis=-1), each.sum(axis=-1)

    def lane_leaves(self, shared, x, bits, words):
        gates, signs = bits[: self.taps], bits[self.taps :]
        return [registered(shared.m, shared.cells.gate(*inputs)) for inputs in zip(x, gates, signs)]

    def leaf_cost(self, lanes):
        return (gate_cost(self.x_width) + Resources(ff=self.x_width)) * (self.taps * lanes)


@dataclass(frozen=True)
class BitPlanes(Lanewise):
    """Weights in two's complement: a plane of gated x for each bit. The sign's plane is subtracted, as a complement."""

    count: int = 1
    negative: bool = True  # whether there is a sign bit, the last of `count`

    def _inverts(self, j: int) -> bool:
        return self.negative and j == self.count - 1

    @property
    def runs(self):
        whole, rest = pairs(self.taps)
        found = []
        for j in range(self.count):
            most = self.mask if self._inverts(j) else self.x_hi + self.offset
            found += [(Term(j, 2 * most), whole), (Term(j, most), rest)]
        return tuple(found)

    @property
    def delays(self):
        return (0,) * (self.taps * self.count)

    def encode(self, weights):
        gates = np.moveaxis(bits_of(weights, self.count), -1, -2).reshape(*weights.shape[:-1], -1)
        constant = -self.offset * weights.sum(axis=-1)
        if self.negative:
            constant = constant - self.taps * (self.mask << self.count - 1)
        return gates, constant

    def lane_leaves(self, shared, x, bits, words):
        cells, found = shared.cells, []
        whole, rest = pairs(self.taps)
        for j in range(self.count):
            gates, inverts = bits[j * self.taps : (j + 1) * self.taps], self._inverts(j)
            for k in range(0, 2 * whole, 2):
                found.append(registered(shared.m, cells.add_gated(x[k], x[k + 1], gates[k], gates[k + 1], inverts)))
            if rest:
                found.append(registered(shared.m, cells.gate(x[-1], gates[-1], C(int(inverts), 1))))
        return found

    def leaf_cost(self, lanes):
        whole, rest = pairs(self.taps)
        one = add2_cost(self.x_width) + Resources(ff=self.x_width + 1)
        return (one * whole + (gate_cost(self.x_width) + Resources(ff=self.x_width)) * rest) * (self.count * lanes)


@dataclass(frozen=True)
class Shifts(Lanewise):
    """Weights ±2^k or 0: a multiplexer of shifted inputs, registered, then signs. exponents: every k that occurs."""

    exponents: tuple[int, ...] = (0,)
    zero: bool = False

    stages = 2

    @property
    def _width(self) -> int:
        """Bits of a shifted input."""
        return self.x_width + self.exponents[-1]

    @property
    def runs(self):
        return signed_runs((1 << self._width) - 1, self.taps)

    @property
    def select_bits(self) -> int:
        return (len(self.exponents) + self.zero - 1).bit_length()

    @property
    def delays(self):
        return (0,) * (self.taps * self.select_bits) + (1,) * self.taps

    def encode(self, weights):
        sizes, minus = np.abs(weights), weights < 0
        choice = np.searchsorted(1 << np.array(self.exponents), sizes)
        choice = np.where(sizes == 0, len(self.exponents), choice)
        select = bits_of(choice, self.select_bits).reshape(*weights.shape[:-1], -1)
        each = np.where(minus, self.offset * sizes - ((1 << self._width) - 1), -self.offset * sizes)
        return np.concatenate([select, minus], axis=-1), each.sum(axis=-1)

    def lane_leaves(self, shared, x, bits, words):
        shifted = []
        for k, value in enumerate(x):
            choices = [value << e for e in self.exponents] + [C(0, 1)] * self.zero
            select = bits[k * self.select_bits : (k + 1) * self.select_bits]
            register = Signal(self._width, reset_less=True)
            shared.m.d.sync += register.eq(Array(choices)[Cat(*select)] if select else choices[0])
            shifted.append(register)
        return signed_leaves(shared, shifted, bits[self.taps * self.select_bits :])

    def leaf_cost(self, lanes):
        # Each bit chooses among as many input bits as there are exponents, but at most among all of x.
        inputs = min(len(self.exponents), self.x_width) + self.select_bits
        per_bit = 0 if not self.select_bits else 1 if inputs <= 6 else math.ceil((inputs - 1) / 5)
        mux = Resources(lut=0.9 * per_bit * self._width, ff=self._width) * self.taps
        return (mux + signed_cost(self._width, self.taps)) * lanes
