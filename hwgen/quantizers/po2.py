"""quantized_po2 and quantized_relu_po2: the nearest power of two, nearest by its logarithm.

The exponent is round(log2(x)), exactly: it changes at √2·2^k, which no float and no grid point equals. QKeras takes a
float32 logarithm, whose error can decide for the few floats next to that point (about one value in a million for
exponents of -8 to 8); there QKeras itself gives different exponents in eager mode, in predict() and under XLA.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwgen.numeric import MAX_WIDTH
from hwgen.quantizers.base import Quantizer, UnsupportedQuantizer, as_float32, finish
from hwgen.quantizers.functions import Steps, Threshold

_EPSILON = np.float32(1e-7)
_EPSILON_EXPONENT = -23


def _rounded_log2(x: np.ndarray) -> np.ndarray:
    """round(log2(x)) of positive float32, exactly: the square of a float32 mantissa is exact in float64."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return exponent - 1 + (mantissa * mantissa >= 0.5)


@dataclass(frozen=True)
class _PowerOfTwo(Quantizer):
    bits: int = 8
    max_value: float | None = None
    quadratic_approximation: bool = False

    def _exponent_bits(self) -> int:
        raise NotImplementedError

    def _exponents(self) -> tuple[int, int]:
        """Least and greatest exponent."""
        if self.max_value is not None and self.max_value < 0:
            raise UnsupportedQuantizer(f"{self} has a negative max_value", "leave max_value out")
        limited = self.max_value is not None and self.max_value <= 1
        bits = self._exponent_bits() - (not limited)
        if bits < 0:
            raise UnsupportedQuantizer(f"{self} leaves no bits for the exponent", "use more bits")
        if bits > 7:
            raise UnsupportedQuantizer(f"{self} has exponents beyond float32", "use fewer bits")
        lo, hi = -(2**bits), 2**bits - 1
        if self.max_value is not None:
            top = int(_rounded_log2(np.float32(self.max_value))) if self.max_value > 0 else lo
            hi = max(lo, min(hi, top))
        return lo, hi

    def _magnitude_exponents(self, x: np.ndarray) -> np.ndarray:
        """The exponent for each |x|."""
        lo, hi = self._exponents()
        if self.quadratic_approximation:
            return self._even_exponents(x, lo)
        exponents = np.clip(_rounded_log2(np.maximum(x, _EPSILON)), lo, hi)
        return np.where(x < _EPSILON, lo, exponents)

    def _even_exponents(self, x: np.ndarray, lo: int) -> np.ndarray:
        """2·round(log2(√x)), for weights. QKeras clips before it doubles, and limits x itself."""
        limit = np.inf if self.max_value is None else self.max_value
        mantissa, exponent = np.frexp(np.clip(x, _EPSILON, limit))
        ties = (mantissa == 0.5) & (exponent % 2 == 0) & (x >= _EPSILON)
        if ties.any():
            raise UnsupportedQuantizer(
                f"{self} of {x[ties].flat[0]:g}, half way between even exponents, depends on the processor",
                "use quadratic_approximation=False",
            )
        hi = 2 ** (self._exponent_bits() - (self.max_value is None or self.max_value > 1)) - 1
        return np.where(x < _EPSILON, lo, 2 * np.clip(exponent // 2, lo, hi // 2 * 2))

    def _signed(self, latent, sign, exponents, channel_axis, base=None):
        least, most = int(exponents.min()), int(exponents.max())
        if most - least >= MAX_WIDTH:
            raise UnsupportedQuantizer(
                f"{self} makes weights from 2^{least} to 2^{most}", "use fewer bits or a max_value"
            )
        raw = sign.astype(np.int64) << (exponents - least).astype(np.int64)
        return finish(self, latent, raw, -least, np.float32(1), channel_axis, base)

    def _steps(self, slope: Fraction = Fraction(1)) -> tuple[list[Threshold], list[Fraction]]:
        """Thresholds on x, ascending, at which 2^round(log2(slope · x)) reaches the next level; and the levels."""
        if self.quadratic_approximation:
            raise UnsupportedQuantizer(f"{self} can't be an activation", "use quadratic_approximation=False")
        lo, hi = self._exponents()
        thresholds = []
        for exponent in range(lo + 1, hi + 1):
            if exponent <= _EPSILON_EXPONENT:
                thresholds.append(Threshold(Fraction(float(_EPSILON)) / slope))
            else:
                thresholds.append(Threshold(Fraction(2) ** (2 * exponent - 1) / slope**2, root=True))
        return thresholds, [Fraction(2) ** exponent for exponent in range(lo, hi + 1)]


def _mirrored(thresholds: list[Threshold], levels: list[Fraction]) -> tuple[list[Threshold], list[Fraction]]:
    """The same steps for negative x: reached from -∞ upward, so each threshold lies above its value."""
    return [Threshold(-t.value, strict=True, root=t.root) for t in reversed(thresholds)], [-v for v in reversed(levels)]


@dataclass(frozen=True)
class quantized_po2(_PowerOfTwo):
    """sign(x)·2^round(log2|x|), the exponent clipped; never 0: zero gives the least power."""

    def _exponent_bits(self):
        return self.bits - 1

    def weights(self, latent, channel_axis=-1):
        latent = as_float32(latent)
        sign = np.where(latent >= 0, 1, -1)
        return self._signed(latent, sign, self._magnitude_exponents(np.abs(latent)), channel_axis)

    def function(self):
        thresholds, levels = self._steps()
        below, negative = _mirrored(thresholds, levels)
        return Steps(str(self), (*below, Threshold(Fraction(0)), *thresholds), (*negative, *levels))


@dataclass(frozen=True)
class quantized_relu_po2(_PowerOfTwo):
    """2^round(log2(x)), the exponent clipped; x ≤ 0 gives the least power, or with a slope -2^round(log2(-x·slope))."""

    negative_slope: float = 0.0

    def _exponent_bits(self):
        return self.bits

    def weights(self, latent, channel_axis=-1):
        latent = as_float32(latent)
        negative = (latent < 0) & bool(self.negative_slope)
        size = np.where(negative, -latent * np.float32(self.negative_slope), np.maximum(latent, 0))
        base = np.where(latent > 0, latent, latent * np.float32(self.negative_slope))
        if self.max_value is not None:
            base = np.where(latent <= self.max_value, base, np.float32(self.max_value))
        return self._signed(latent, np.where(negative, -1, 1), self._magnitude_exponents(size), channel_axis, base)

    def function(self):
        thresholds, levels = self._steps()
        if not self.negative_slope:
            return Steps(str(self), tuple(thresholds), tuple(levels))
        below, negative = _mirrored(*self._steps(Fraction(self.negative_slope)))
        return Steps(str(self), (*below, Threshold(Fraction(0)), *thresholds), (*negative, *levels))
