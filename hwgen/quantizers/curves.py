"""Real tanh and sigmoid into few bits: the logarithms at which they reach the next level, to as many digits as needed.

A logarithm of a rational number other than 1 is never rational, so no grid point lies on a threshold: the exact result
is always defined. QKeras's float32 may be a level off for the few values whose curve lies within its rounding of a half.
"""

from __future__ import annotations

import decimal
import functools
from dataclasses import dataclass
from fractions import Fraction

from hwgen.quantizers.base import UnsupportedQuantizer
from hwgen.quantizers.functions import Steps
from hwgen.tensor import TensorType

# Levels beyond so many bits have no hardware as thresholds.
MAX_BITS = 12
_GUARD = 30  # decimal digits beyond those of the grid


@dataclass(frozen=True)
class LogThreshold:
    """x ≥ gain · ln(ratio); ratio is positive and not 1."""

    ratio: Fraction
    gain: Fraction

    def first(self, x: TensorType) -> int:
        """The least raw value of type x that reaches the threshold."""
        return _first_above(self.ratio, self.gain / x.step)


@functools.lru_cache(maxsize=1 << 16)
def _first_above(ratio: Fraction, factor: Fraction) -> int:
    """The least integer above factor · ln(ratio). Bisections ask again and again for the same."""
    digits = _GUARD + len(str(factor.numerator // factor.denominator))
    while True:
        with decimal.localcontext(prec=digits):
            value = _decimal(ratio).ln() * _decimal(factor)
            error = decimal.Decimal(10) ** (value.adjusted() - digits + 5)
            low, high = (int((value + e).to_integral_value(decimal.ROUND_FLOOR)) for e in (-error, error))
        if low == high:
            return low + 1
        digits *= 2


def _decimal(value: Fraction) -> decimal.Decimal:
    return decimal.Decimal(value.numerator) / decimal.Decimal(value.denominator)


def real_tanh(quantizer, lo: int, hi: int, m: int) -> Steps:
    """round(tanh(x) · m) / m, limited to lo..hi steps."""
    # It reaches q where x reaches ln((1 + q) / (1 - q)) / 2.
    halves = (Fraction(2 * k + 1, 2 * m) for k in range(lo, hi))
    return _steps(quantizer, lo, hi, m, [LogThreshold((1 + q) / (1 - q), Fraction(1, 2)) for q in halves])


def real_sigmoid(quantizer, lo: int, hi: int, m: int) -> Steps:
    """round(m / (1 + exp(-x))) / m, limited to lo..hi steps."""
    # It reaches p where x reaches ln(p / (1 - p)).
    halves = (Fraction(2 * k + 1, 2 * m) for k in range(lo, hi))
    return _steps(quantizer, lo, hi, m, [LogThreshold(p / (1 - p), Fraction(1)) for p in halves])


def _steps(quantizer, lo, hi, m, thresholds) -> Steps:
    return Steps(str(quantizer), tuple(thresholds), tuple(Fraction(k, m) for k in range(lo, hi + 1)))


def check_bits(quantizer) -> None:
    """Raises UnsupportedQuantizer where the curve has more levels than hardware has thresholds."""
    if quantizer.bits > MAX_BITS:
        raise UnsupportedQuantizer(f"{quantizer} has a threshold a level", f"use {MAX_BITS} bits or fewer")
