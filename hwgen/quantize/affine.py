"""Exact scales and offsets: real numbers per channel become integers on the coarsest grid that holds them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hwgen.numeric import MAX_EXACT_WIDTH, common_exponent, scaled_integers
from hwgen.ops import Scale
from hwgen.quantize.build import LayerBuilder, Value


def exact(values: np.ndarray) -> list[Fraction]:
    """Floats as the rational numbers that they are, flattened."""
    return [Fraction(float(v)) for v in np.asarray(values).ravel()]


def stripped(raw: np.ndarray) -> tuple[np.ndarray, int]:
    """(raw / 2^twos, twos) with the powers of two that all integers share taken out."""
    common = int(np.gcd.reduce(raw, axis=None))
    twos = (common & -common).bit_length() - 1 if common else 0
    return raw >> twos, twos


def scale(build: LayerBuilder, suffix: str, x: Value, multipliers: list[Fraction], offsets: list[Fraction]) -> Value:
    """x·multiplier + offset in real numbers, per channel, exactly."""
    offsets = [offset * x.type.divisor for offset in offsets]
    exponents = []
    if any(multipliers):
        exponents.append(common_exponent(multipliers))
    if any(offsets):
        exponents.append(common_exponent(offsets) - x.type.frac)
    frac = max(exponents, default=0)
    try:
        multiplier = scaled_integers(multipliers, frac, MAX_EXACT_WIDTH)
        offset = scaled_integers(offsets, x.type.frac + frac, MAX_EXACT_WIDTH)
    except OverflowError as problem:
        change = "use quantizers whose scales are powers of two, or scales and offsets of fewer bits"
        raise build.error(f"its scale isn't exact in {MAX_EXACT_WIDTH} bits ({problem})", change) from problem
    return build.add(suffix, Scale(multiplier, offset, frac), x)
