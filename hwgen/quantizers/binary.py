"""binary and stochastic_binary: the sign, times a fixed or an automatic scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.quantizers.base import Quantizer, alpha_scale, as_float32, finish, refuse_auto_activation
from hwgen.quantizers.functions import Steps, Threshold
from hwgen.quantizers.leastsquares import channel_axes, least_squares


@dataclass(frozen=True)
class binary(Quantizer):
    """±alpha, or with use_01 0 and alpha; zero counts as positive."""

    use_01: int = False
    alpha: None | str | float | tuple = None
    scale_axis: int | None = None

    def for_kernel(self) -> Quantizer:
        return replace(self, alpha="auto_po2") if self.alpha is None else self

    def weights(self, latent, channel_axis=-1):
        latent = as_float32(latent)
        raw = np.where(latent >= 0, 1, 0 if self.use_01 else -1)
        if isinstance(self.alpha, str):
            channel_axes(self, latent.ndim)
            scale = least_squares(latent, raw.astype(np.float32), po2=self.alpha == "auto_po2")
        else:
            scale = alpha_scale(self)
        # Without alpha QKeras passes the gradient through tanh, which keeps its float sum small.
        base = np.tanh(latent) if self.alpha is None else None
        return finish(self, latent, raw, 0, scale, channel_axis, base)

    def function(self):
        refuse_auto_activation(self)
        alpha = Fraction(float(alpha_scale(self)))
        return Steps(str(self), (Threshold(Fraction(0)),), (Fraction(0) if self.use_01 else -alpha, alpha))


@dataclass(frozen=True)
class stochastic_binary(binary):
    """binary at inference; random in training only."""
