"""The three forms of exact activation functions: rounded lines, steps, and lines without rounding.

A constant of a function is a Fraction with a power of two below: exact, and its grid is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor, isqrt, lcm

import numpy as np

from hwgen.numeric import MAX_WIDTH, common_exponent, compact, round_half_even, widened
from hwgen.ops import Function
from hwgen.tensor import TensorType


def _ratio(value: Fraction, x: TensorType) -> tuple[int, int]:
    """(a, b) with value · real(raw) = raw · a / b."""
    scaled = value * x.step
    return scaled.numerator, scaled.denominator


def _on_grid(value: Fraction, frac: int) -> int:
    scaled = value * Fraction(2) ** frac
    assert scaled.denominator == 1, f"{value} is off the grid 2^-{frac}"
    return scaled.numerator


class _Pointwise(Function):
    """A function whose result is known from its type's frac and its values at both ends."""

    def result(self, x: TensorType) -> TensorType:
        lo, hi = (int(v) for v in self._raw(np.array([x.lo, x.hi], dtype=object), x))
        return TensorType(x.shape, lo, hi, self._frac(x), self._divisor(x))

    def apply(self, raw: np.ndarray, x: TensorType) -> np.ndarray:
        return compact(self._raw(np.asarray(raw), x))

    def _divisor(self, x: TensorType) -> int:
        return 1


@dataclass(frozen=True)
class Rounded:
    """clip(step · round_half_even(gain · x + offset) + shift, lo, hi), with gain and step positive."""

    gain: Fraction
    step: Fraction
    lo: Fraction
    hi: Fraction
    offset: Fraction = Fraction(0)
    shift: Fraction = Fraction(0)

    def constants(self) -> tuple[Fraction, ...]:
        return self.step, self.lo, self.hi, self.shift

    def raw(self, raw: np.ndarray, x: TensorType, frac: int) -> np.ndarray:
        """Values of this part on the grid 2^-frac."""
        a, b = _ratio(self.gain, x)
        d = lcm(b, self.offset.denominator)
        a, c = a * (d // b), int(self.offset * d)
        index = round_half_even(widened(raw, a, c, d) * a + c, d)
        # The index is clipped first, to just outside lo..hi, so that its product can't overflow.
        least, most = ((v - self.shift) // self.step for v in (self.lo, self.hi))
        index = np.clip(index, least - 1, most + 2)
        value = index * _on_grid(self.step, frac) + _on_grid(self.shift, frac)
        return np.clip(value, _on_grid(self.lo, frac), _on_grid(self.hi, frac))


@dataclass(frozen=True)
class RoundedSum(_Pointwise):
    """The sum of rounded lines: fixed-point quantizers (one line), a ReLU with a negative slope (two)."""

    name: str
    parts: tuple[Rounded, ...]

    def _frac(self, x: TensorType) -> int:
        return common_exponent(c for part in self.parts for c in part.constants())

    def _raw(self, raw: np.ndarray, x: TensorType) -> np.ndarray:
        return sum(part.raw(raw, x, self._frac(x)) for part in self.parts)

    def as_shift(self, x: TensorType) -> tuple[int, int, int] | None:
        line, frac = self.parts[0], self._frac(x)
        if len(self.parts) > 1 or x.divisor != 1 or line.offset or line.shift or _on_grid(line.step, frac) != 1:
            return None
        if line.gain.numerator & (line.gain.numerator - 1) or line.gain.denominator & (line.gain.denominator - 1):
            return None
        shift = x.frac + line.gain.denominator.bit_length() - line.gain.numerator.bit_length()
        return shift, _on_grid(line.lo, frac), _on_grid(line.hi, frac)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Threshold:
    """x ≥ value, or x > value where strict. `root`: the value is sign(value)·√|value|, which must be irrational."""

    value: Fraction
    strict: bool = False
    root: bool = False

    def first(self, x: TensorType) -> int:
        """The least raw value of type x that reaches the threshold."""
        if not self.root:
            scaled = self.value / x.step
            return (
                scaled.numerator // scaled.denominator + 1
                if self.strict
                else -(-scaled.numerator // scaled.denominator)
            )
        square = abs(self.value) / x.step**2
        below = isqrt(floor(square))  # the greatest integer below √
        return below + 1 if self.value > 0 else -below


@dataclass(frozen=True)
class Steps(_Pointwise):
    """levels[k] where k thresholds are reached: binary, ternary and power-of-two quantizers.

    Both lists ascend. Only levels that x can reach set the grid; raw values outside x.lo..x.hi give the nearest one.
    """

    name: str
    thresholds: tuple[Threshold, ...]
    levels: tuple[Fraction, ...]

    def _reached(self, raw, x: TensorType) -> np.ndarray:
        kept = np.int64 if x.width <= MAX_WIDTH else object
        firsts = np.array([max(x.lo, min(t.first(x), x.hi + 1)) for t in self.thresholds], dtype=kept)
        return np.searchsorted(firsts, np.clip(raw, x.lo, x.hi).astype(kept), side="right")

    def _reachable(self, x: TensorType) -> tuple[int, int]:
        low, high = self._reached(np.array([x.lo, x.hi], dtype=object), x)
        return int(low), int(high)

    def _frac(self, x: TensorType) -> int:
        low, high = self._reachable(x)
        return common_exponent(self.levels[low : high + 1])

    def _raw(self, raw: np.ndarray, x: TensorType) -> np.ndarray:
        (low, high), frac = self._reachable(x), self._frac(x)
        table = np.array([_on_grid(v, frac) for v in self.levels[low : high + 1]], dtype=object)
        return table[self._reached(raw, x) - low]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Line(_Pointwise):
    """clip(gain · x + offset, lo, hi) without rounding, on a grid as fine as needed: relu, linear, hard_tanh.

    The gain may be over an odd number, which the divisor of the result then takes in.
    """

    name: str
    gain: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    lo: Fraction | None = None
    hi: Fraction | None = None

    @property
    def dyadic(self) -> bool:
        return self._odd == 1

    @property
    def _odd(self) -> int:
        denominator = self.gain.denominator
        return denominator // (denominator & -denominator)

    def _frac(self, x: TensorType) -> int:
        bounds = [v for v in (self.offset, self.lo, self.hi) if v]
        return max([x.frac + common_exponent([self.gain * self._odd]), *(common_exponent([v]) for v in bounds)])

    def _divisor(self, x: TensorType) -> int:
        return x.divisor * self._odd

    def _raw(self, raw: np.ndarray, x: TensorType) -> np.ndarray:
        frac = self._frac(x)
        gain, divisor = _on_grid(self.gain * self._odd, frac - x.frac), self._divisor(x)
        offset = _on_grid(self.offset * divisor, frac)
        bounds = [None if v is None else _on_grid(v * divisor, frac) for v in (self.lo, self.hi)]
        largest = max(abs(v) for v in (offset, *bounds) if v is not None)
        value = widened(raw, gain, largest) * gain + offset
        for bound, limit in zip(bounds, (np.maximum, np.minimum)):
            if bound is not None:
                value = limit(value, bound)
        return value

    def as_shift(self, x: TensorType) -> tuple[int, int, int] | None:
        if self.gain != 1 or self.offset or x.divisor != 1 or self._frac(x) != x.frac:
            return None
        lo = min(x.lo, 0) if self.lo is None else _on_grid(self.lo, x.frac)
        hi = max(x.hi, 0) if self.hi is None else _on_grid(self.hi, x.frac)
        return 0, lo, hi

    def __str__(self) -> str:
        return self.name
