"""quantized_bits: fixed point, with a fixed or an automatic scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

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
from hwgen.quantizers.leastsquares import channel_axes, least_squares, round_po2


@dataclass(frozen=True)
class quantized_bits(Quantizer):
    """alpha · step · clip(round(x / step), -m + symmetric, m - 1), with m = 2^(bits - keep_negative) and
    step = 2^integer / m. One signed bit gives ±alpha."""

    bits: int = 8
    integer: int = 0
    symmetric: int = 0
    keep_negative: int = True
    alpha: None | str | float | tuple = None
    scale_axis: int | None = None
    post_training_scale: tuple | float | None = None

    @property
    def _magnitude_bits(self) -> int:
        return self.bits - bool(self.keep_negative)

    @property
    def _frac(self) -> int:
        return self._magnitude_bits - self.integer

    def _bounds(self) -> tuple[int, int]:
        """Least and greatest raw value; float32 as in QKeras, where 2^25 - 1 is 2^25."""
        m = np.float32(2.0) ** self._magnitude_bits
        return int(-m + np.float32(self.symmetric)) if self.keep_negative else 0, int(m - np.float32(1))

    def for_kernel(self) -> Quantizer:
        return replace(self, alpha="auto_po2", symmetric=True) if self.alpha is None else self

    def weights(self, latent, channel_axis=-1):
        latent = as_float32(latent)
        if isinstance(self.alpha, str):
            return self._auto(latent, channel_axis)
        if self._magnitude_bits == 0:
            raw = np.where(latent >= 0, 1, -1 if self.keep_negative else 0)
            return finish(self, latent, raw, 0, alpha_scale(self), channel_axis)
        raw = np.clip(np.rint(np.ldexp(latent, self._frac)), *self._bounds())
        return finish(self, latent, raw, self._frac, alpha_scale(self), channel_axis)

    def _auto(self, latent, channel_axis):
        if self.bits < 2:
            raise UnsupportedQuantizer(f"{self} divides by zero in QKeras", "use binary")
        half = np.float32(2 ** (self.bits - 1) - 1)
        x = np.ldexp(latent, -self.integer)
        axes = channel_axes(self, latent.ndim)

        def integers(scale):
            # Rounds halves away from zero. A channel of zeros has scale 0, and 0 / 0 ends as 0.
            with np.errstate(invalid="ignore", divide="ignore"):
                steps = np.floor(np.abs(x) / scale + np.float32(0.5))
            return np.sign(x) * np.where(steps < half, steps, half)

        if self.post_training_scale is not None:
            scale = np.ldexp(np.asarray(self.post_training_scale, np.float32), -self._magnitude_bits)
            raw = integers(scale)
        else:
            largest = np.abs(x).max(axis=axes or None, keepdims=True)
            scale = largest * np.float32(2) / np.float32(2 * half)
            raw = integers(scale)
            if self.alpha == "auto_po2":
                scale = round_po2(scale)
                for _ in range(5):
                    raw = integers(scale)
                    scale = least_squares(x, raw, po2=True)
                # 0.9 keeps the integers of the scale before the last.
                raw = raw if self.flavour == "0.9" else integers(scale)
        return finish(self, latent, raw, -self.integer, scale, channel_axis)

    def function(self):
        refuse_auto_activation(self)
        alpha = Fraction(float(alpha_scale(self)))
        if self._magnitude_bits == 0:
            low = -alpha if self.keep_negative else Fraction(0)
            return Steps(str(self), (Threshold(Fraction(0)),), (low, alpha))
        lo, hi = self._bounds()
        step = Fraction(2) ** -self._frac * alpha
        return RoundedSum(str(self), (Rounded(Fraction(2) ** self._frac, step, lo * step, hi * step),))
