"""A sum of a few terms, each ± raw · 2^exponent: a tree of adders, every level a register."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Shape, Signal, Value

from hwgen.layers.block import Resources
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Term:
    """± raw · 2^exponent, with raw in lo..hi."""

    lo: int
    hi: int
    exponent: int = 0
    negative: bool = False

    @property
    def shape(self) -> Shape:
        like = TensorType((1, 1, 1), self.lo, self.hi)
        return Shape(like.width, like.signed)

    @property
    def ends(self) -> tuple[int, int]:
        """Least and greatest value of the term."""
        ends = self.lo << self.exponent, self.hi << self.exponent
        return (-ends[1], -ends[0]) if self.negative else ends


def digits(constant: int) -> list[tuple[int, bool]]:
    """Canonical signed digits: (exponent, negative), the fewest powers of two whose sum is the constant."""
    found, exponent, rest = [], 0, abs(constant)
    while rest:
        if rest & 1:
            up = rest & 2 and rest != 1  # a run of ones: subtract here, add above it
            found.append((exponent, bool(up) != (constant < 0)))
            rest += 1 if up else -1
        rest, exponent = rest >> 1, exponent + 1
    return found


@dataclass(frozen=True)
class _Step:
    """A register: term a of the level before and, unless it only waits, b, of no lesser exponent. flip: b − a."""

    a: int
    b: int | None
    out: Term
    flip: bool = False


class Sum:
    """The plan of the tree. levels: cycles from the terms to the sum, at least 1."""

    def __init__(self, terms: list[Term]):
        self.terms = terms
        self.steps: list[list[_Step]] = []
        level = terms
        while len(level) > 1 or not self.steps:
            steps = [_pair(level, k, k + 1) for k in range(0, len(level) - 1, 2)]
            if len(level) % 2:
                steps.append(_Step(len(level) - 1, None, level[-1]))
            self.steps.append(steps)
            level = [step.out for step in steps]
        self.root = level[0]

    @property
    def levels(self) -> int:
        return len(self.steps)

    def build(self, m: Module, values: list[Value], enable: Value | int = 1) -> Value:
        """values: the raw of each term, of its shape. Returns the sum, `levels` cycles with `enable` high later."""
        before = self.terms
        for steps in self.steps:
            after = []
            for step in steps:
                value = values[step.a]
                if step.b is not None:
                    value = _join(before[step.a], value, before[step.b], values[step.b], step.flip)
                register = Signal(step.out.shape, reset_less=True)
                with m.If(enable):
                    m.d.sync += register.eq(value)
                after.append(register)
            values, before = after, [step.out for step in steps]
        total = values[0] << self.root.exponent
        return -total if self.root.negative else total

    @property
    def cost(self) -> Resources:
        lut = ff = carry = 0
        before = self.terms
        for steps in self.steps:
            for step in steps:
                ff += step.out.shape.width
                if step.b is not None:
                    a, b = before[step.a], before[step.b]
                    led_past = 0 if step.flip else b.exponent - a.exponent
                    bits = max(step.out.shape.width - led_past, 1)
                    lut, carry = lut + min(bits, _added_bits(a, b, led_past)), carry + -(-bits // 4)
            before = [step.out for step in steps]
        if self.root.negative:
            lut, carry = lut + self.root.shape.width, carry + self.root.shape.width / 4
        return Resources(lut=lut, ff=ff, carry4=carry)


def _pair(level: list[Term], j: int, k: int) -> _Step:
    if level[j].exponent > level[k].exponent:
        j, k = k, j
    a, b = level[j], level[k]
    up = b.exponent - a.exponent
    if a.negative == b.negative:
        return _Step(j, k, Term(a.lo + (b.lo << up), a.hi + (b.hi << up), a.exponent, a.negative))
    if b.negative:
        return _Step(j, k, Term(a.lo - (b.hi << up), a.hi - (b.lo << up), a.exponent))
    return _Step(j, k, Term((b.lo << up) - a.hi, (b.hi << up) - a.lo, a.exponent), flip=True)


def _added_bits(a: Term, b: Term, led_past: int) -> int:
    """Bits of the adder in front of whose carry chain a LUT stands; zeros above a shorter number need none."""
    if a.negative or b.negative:
        return max(a.shape.width - led_past, b.shape.width) + 1
    widths = sorted([(max(a.shape.width - led_past, 0), a.shape.signed), (b.shape.width, b.shape.signed)])
    (narrow, signed), (wide, _) = widths
    return wide if signed else narrow


def _join(a: Term, x: Value, b: Term, y: Value, flip: bool) -> Value:
    up = b.exponent - a.exponent
    if flip:
        return (y << up) - x
    if not up:
        return x - y if a.negative != b.negative else x + y
    # The low bits of x are led past the adder.
    if len(x) <= up:
        x = Cat(x, (x[-1] if a.shape.signed else x[0] & 0).replicate(up + 1 - len(x)))
        x = x.as_signed() if a.shape.signed else x
    high = x[up:].as_signed() if a.shape.signed else x[up:]
    total = high - y if a.negative != b.negative else high + y
    joined = Cat(x[:up], total)
    return joined.as_signed() if total.shape().signed else joined
