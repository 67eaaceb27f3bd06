"""quantized_linear, of qkeras-v3 only: fixed point that divides by its scale, alpha included, before it rounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hwgen.quantizers.base import (
    Quantizer,
    UnsupportedQuantizer,
    alpha_scale,
    as_float32,
    finish,
    refuse_auto_activation,
)
from hwgen.quantizers.functions import Rounded, RoundedSum, Steps, Threshold
from hwgen.quantizers.leastsquares import EPSILON, channel_axes, least_squares, round_po2

_HALF = np.float32(0.5)


@dataclass(frozen=True)
class quantized_linear(Quantizer):
    """s · round(clip(x / s, -m + symmetric, m - 1)), s = alpha · 2^integer / m, m = 2^(bits - keep_negative);
    one signed bit gives ±s/2."""

    bits: int = 8
    integer: int = 0
    symmetric: int = 1
    keep_negative: int = True
    alpha: None | str | float | tuple = None
    scale_axis: int | None = None

    divides_by_alpha: ClassVar[bool] = True

    @property
    def _frac(self) -> int:
        return self.bits - bool(self.keep_negative) - self.integer

    @property
    def _sign_only(self) -> bool:
        return self.bits == 1 and bool(self.keep_negative)

    def _bounds(self) -> tuple[np.float32, np.float32]:
        if self._sign_only:
            return -_HALF, _HALF
        m = np.float32(2.0) ** (self.bits - bool(self.keep_negative))
        return (-m + np.float32(self.symmetric) if self.keep_negative else np.float32(0)), m - np.float32(1)

    def for_kernel(self) -> Quantizer:
        return replace(self, alpha="auto_po2", symmetric=True) if self.alpha is None else self

    def _levels(self, x, scale):
        """x / scale clipped and rounded, as float32: integers, or ±0.5 for one signed bit."""
        shift = _HALF if self._sign_only else np.float32(0)
        return np.rint(np.clip(x / scale, *self._bounds()) - shift) + shift

    def weights(self, latent, channel_axis=-1):
        latent = as_float32(latent)
        scale = self._auto_scale(latent) if isinstance(self.alpha, str) else np.ldexp(alpha_scale(self), -self._frac)
        half = int(self._sign_only)
        return finish(self, latent, self._levels(latent, scale) * (1 + half), half, scale, channel_axis)

    def _auto_scale(self, x):
        axes = channel_axes(self, x.ndim)
        least, most = self._bounds()
        # Unlike quantized_bits a vector has one scale for each element: it reduces over no axis.
        if self.keep_negative:
            scale = np.abs(x).max(axis=axes, keepdims=True) * np.float32(2) / (most - least)
        else:
            scale = x.max(axis=axes, keepdims=True) / (most - least)
        scale = np.maximum(scale, EPSILON)
        if self.alpha == "auto_po2":
            scale = round_po2(scale)
            for _ in range(1 if self._sign_only else 5):
                last, scale = scale, least_squares(x, self._levels(x, scale), po2=True)
                if (last == scale).all():
                    break
        return scale

    def function(self):
        refuse_auto_activation(self)
        scale = Fraction(float(alpha_scale(self))) / Fraction(2) ** self._frac
        if scale.numerator & (scale.numerator - 1):
            raise UnsupportedQuantizer(
                f"{self} as an activation divides by alpha in float32", "set alpha to a power of two"
            )
        if self._sign_only:
            # Subtracting the half rounds: down to -2^-25 it can't be told from 0.
            return Steps(str(self), (Threshold(-scale / 2**25),), (-scale / 2, scale / 2))
        lo, hi = (Fraction(float(v)) * scale for v in self._bounds())
        return RoundedSum(str(self), (Rounded(1 / scale, scale, lo, hi),))
