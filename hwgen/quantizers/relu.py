"""quantized_relu: unsigned fixed point, with a negative slope, an upper bound or a hard sigmoid where asked for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.quantizers.base import Quantizer, UnsupportedQuantizer
from hwgen.quantizers.functions import Rounded, RoundedSum


@dataclass(frozen=True)
class quantized_relu(Quantizer):
    """2^integer · clip(round(x · m / 2^integer) / m, 0, 1 - 1/m), m = 2^bits; a negative slope takes one bit for the
    sign and rounds on its own: 2^integer · clip(round(x · slope · m / 2^integer) / m, -slope, 0) is added."""

    bits: int = 8
    integer: int = 0
    use_sigmoid: int = 0
    negative_slope: float = 0.0
    relu_upper_bound: float | None = None
    is_quantized_clip: int = True

    def function(self):
        slope = Fraction(self.negative_slope)
        if slope < 0 or slope.numerator & (slope.numerator - 1):
            raise UnsupportedQuantizer(f"{self} has a negative_slope that isn't a power of two", "use 0.125 or 0.25")
        m = Fraction(2) ** (self.bits - bool(slope))
        top = Fraction(2) ** self.integer
        step = top / m
        if self.use_sigmoid:
            parts = self._sigmoid_parts(m, top, step, slope)
        else:
            parts = [Rounded(1 / step, step, Fraction(0), top - step)]
            if slope:
                parts.append(Rounded(slope / step, step, -slope * top, Fraction(0)))
        if self.relu_upper_bound and not self.is_quantized_clip:
            parts = [self._bounded(parts)]
        return RoundedSum(str(self), tuple(parts))

    def _sigmoid_parts(self, m, top, step, slope):
        """The same, on 2·hard_sigmoid(x / 2^integer) - 1; rounding to an even multiple of the step."""
        parts = [Rounded(m / 2 / top, 2 * step, Fraction(0), top - step, m / 2, -top)]
        if slope:
            gain, offset = m / 2 / top * slope, m / 2 * slope
            # The sigmoid's end at 1 may round below 0 here: then the slope pulls down positive values too.
            hi = min(Fraction(0), 2 * step * round(m * slope) - slope * top)
            parts.append(Rounded(gain, 2 * step, -slope * top, hi, offset, -slope * top))
        return parts

    def _bounded(self, parts):
        bound = Fraction(float(np.float32(self.relu_upper_bound)))
        if len(parts) > 1 or self.use_sigmoid or bound <= 0:
            raise UnsupportedQuantizer(
                f"{self} has an upper bound together with a slope or a sigmoid", "leave relu_upper_bound out"
            )
        line = parts[0]
        return Rounded(line.gain, line.step, line.lo, min(line.hi, bound))
