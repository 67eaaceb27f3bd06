"""ReLU in all its forms: with a limit, a slope, a threshold; and PReLU's slope a channel."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.numeric import common_exponent, compact, widened
from hwgen.ops import Function
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Relu(Function):
    """min(x, most) for x > threshold and slope·(x - threshold) below, as Keras's ReLU, LeakyReLU and ThresholdedReLU.

    All are dyadic; slope, most and threshold are 0 or more.
    """

    most: Fraction | None = None
    slope: Fraction = Fraction(0)
    threshold: Fraction = Fraction(0)

    def _extra(self, x: TensorType) -> int:
        """Fractional bits that slope and limit need beyond the input's."""
        needed = [0]
        if self.slope:
            needed.append(common_exponent([self.slope]))
        for constant in (self.most, self.slope * self.threshold):
            if constant:
                needed.append(common_exponent([constant]) - x.frac)
        return max(needed)

    def _on_grid(self, value: Fraction, x: TensorType) -> int:
        """A real number as a raw result."""
        return int(value * x.divisor * Fraction(2) ** (x.frac + self._extra(x)))

    def _last(self, x: TensorType) -> int:
        """The greatest raw input that isn't above the threshold."""
        return self.threshold // x.step

    def result(self, x):
        lo, hi = (int(v) for v in self.apply(np.array([x.lo, x.hi], dtype=object), x))
        return TensorType(x.shape, lo, hi, x.frac + self._extra(x), x.divisor)

    def apply(self, raw, x):
        extra, slope = self._extra(x), int(self.slope * 2 ** self._extra(x))
        limit, shift = (self._on_grid(v, x) for v in (self.most or Fraction(0), self.slope * self.threshold))
        last, raw = self._last(x), np.asarray(raw)
        raw = widened(raw, max(1 << extra, slope), max(limit, shift, last))
        above = raw << extra
        if self.most is not None:
            above = np.minimum(above, limit)
        return compact(np.where(raw > last, above, np.minimum(raw, last) * slope - shift))

    def as_shift(self, x):
        if self.slope or self._last(x) > 0:
            return None
        return -self._extra(x), 0, self.result(x).hi

    def __str__(self):
        most = "" if self.most is None else f", max {float(self.most)}"
        slope = f", slope {float(self.slope)}" if self.slope else ""
        threshold = f", threshold {float(self.threshold)}" if self.threshold else ""
        return f"relu{most}{slope}{threshold}"
