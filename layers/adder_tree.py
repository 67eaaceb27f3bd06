"""Sums of numbers with ± signs that change every cycle, at one LUT a bit and without a single negation.

A sum s_a·A + s_b·B is s_a·(A ± B): the sign of A is pulled out of the sum and handed to the next level, so that each
adder has one plain operand and one that is inverted where the two signs agree (it is a subtractor: A + B is A - ~B,
give or take a constant). That is what a 7-series LUT and its carry chain hold in one LUT a bit. What the one's
complement ~B = M - B leaves over depends on the signs alone, never on the data, so it is counted here, at compile time,
and ends up in the bias. Operands stay unsigned and narrow.

Why subtractors: of an adder's two operands Yosys takes either one as that which enters the carry chain beside the LUT,
and an inversion there costs another LUT a bit. Of a subtractor it is always the first. The lowest bit of a difference,
though, takes a LUT of its own there, but its complement doesn't: an operand whose complement is as good stores that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value

from hwgen.layers.block import Resources


@dataclass(frozen=True)
class Operand:
    """A number in the tree: sign · 2^exponent · (raw + offset), where raw, in lo..hi, is what the hardware carries.

    sign:  +1 or -1, or 0 where it comes with the data, cycle by cycle. Only unsigned operands can have a sign but +1.
    gated: a LUT's output, not a register's: it costs one LUT a bit more where it is an adder's plain operand.
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
    def shape(self) -> Shape:
        return Shape(self.width, signed=self.signed)


@dataclass(frozen=True)
class Step:
    """A register of a level: operand a of the level before plus, where there is one, ±b · 2^up.

    bits: width of the wider operand of the adder. sign: +1 to add, -1 to subtract, always; 0 where `slot` says it: the
    index of a bit that is 1 to add. flipped: whether bit `up` is stored inverted.
    """

    out: Operand
    a: int
    b: int | None = None
    up: int = 0
    bits: int = 0
    sign: int = 1
    slot: int | None = None
    flipped: bool = False


def _joined(a: Operand, b: Operand) -> tuple[Operand, int, int, int]:
    """The sum of two, a having the lesser exponent: (sum, up, bits, sign) of the step."""
    up, sign = b.exponent - a.exponent, a.sign * b.sign
    bits = max(a.width - up, b.width)
    if sign > 0:
        return Operand(a.lo + (b.lo << up), a.hi + (b.hi << up), a.exponent, a.sign), up, bits, sign
    if a.signed or b.signed:
        raise ValueError("signed operands can only be added")
    lo, hi = a.lo + ((1 << bits) - (1 << b.width) + 1 << up), a.hi + (1 << bits << up)
    return Operand(lo, hi, a.exponent, a.sign), up, bits, sign


