"""Sums of numbers with ± signs that change every cycle, at one LUT a bit and without a single negation.

A sum s_a·A + s_b·B is s_a·(A ± B): the sign of A is pulled out of the sum and handed to the next level, so that each adder has one
plain operand and one that is inverted where the two signs differ. That is what a 7-series LUT and its carry chain hold in one LUT
a bit. The inversion is a one's complement, M - B instead of -B with M = 2^width - 1: what is missing depends on the signs alone,
never on the data, so it is counted here, at compile time, and ends up in the bias. Operands stay unsigned and narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value

from hwgen.layers.block import Resources


@dataclass(frozen=True)
class Operand:
    """A number in the tree: sign · 2^exponent · (raw + offset), where raw, in lo..hi, is what the hardware carries.

    sign: +1 or -1, or 0 where it comes with the data, cycle by cycle. Only unsigned operands (lo >= 0) can have a sign but +1.
    gated: the operand is a LUT's output, not a register's: it costs one LUT a bit more where it is an adder's plain operand.
    """

    lo: int
    hi: int
    exponent: int = 0
    sign: int = 1
    gated: bool = False

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def width(self) -> int:
        if self.signed:
            return max(self.hi.bit_length(), (~self.lo).bit_length()) + 1
        return max(self.hi.bit_length(), 1)

    @property
    def mask(self) -> int:
        return (1 << self.width) - 1

    @property
    def shape(self) -> Shape:
        return Shape(self.width, signed=self.signed)


@dataclass(frozen=True)
class Step:
    """A register of a level: operand a of the level before plus, where there is one, ±b. slot: index of the bit that inverts b."""

    a: int
    b: int | None
    out: Operand
    slot: int | None = None
    invert: bool = False  # b's sign differs from a's, always


def _add(a: Operand, b: Operand) -> tuple[Operand, bool, bool]:
    """The sum of two, and whether b is inverted always, or by a bit. a has the lesser exponent."""
    variable = a.sign == 0 or b.sign == 0
    invert = not variable and a.sign != b.sign
    if (a.signed or b.signed) and (variable or invert or a.exponent != b.exponent):
        raise ValueError("a signed operand can only be added, to one of the same exponent")
    lo, hi = (0, b.mask) if variable or invert else (b.lo, b.hi)
    up = b.exponent - a.exponent
    return Operand(a.lo + (lo << up), a.hi + (hi << up), a.exponent, a.sign), invert, variable


class Tree:
    """The plan of a balanced tree of registered two-input adders over `leaves`; made by `plan`, which caches it.

    levels: steps, level by level. root: the last operand. slots: for each sign bit the level whose adder needs it (its delay
    in cycles after the leaves). The root's own sign is left to whoever takes the root.
    """

    def __init__(self, leaves: tuple[Operand, ...]):
        self.leaves = leaves
        self.levels: list[list[Step]] = []
        self.slots: list[int] = []
        # Neighbours of like exponent and width waste the fewest adder bits.
        self.order = sorted(range(len(leaves)), key=lambda k: (leaves[k].exponent, leaves[k].width))
        level = [leaves[k] for k in self.order]
        while len(level) > 1:
            steps = []
            for k in range(0, len(level) - 1, 2):
                a, b = (k, k + 1) if level[k].exponent <= level[k + 1].exponent else (k + 1, k)
                out, invert, variable = _add(level[a], level[b])
                if variable:
                    self.slots.append(len(self.levels))
                steps.append(Step(a, b, out, len(self.slots) - 1 if variable else None, invert))
            if len(level) % 2:
                last = level[-1]
                steps.append(Step(len(level) - 1, None, Operand(last.lo, last.hi, last.exponent, last.sign)))
            self.levels.append(steps)
            level = [step.out for step in steps]
        self.root = level[0]

    @property
    def depth(self) -> int:
        """Cycles from the leaves to the root."""
        return len(self.levels)

    def encode(self, signs: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sign bits for the slots, and what the root then means.

        signs (±1), offsets: (..., leaves). Returns bits (..., slots) bool; sign (±1) and offset (...) of the root, so that the
        sum of the leaves is sign · 2^root.exponent · (root + offset).
        """
        bits = np.zeros((*signs.shape[:-1], len(self.slots)), dtype=bool)
        before = list(self.leaves[k] for k in self.order)
        sign = [signs[..., k] for k in self.order]
        offset = [offsets[..., k] for k in self.order]
        for steps in self.levels:
            signs_out, offsets_out = [], []
            for step in steps:
                total = offset[step.a]
                if step.b is not None:
                    b, differ = before[step.b], sign[step.a] != sign[step.b]
                    up = b.exponent - before[step.a].exponent
                    total = total + (np.where(differ, -offset[step.b] - b.mask, offset[step.b]) << up)
                    if step.slot is not None:
                        bits[..., step.slot] = differ
                signs_out.append(sign[step.a])
                offsets_out.append(total)
            before, sign, offset = [s.out for s in steps], signs_out, offsets_out
        return bits, sign[0], offset[0]

    def build(self, m: Module, leaves: list[Value], bits: list) -> Value:
        """The registers. leaves: one value each; bits: one a slot, arriving with its delay. The root comes `depth` cycles later."""
        level, before = [leaves[k] for k in self.order], [self.leaves[k] for k in self.order]
        for steps in self.levels:
            after = []
            for step in steps:
                register = Signal(step.out.shape, reset_less=True)
                total = level[step.a]
                if step.b is not None:
                    b = inverted(level[step.b], before[step.b], step.invert if step.slot is None else bits[step.slot])
                    total = shifted_sum(total, b, before[step.b].exponent - before[step.a].exponent)
                m.d.sync += register.eq(total)
                after.append(register)
            level, before = after, [step.out for step in steps]
        return level[0]

    @cached_property
    def cost(self) -> Resources:
        lut = ff = carry = 0
        before = [self.leaves[k] for k in self.order]
        for steps in self.levels:
            for step in steps:
                a, ff = before[step.a], ff + step.out.width
                if step.b is None:
                    lut += a.width if a.gated else 0
                    continue
                b = before[step.b]
                up = b.exponent - a.exponent
                overlap = max(a.width - up, 0)
                if overlap:
                    bits = max(overlap, b.width) + (a.signed or b.signed)
                    plain = b if up == 0 and a.gated and not b.gated else a
                    lut += bits + (plain.width if plain.gated else 0)
                    carry += math.ceil((step.out.width - up) / 4)
                else:
                    lut += (a.width if a.gated else 0) + (b.width if b.gated or step.slot is not None else 0)
            before = [step.out for step in steps]
        return Resources(lut=lut, ff=ff, carry4=carry)


@lru_cache(maxsize=4096)
def plan(leaves: tuple[Operand, ...]) -> Tree:
    return Tree(leaves)


def inverted(value: Value, operand: Operand, invert) -> Value:
    """The operand's bits, inverted where `invert` (a constant or a bit) says so."""
    if invert is False or invert is True:
        return ~value[: operand.width] if invert else value
    return value[: operand.width] ^ invert.replicate(operand.width)


def shifted_sum(a: Value, b: Value, up: int) -> Value:
    """a + (b << up), the low bits of a led past the adder. Unsigned, unless up is 0."""
    if up == 0:
        return a + b
    if len(a) <= up:
        return Cat(a, Const(0, up - len(a)), b)
    return Cat(a[:up], a[up:] + b)
