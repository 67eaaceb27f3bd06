"""ternary and stochastic_ternary: -alpha, 0 or alpha, with a fixed threshold or one that follows the scale."""

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
from hwgen.quantizers.functions import Steps, Threshold
from hwgen.quantizers.leastsquares import least_squares, round_po2

_THRESHOLD = 0.33


@dataclass(frozen=True)
class ternary(Quantizer):
    """sign(x)·alpha where |x| ≥ threshold (compared in float32), else 0."""

    alpha: None | str | float | tuple = None
    threshold: float | None = None
    number_of_unrolls: int = 5

    def for_kernel(self) -> Quantizer:
        return replace(self, alpha="auto_po2") if self.alpha is None else self

    def _float32_threshold(self) -> np.float32:
        if isinstance(self.threshold, str):
            raise UnsupportedQuantizer(f"{self} has a threshold that is a string", "give a number, or alpha='auto_po2'")
        return np.float32(_THRESHOLD if self.threshold is None else self.threshold)

    def weights(self, latent, channel_axis=-1):
        latent = as_float32(latent)
        if isinstance(self.alpha, str):
            raw, scale = self._auto(latent)
            return finish(self, latent, raw, 0, scale, channel_axis)
        raw = (np.abs(latent) >= self._float32_threshold()) * np.sign(latent)
        base = np.tanh(latent) if self.alpha is None else None
        return finish(self, latent, raw, 0, alpha_scale(self), channel_axis, base)

    def _auto(self, x):
        if self.threshold is not None:
            raise UnsupportedQuantizer(f"{self} has both an automatic alpha and a threshold", "leave one of them out")
        if self.number_of_unrolls < 1:
            raise UnsupportedQuantizer(f"{self} never computes its weights", "set number_of_unrolls to 5")
        po2 = self.alpha == "auto_po2"
        # A vector starts with one scale and ends with one for each element.
        axes = tuple(range(x.ndim - 1)) if x.ndim > 1 else None
        scale = np.float32(2) * np.abs(x).max(axis=axes, keepdims=True) / np.float32(3)
        scale = round_po2(scale) if po2 else scale
        for _ in range(self.number_of_unrolls):
            with np.errstate(invalid="ignore", divide="ignore"):
                near = scale * np.rint(x / scale)
            raw = (np.abs(near) >= scale / np.float32(2)) * np.sign(x)
            scale = least_squares(x, raw.astype(np.float32), po2)
        return raw, scale

    def function(self):
        refuse_auto_activation(self)
        alpha, threshold = Fraction(float(alpha_scale(self))), Fraction(float(self._float32_threshold()))
        # sign(0) is 0: a threshold of 0 or less leaves only x = 0 in the middle.
        positive = Threshold(threshold) if threshold > 0 else Threshold(Fraction(0), strict=True)
        negative = Threshold(-threshold, strict=True) if threshold > 0 else Threshold(Fraction(0))
        return Steps(str(self), (negative, positive), (-alpha, Fraction(0), alpha))


@dataclass(frozen=True)
class stochastic_ternary(ternary):
    """ternary at inference; random in training only."""
