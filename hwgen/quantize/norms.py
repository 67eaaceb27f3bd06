"""Batch normalisation with the moving statistics: one multiplication and one addition a channel, both exact.

The constants are computed in float32 in the order in which Keras computes them; what they then do to a value is
exact, where Keras rounds the product and the sum once more. 1/sqrt is numpy's, correctly rounded twice, as Keras 3
has it: the rsqrt of TensorFlow on Keras 2 depends on the processor and on the length of the array in its last bit.
"""

from __future__ import annotations

import numpy as np

from hwgen.quantize import linear
from hwgen.quantize.affine import exact, scale
from hwgen.quantize.build import LayerBuilder, Value


def inverse(build: LayerBuilder, variance: np.ndarray, gamma: np.ndarray | None) -> np.ndarray:
    """gamma / sqrt(variance + epsilon), float32."""
    if (variance < 0).any():
        raise build.error("its moving_variance has negative values", "train it again, or load a sound file")
    epsilon = np.float32(build.config.get("epsilon", 1e-3))
    spread = np.sqrt(variance + epsilon)
    if not spread.all():
        raise build.error("its moving_variance is 0 and epsilon is 0", "use an epsilon above 0")
    result = np.float32(1) / spread
    return result if gamma is None else result * gamma


def fold(build: LayerBuilder, bias: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(factor of the kernel, bias) of a layer that folds its batch normalisation into itself, float32 (channels,).

    Both folding modes use the moving statistics at inference.
    """
    build.need("folding_mode", "ema_stats_folding", "batch_stats_folding", change="use one of QKeras's folding modes")
    _need_last_axis(build, 4 if "Conv2D" in build.layer.class_name else len(build.input.shape) + 1)
    mean, variance = build.weight("moving_mean"), build.weight("moving_variance")
    factor = inverse(build, variance, _optional(build, "gamma", "scale"))
    folded = factor * ((np.float32(0) if bias is None else bias) - mean)
    beta = _optional(build, "beta", "center")
    return factor, folded if beta is None else folded + beta


def batch_normalization(build: LayerBuilder) -> Value:
    """BatchNormalization: x·inverse + (beta - mean·inverse)."""
    mean, variance = build.weight("moving_mean"), build.weight("moving_variance")
    return _apply(build, _optional(build, "gamma", "scale"), _optional(build, "beta", "center"), mean, variance)


def q_batch_normalization(build: LayerBuilder) -> Value:
    """QBatchNormalization: the same with gamma, beta, mean, variance, and in v3 the inverse, quantized."""
    parts = {
        "gamma": _optional(build, "gamma", "scale"),
        "beta": _optional(build, "beta", "center"),
        "mean": build.weight("moving_mean"),
        "variance": build.weight("moving_variance"),
    }
    trainable = ("gamma", "variance")
    for name, latent in parts.items():
        if latent is not None:
            parts[name] = _quantized(build, f"{name}_quantizer", latent, name in trainable)
    return _apply(build, **parts, inverse_quantizer="inverse_quantizer")


def _apply(build, gamma, beta, mean, variance, inverse_quantizer: str | None = None) -> Value:
    x = build.input
    _need_last_axis(build, len(x.shape) + 1)
    factor = inverse(build, variance, gamma)
    if inverse_quantizer:
        factor = _quantized(build, inverse_quantizer, factor)
    shifted = mean * factor
    offset = -shifted if beta is None else beta - shifted
    return scale(build, "norm", x, exact(factor), exact(offset))


def _quantized(build: LayerBuilder, key: str, latent: np.ndarray, trainable: bool = False) -> np.ndarray:
    quantizer = build.quantizer(key, trainable=trainable)
    if quantizer is None:
        return latent
    values = linear.real(build.quantized(quantizer, latent))
    return np.array([float(value) for value in values], dtype=np.float32)


def _optional(build: LayerBuilder, name: str, switch: str) -> np.ndarray | None:
    return build.weight(name) if build.config.get(switch, True) else None


def _need_last_axis(build: LayerBuilder, rank: int) -> None:
    axis = build.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    if axis not in (-1, rank - 1):
        raise build.error(f"normalises axis {axis}", "use the channel axis, axis=-1")