class Tree:
    """A balanced tree of registered two-input adders over `leaves`; made by `plan`, which caches it.

    levels: steps, level by level. root: the last operand. slots: for each sign bit the level whose adder needs it (its
    delay in cycles after the leaves). The root's own sign is left to whoever takes the root.
    """

    def __init__(self, leaves: tuple[Operand, ...]):
        self.order = sorted(range(len(leaves)), key=lambda k: _order(leaves[k]))
        self.leaves = [leaves[k] for k in self.order]
        self.levels: list[list[Step]] = []
        self.slots: list[int] = []
        level = self.leaves
        while len(level) > 1:
            steps = []
            for k in range(0, len(level) - 1, 2):
                a, b = k, k + 1
                out, up, bits, sign = _joined(level[a], level[b])
                slot = None if sign else len(self.slots)
                if not sign:
                    self.slots.append(len(self.levels))
                if self.levels and sign <= 0:
                    producer = self.levels[-1][b]
                    self.levels[-1][b] = replace(producer, flipped=producer.b is not None and producer.sign <= 0)
                steps.append(Step(out, a, b, up, bits, sign, slot))
            if len(level) % 2:
                last = level[-1]
                steps.append(Step(replace(last, gated=False), len(level) - 1))
            self.levels.append(steps)
            level = [step.out for step in steps]
        self.root = level[0]

    @property
    def depth(self) -> int:
        """Cycles from the leaves to the root."""
        return len(self.levels)

    def encode(self, signs: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sign bits for the slots, and what the root then means.

        signs (±1), offsets: (..., leaves). Returns bits (..., slots) bool; sign (±1) and offset (...) of the root, so
        that the sum of the leaves is sign · 2^root.exponent · (root + offset).
        """
        bits = np.zeros((*signs.shape[:-1], len(self.slots)), dtype=bool)
        sign = [signs[..., k] for k in self.order]
        offset = [offsets[..., k] for k in self.order]
        before = self.leaves
        for steps in self.levels:
            signs_out, offsets_out = [], []
            for step in steps:
                total = offset[step.a]
                if step.b is not None:
                    b, same = offset[step.b], sign[step.a] == sign[step.b]
                    if step.sign <= 0:
                        mask = (1 << before[step.b].width) - 1
                        b = np.where(same, b + mask, -b) - (1 << step.bits)
                    if step.slot is not None:
                        bits[..., step.slot] = same
                    total = total + (b << step.up)
                signs_out.append(sign[step.a])
                offsets_out.append(total)
            before, sign, offset = [step.out for step in steps], signs_out, offsets_out
        return bits, sign[0], offset[0]

    def build(self, m: Module, leaves: list[Value], bits: list) -> Value:
        """The registers. leaves: a value each; bits: one a slot, in time for its level. Returns the root."""
        level, before = [leaves[k] for k in self.order], None
        for steps in self.levels:
            after = []
            for step in steps:
                total = level[step.a]
                if step.b is not None:
                    producer, positive = before and before[step.b], bits[step.slot] if step.slot is not None else 0
                    flipped = producer.up if producer and producer.flipped else None
                    b = level[step.b] if step.sign > 0 else inverted(level[step.b], positive, flipped)
                    total = _combined(total, b, step)
                register = Signal(step.out.shape, reset_less=True)
                m.d.sync += register.eq(total)
                after.append(register)
            level, before = after, steps
        return level[0]


@dataclass(frozen=True)
class Outline:
    """What a tree of many like leaves comes to, without making it. bits: sign bits wanted at each level; as in Tree."""

    root: Operand
    bits: tuple[int, ...]
    cost: Resources

    @property
    def depth(self) -> int:
        return len(self.bits)


@lru_cache(maxsize=16384)
def outline(runs: tuple[tuple[Operand, int], ...]) -> Outline:
    """The outline of the tree over runs of (leaf, how many of it)."""
    # Of each run of a level also whether it is of differences.
    level = [(leaf, count, False) for leaf, count in sorted(runs, key=lambda run: _order(run[0])) if count]
    lut = ff = carry = 0
    bits = []
    while sum(count for _, count, _ in level) > 1:
        after, wanted, waiting = [], 0, None
        pairs = []
        for leaf, count, difference in level:
            if waiting is not None and count:
                pairs.append((waiting, leaf, 1, difference))
                waiting, count = None, count - 1
            if count > 1:
                pairs.append((leaf, leaf, count // 2, difference))
            if count % 2:
                waiting = leaf
        for a, b, count, difference in pairs:
            out, up, width, sign = _joined(a, b)
            wanted += count * (sign == 0)
            ff += count * out.width
            if up >= a.width:  # nothing to add, only to gate and to invert
                lut += count * (a.width * a.gated + b.width * (b.gated or not sign))
            else:
                # The plain operand takes a LUT of its own where it is gated, and so does a difference's lowest bit,
                # if it isn't stored inverted.
                own = a.width * a.gated * (b.gated or sign <= 0) + (sign <= 0) - (sign <= 0 and difference)
                lut += count * (width + (a.signed or b.signed) + own)
                carry += count * math.ceil((out.width - up) / 4)
            after.append((out, count, sign <= 0 and up < a.width))
        if waiting is not None:
            lut, ff = lut + waiting.width * waiting.gated, ff + waiting.width
            after.append((replace(waiting, gated=False), 1, False))
        bits.append(wanted)
        level = after
    return Outline(level[0][0], tuple(bits), Resources(lut=lut, ff=ff, carry4=carry))


def _order(leaf: Operand) -> tuple[int, int]:
    """Neighbours of like exponent and width waste the fewest adder bits."""
    return leaf.exponent, leaf.width


@lru_cache(maxsize=4096)
def plan(leaves: tuple[Operand, ...]) -> Tree:
    return Tree(leaves)


def inverted(value: Value, invert, flipped: int | None = None) -> Value:
    """The value, each bit inverted where `invert` (0, 1 or a bit) says so. flipped: index of a bit that is already."""
    if flipped is not None:
        value = Cat(value[:flipped], ~value[flipped], value[flipped + 1 :])
    return value ^ Value.cast(invert).replicate(len(value))


def _combined(a: Value, b: Value, step: Step) -> Value:
    """What the step's register takes: a ± (b << up), the low bits of a led past the adder."""
    up, high = step.up, a[step.up :]
    if step.sign > 0:
        # Signed operands are never shifted, and never cut.
        return a + b if up == 0 else Cat(a, Const(0, max(up - len(a), 0)), b) if up >= len(a) else Cat(a[:up], high + b)
    # A leading 1, of weight 2^bits, keeps the difference positive.
    high = Cat(high, Const(1 << (step.bits - len(high)), step.bits - len(high) + 1))
    total = (high - b)[: step.bits + 1]
    if step.flipped:
        total = Cat(~total[0], total[1:])
    return Cat(a[:up], Const(0, max(up - len(a), 0)), total)
