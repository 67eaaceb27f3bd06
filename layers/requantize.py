"""Requantization by a power of two: shift, round half to even, clip. Every quantizer whose scale is a power of two."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Cat, Const, Mux, Signal, Value

from hwgen.layers.beatwise import (
    Pipelined,
    delayed,
    free_running,
    free_running_cost,
)
from hwgen.layers.block import Resources
from hwgen.layers.compare import at_least, at_least_luts
from hwgen.layers.stream import element_shape
from hwgen.numeric import round_half_even
from hwgen.tensor import TensorType

# Up to so many bits, rounding and clipping together are two levels of LUTs.
NARROW = 5


@dataclass(frozen=True)
class Requantize(Pipelined):
    """clip(round_half_even(raw · 2^-shift), lo, hi), with `frac` fractional bits. A negative shift is a left shift.

    What the range of the input makes unnecessary takes no hardware; a mere shift is wires.
    """

    input: TensorType
    shift: int
    lo: int
    hi: int
    frac: int
    lanes: int

    def __post_init__(self):
        super().__post_init__()
        if self.lo > self.hi:
            raise ValueError(f"nothing to clip to: lo {self.lo} is above hi {self.hi}")

    def _unclipped(self, raw: np.ndarray) -> np.ndarray:
        return round_half_even(raw, 1 << self.shift) if self.shift > 0 else raw << -self.shift

    def evaluate(self, x):
        return np.clip(self._unclipped(x), self.lo, self.hi)

    @property
    def result(self):
        least, most = (min(max(int(end), self.lo), self.hi) for end in self._ends)
        return replace(self.input, lo=least, hi=most, frac=self.frac)

    @property
    def _ends(self) -> tuple[int, int]:
        """The range before clipping, in Python's integers: a left shift may exceed int64 and then be clipped."""
        if self.shift <= 0:
            return self.input.lo << -self.shift, self.input.hi << -self.shift
        return tuple(
            int(round_half_even(np.array(end, dtype=object), 1 << self.shift)) for end in (self.input.lo, self.input.hi)
        )

    @property
    def rounds(self) -> bool:
        """Whether there is anything to round: a bit is dropped, and not every result is the same."""
        return self.shift > 0 and self.result.lo < self.result.hi

    @property
    def clips(self) -> tuple[bool, bool]:
        """Whether values can exceed (lo, hi)."""
        least, most = self._ends
        return least < self.lo, most > self.hi

    @property
    def stages(self) -> int:
        """Registers between the streams, without the output's own; 0: nothing but wires."""
        if self.result.lo == self.result.hi or not (self.rounds or any(self.clips)):
            return 0
        return 2 if self.rounds and any(self.clips) and self.result.width > NARROW else 1

    @property
    def is_wires(self):
        return not self.stages

    def build(self, m, ports):
        i, o = ports.i, ports.o
        if not self.stages:
            m.d.comb += [o.valid.eq(i.valid), i.ready.eq(o.ready)]
            m.d.comb += [o.payload[k].eq(self._wires(i.payload[k])) for k in range(self.lanes)]
            return
        _, output = free_running(m, i, o, self.stages)
        for k in range(self.lanes):
            m.d.comb += output.payload[k].eq(self._lane(m, i.payload[k]))

    def _wires(self, x: Value) -> Value:
        if self.result.lo == self.result.hi:
            return Const(self.result.lo, element_shape(self.result))
        return x << -self.shift

    def _lane(self, m, x: Value) -> Value:
        """Of floor(raw · 2^-shift): from hi on it is hi, below lo it is lo, whatever the rounding."""
        shape, up = element_shape(self.result), max(-self.shift, 0)
        if self.shift > 0 and len(x) <= self.shift:
            wide = Signal(type(x.shape())(self.shift + 1, x.shape().signed))
            m.d.comb += wide.eq(x)
            x = wide
        floor = x[self.shift :] if self.shift > 0 else x
        floor = floor.as_signed() if x.shape().signed else floor
        under, over = self.clips
        low = delayed(m, (floor << up)[: shape.width] if up else _fit(floor, shape.width), 1)
        # With rounding hi is already reached from hi's own floor; without, only what lies above it is clipped.
        bound = self.hi if self.rounds else (self.hi >> up) + 1
        over = delayed(m, at_least(floor, bound), 1) if over else Const(0)
        under = delayed(m, ~at_least(floor, -(-self.lo >> up)), 1) if under else Const(0)
        step = (
            delayed(m, x[self.shift - 1] & (x[: self.shift - 1].any() | x[self.shift]), 1) if self.rounds else Const(0)
        )
        low = Mux(over, Const(self.hi, shape).as_unsigned(), Mux(under, Const(self.lo, shape).as_unsigned(), low))
        step = step & ~over & ~under
        if self.stages == 2:
            low, step = delayed(m, low, 1), delayed(m, step, 1)
        return _plus(low, step) if self.rounds else low

    def cost(self):
        if not self.stages:
            return Resources()
        width, x = self.result.width, self.input
        floor, up = max(x.width - max(self.shift, 0), 1), max(-self.shift, 0)
        under, over = self.clips
        lut, ff, carry = 0.0, width, 0.0
        if over:
            bound = self.hi if self.rounds else (self.hi >> up) + 1
            lut, ff = lut + at_least_luts(floor, bound, x.signed), ff + 1
        if under:
            bound = -(-self.lo >> up)
            trivial = bound == 0 and x.signed
            lut, ff = lut + (0 if trivial else at_least_luts(floor, bound, x.signed)), ff + 1
        if self.rounds:
            lut, ff = lut + max(1, self.shift / 5), ff + 1
            carry = -(-width // 4) * (width > NARROW)
        lut += width * (any(self.clips) + 0.3 * self.rounds)
        if self.stages == 2:
            ff += width + 1
        return Resources(lut=lut, ff=ff, carry4=carry) * self.lanes + free_running_cost(width * self.lanes, self.stages)


def _plus(x: Value, step) -> Value:
    """x + step, a bit, wrapping round; without a carry chain where x is narrow."""
    if len(x) > NARROW:
        return (x + step)[: len(x)]
    return Cat(x[k] ^ (step & x[:k].all() if k else step) for k in range(len(x)))


def _fit(x: Value, width: int) -> Value:
    """The low `width` bits of x, sign- or zero-extended where it has fewer."""
    if len(x) >= width:
        return x[:width]
    missing = width - len(x)
    return Cat(x, x[-1].replicate(missing) if x.shape().signed else Const(0, missing))
