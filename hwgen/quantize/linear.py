"""What convolutions and dense layers share: quantized weights, where their scale goes, and the bias."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hwgen.numeric import common_exponent, scaled_integers
from hwgen.ops import Conv, DepthwiseConv
from hwgen.quantize.activations import activate
from hwgen.quantize.affine import exact, scale, stripped
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantizers import QuantizedWeights
from hwgen.upsampling import ConvTranspose


def kernel(build: LayerBuilder, key: str, latent: np.ndarray, channel_axis=-1) -> QuantizedWeights:
    """The layer's kernel as its quantizer under `key` gives it."""
    quantizer = build.quantizer(key, trainable=True)
    if quantizer is None:
        raise build.error(f"has no {key}: float weights can't become exact hardware", _example(key))
    return build.quantized(quantizer, latent, (-2, -1) if key == "depthwise_quantizer" else channel_axis)


# Keras's layers of weights -> the quantizers that their QKeras classes take; those that have no such class.
FLOAT = {
    "Dense": ("kernel_quantizer",),
    "Conv1D": ("kernel_quantizer",),
    "Conv2D": ("kernel_quantizer",),
    "Conv2DTranspose": ("kernel_quantizer",),
    "DepthwiseConv2D": ("depthwise_quantizer",),
    "SeparableConv1D": ("depthwise_quantizer", "pointwise_quantizer"),
    "SeparableConv2D": ("depthwise_quantizer", "pointwise_quantizer"),
}
FLOAT_ONLY = {
    "DepthwiseConv1D": "a QDepthwiseConv2D on (1, steps, channels)",
    "Conv1DTranspose": "a QConv2DTranspose on (1, steps, channels)",
}


def refuse_float(build: LayerBuilder) -> Value:
    """Plain Conv2D, Dense, DepthwiseConv2D, ...: weights without a quantizer."""
    name = build.layer.class_name
    change = f"use {FLOAT_ONLY[name]}" if name in FLOAT_ONLY else f"use Q{name}: {_example(*FLOAT[name])}"
    raise build.error(f"{name} has float weights, which can't become exact hardware", change)


def _example(*keys: str) -> str:
    given = ", ".join(f"{key}='quantized_bits(4, 0, alpha=1)'" for key in keys)
    return f"give it a {' and a '.join(keys)}, such as {given}"


def bias(build: LayerBuilder, latent: np.ndarray | None, channels: int) -> list[Fraction]:
    """The bias per channel: quantized where there is a bias_quantizer, else the float32 values as they are."""
    if latent is None:
        return [Fraction(0)] * channels
    quantizer = build.quantizer("bias_quantizer")
    if quantizer is None:
        return exact(latent)
    return real(build.quantized(quantizer, latent))


def real(weights: QuantizedWeights) -> list[Fraction]:
    """Quantized weights as rational numbers, flattened."""
    scales = exact(np.ones(1) if weights.scale is None else weights.scale)
    step = Fraction(2) ** -weights.frac
    return [int(raw) * step * scales[k % len(scales)] for k, raw in enumerate(weights.raw.ravel())]


def weighted_sum(
    build: LayerBuilder,
    x: Value,
    weights: QuantizedWeights,
    offsets: list[Fraction],
    *,
    op: type[Conv | DepthwiseConv | ConvTranspose] = Conv,
    **place,
) -> Value:
    """Σ w·x + offset as a convolution, with a Scale after it where the weights' scale isn't one power of two.

    weights: raw is (Kh, Kw, C, N), or (Kh, Kw, C, m) for a DepthwiseConv. offsets: real, one a channel of the result.
    op: what computes it. place: its own fields: strides, padding, ...
    """
    raw, twos = stripped(weights.raw)
    frac = weights.frac - twos
    if weights.scale is not None:
        scales = exact(weights.scale)
        zeros = np.zeros(len(offsets), dtype=np.int64)
        x = build.add("sum", op(raw, zeros, frac, 0, **place), x)
        return scale(build, "scale", x, scales if len(scales) > 1 else scales * len(offsets), offsets)
    grid, divisor = x.type.frac + frac, x.type.divisor
    shift = max(0, common_exponent(offsets) - grid) if any(offsets) else 0
    try:
        integers = scaled_integers([offset * divisor for offset in offsets], grid + shift)
    except OverflowError as problem:
        raise build.error(f"its bias isn't exact in 62 bits ({problem})", "give it a bias_quantizer") from problem
    return build.add("sum", op(raw, integers, frac, shift, **place), x)


def finish(build: LayerBuilder, x: Value) -> Value:
    """`activation=` inside the layer."""
    return activate(build, x, build.config.get("activation"))
