"""x >= constants in LUTs alone, without a carry chain; and what comparisons cost."""

from __future__ import annotations

import math

from amaranth.hdl import Const, Value

from hwgen.layers.block import Resources


def at_least(x: Value, bound: int) -> Value:
    """One bit: x >= bound, for an x of any width and signedness and any integer bound."""
    bits, shape = list(x), x.shape()
    if shape.signed:
        bits[-1] = ~bits[-1]
        bound += 1 << (len(bits) - 1)
    return _at_least(bits, bound)


def between(x: Value, lo: int, hi: int) -> Value:
    """One bit: lo <= x < hi; 1 for a counter of nothing."""
    return at_least(x, lo) & ~at_least(x, hi) if len(x) else Const(1)


def _at_least(bits: list, bound: int) -> Value:
    if bound <= 0:
        return Const(1, 1)
    if bound >= 1 << len(bits):
        return Const(0, 1)
    if len(bits) == 1:
        return bits[0]
    half = len(bits) // 2
    low, high = bound & (1 << half) - 1, bound >> half
    if low == 0:
        return _at_least(bits[half:], high)
    above, equal = _at_least(bits[half:], high + 1), _equal(bits[half:], high)
    return above | (equal & _at_least(bits[:half], low))


def _equal(bits: list, value: int) -> Value:
    result = Const(1, 1)
    for k, bit in enumerate(bits):
        result = result & (bit if value >> k & 1 else ~bit)
    return result


def at_least_luts(width: int, bound: int, signed: bool) -> float:
    """LUT6 of `at_least`, about; bits where the bound ends in zeros take no part."""
    if signed:
        bound += 1 << (width - 1)
    if bound <= 0 or bound >= 1 << width:
        return 0
    used = width - ((bound & -bound).bit_length() - 1)
    return 1 if used <= 6 else used / 4.2


def comparator_cost(width: int) -> Resources:
    """x >= y for two variables: a few bits in two LUTs and one bit of a carry chain, as Yosys does it."""
    return Resources(lut=0.7 * width, carry4=math.ceil(width / 12))
