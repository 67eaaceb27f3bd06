"""Multiplying without multipliers: weights as digits, gates, shifts; all that is left is to add, with signs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Array, C, Cat, Signal

from hwgen.layers.adder_tree import Operand, outline, plan
from hwgen.layers.arithmetic import Arithmetic, Sum, close, registered
from hwgen.layers.block import Resources
from hwgen.layers.rom import bits_of


@dataclass(frozen=True)
class SignDigits(Arithmetic):
    """Weights as digits ±1, one plane of x a digit: binary weights, and odd ones, at one LUT an adder bit.

    An odd w in ±(2^count - 1) is Σ 2^j·d_j with d_j = ±1. With even ones among them, 2·w + 1 is written so, and Σ x,
    which lanes share, is taken off again.
    """

    count: int = 1
    odd: bool = True

    @property
    def halve(self):
        return 0 if self.odd else 1

    @property
    def runs(self):
        return tuple((replace(self.x, exponent=j, sign=0), self.taps) for j in range(self.count))

    def digits(self, weights):
        odd = weights if self.odd else 2 * weights + 1
        bits = bits_of((odd + (1 << self.count) - 1) >> 1, self.count)  # (words, lanes, taps, count)
        signs = np.where(np.moveaxis(bits, -1, -2).reshape(*weights.shape[:-1], -1), 1, -1)
        return signs, np.full_like(signs, -self.offset), np.zeros((*weights.shape[:-1], 0), dtype=bool)

    def operands(self, m, x, bits, words):
        return x * self.count

    # Where not all weights are odd, one more adder joins the tree's root with the shared -Σ x.

    @property
    def total(self) -> tuple[tuple[Operand, int], ...]:
        return ((self.x, self.taps),)

    @property
    def join(self) -> tuple[tuple[Operand, int], ...]:
        return (replace(outline(self.total).root, sign=-1), 1), (replace(self.outline.root, sign=0), 1)

    @property
    def latency(self):
        return self.outline.depth + (0 if self.odd else 1)

    @property
    def bits(self):
        if self.odd:
            return super().bits
        late = self.outline.bits
        return sum(late) + 2, sum(level * count for level, count in enumerate(late)) + 2 * len(late) + 1

    @property
    def delays(self):
        if self.odd:
            return super().delays
        return tuple(self.tree.slots) + (self.tree.depth, self.latency)

    def encode(self, weights):
        if self.odd:
            return super().encode(weights)
        signs, offsets, _ = self.digits(weights)
        bits, sign, offset = self.tree.encode(signs, offsets)
        minus = np.full_like(sign, -1), np.full_like(offset, -self.offset * self.taps)
        join = plan(tuple(leaf for leaf, _ in self.join))
        slot, sign, offset = join.encode(np.stack([minus[0], sign], -1), np.stack([minus[1], offset], -1))
        return close(np.concatenate([bits, slot], axis=-1), sign, offset, join.root)

    def build(self, m, x, bits, words, shared):
        if self.odd:
            return super().build(m, x, bits, words, shared)
        key = tuple(id(value) for value in x)
        if key not in shared:
            tree = plan((self.x,) * self.taps)
            total = tree.build(m, x, [])
            for _ in range(self.tree.depth - tree.depth):
                total = registered(m, total)
            shared[key] = total
        root = self.tree.build(m, x * self.count, bits[:-2])
        join = plan(tuple(leaf for leaf, _ in self.join))
        return Sum(join.build(m, [shared[key], root], bits[-2:-1]), bits[-1], join.root.sign, join.root.exponent)

    def cost(self, lanes):
        cost = self.outline.cost * lanes
        if self.odd:
            return cost
        total = outline(self.total)
        waiting = Resources(ff=(self.outline.depth - total.depth) * total.root.width)
        return cost + total.cost + waiting + outline(self.join).cost * lanes


@dataclass(frozen=True)
class Ternary(Arithmetic):
    """Weights -1, 0, 1: a gate and a sign."""

    @property
    def runs(self):
        return ((Operand(0, self.x.hi, 0, 0, gated=True), self.taps),)

    @property
    def code_bits(self):
        return self.taps

    def digits(self, weights):
        gates = weights != 0
        return np.where(weights < 0, -1, 1), np.where(gates, -self.offset, 0), gates

    def operands(self, m, x, bits, words):
        return [value & bit.replicate(len(value)) for value, bit in zip(x, bits)]


@dataclass(frozen=True)
class BitPlanes(Arithmetic):
    """Weights in two's complement: a plane of gated x for each bit, the sign's plane subtracted.

    Shares nothing between lanes, and needs nothing to be shared.
    """

    count: int = 1
    negative: bool = True  # whether there is a sign bit, the last of `count`

    @property
    def signs(self) -> list[int]:
        return [1] * (self.count - self.negative) + [-1] * self.negative

    @property
    def runs(self):
        return tuple((Operand(0, self.x.hi, j, sign, gated=True), self.taps) for j, sign in enumerate(self.signs))

    @property
    def code_bits(self):
        return self.taps * self.count

    def digits(self, weights):
        gates = np.moveaxis(bits_of(weights, self.count), -1, -2).reshape(*weights.shape[:-1], -1)
        signs = np.repeat(self.signs, self.taps)
        return np.broadcast_to(signs, gates.shape), np.where(gates, -self.offset, 0), gates

    def operands(self, m, x, bits, words):
        return [value & bit.replicate(len(value)) for value, bit in zip(x * self.count, bits)]


@dataclass(frozen=True)
class Shifts(Arithmetic):
    """Weights ±2^k or 0: a multiplexer of shifted inputs, registered, then signs. exponents: every k that occurs."""

    exponents: tuple[int, ...] = (0,)
    zero: bool = False

    stages = 1

    @property
    def leaf(self) -> Operand:
        return Operand(0, self.x.hi << self.exponents[-1], 0, 0)

    @property
    def runs(self):
        return ((self.leaf, self.taps),)

    @property
    def select_bits(self) -> int:
        return (len(self.exponents) + self.zero - 1).bit_length()

    @property
    def code_bits(self):
        return self.taps * self.select_bits

    def digits(self, weights):
        sizes = np.abs(weights)
        choice = np.searchsorted(1 << np.array(self.exponents), sizes)
        choice = np.where(sizes == 0, len(self.exponents), choice)
        codes = bits_of(choice, self.select_bits).reshape(*weights.shape[:-1], -1)
        return np.where(weights < 0, -1, 1), -self.offset * sizes, codes

    def operands(self, m, x, bits, words):
        leaf, result = self.leaf, []
        for k, value in enumerate(x):
            choices = [value << e for e in self.exponents] + [C(0, 1)] * self.zero
            select = bits[k * self.select_bits : (k + 1) * self.select_bits]
            register = Signal(leaf.shape, reset_less=True)
            m.d.sync += register.eq(Array(choices)[Cat(*select)] if select else choices[0])
            result.append(register)
        return result

    def cost(self, lanes):
        width = self.leaf.width
        # Each bit chooses among as many input bits as there are exponents, but at most among all of x.
        inputs = min(len(self.exponents), self.x.width) + self.select_bits
        per_bit = 0 if not self.select_bits else 1 if inputs <= 6 else math.ceil((inputs - 1) / 5)
        return super().cost(lanes) + Resources(lut=0.9 * per_bit * width, ff=width) * (self.taps * lanes)
