"""QKeras's layers of weights in exact arithmetic, from QKeras's own quantized weights; shares no code with hwgen.

Each function takes a layer and its input, (integers (frames, H, W, C), their type), and gives (integers, unit): sums by
TensorFlow in float64 below 2^53, scales as rational numbers.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import tensorflow as tf


def unit_of(type) -> Fraction:
    return Fraction(2) ** -type.frac / type.divisor


def as_floats(x: np.ndarray) -> tf.Tensor:
    assert np.abs(x).max(initial=0) < 2**53
    return tf.constant(x.astype(np.float64))


def as_integers(x: tf.Tensor) -> np.ndarray:
    values = np.asarray(x)
    assert np.abs(values).max(initial=0) < 2**53
    return np.rint(values).astype(np.int64).astype(object)


def _quantized(quantizer, latent) -> tuple[np.ndarray, Fraction, list[Fraction]]:
    """QKeras's quantized weights as (integers, step, scale a channel): w = integer · step · scale."""
    values = np.asarray(quantizer(tf.constant(np.asarray(latent))), dtype=np.float64)
    scale = getattr(quantizer, "scale", None)
    scale = np.ones(1) if scale is None else np.asarray(scale, dtype=np.float32).astype(np.float64).ravel()
    codes = np.where(scale == 0, 0, values / np.where(scale == 0, 1, scale)) * 2.0**20
    # Values were rounded in float32 after the multiplication by the scale: the code is the nearest step.
    digits = np.rint(np.ldexp(codes, -10)) * 2.0**10
    assert (np.abs(codes - digits) <= np.abs(digits) * 2.0**-18 + 2.0**-10).all()
    integers = np.ldexp(digits, -10)
    return integers, Fraction(1, 2**10), [Fraction(float(s)) for s in scale]


def _linear(layer, x, latent, quantizer, bias, convolve):
    """Σ w·x · scale + bias as (integers, unit), with the sum in integers."""
    raw, type = x
    integers, step, scales = _quantized(quantizer, latent)
    total = as_integers(convolve(as_floats(raw), tf.constant(integers)))
    channels = total.shape[-1]
    scales = (scales * channels)[:channels]
    unit = unit_of(type) * step
    return per_channel(total, unit, scales, _offsets(layer, bias, channels))


def _offsets(layer, bias, channels: int) -> list[Fraction]:
    """The bias a channel, quantized where it has a quantizer."""
    if bias is None:
        return [Fraction(0)] * channels
    if layer.bias_quantizer:
        bias = layer.bias_quantizer_internal(tf.constant(np.asarray(bias)))
    return [Fraction(float(b)) for b in np.asarray(bias)]


def per_channel(integers, unit, scales, offsets):
    """integers · unit · scale + offset, on a grid fine enough for all channels."""
    parts = [unit * s for s in scales] + offsets
    grid = Fraction(1, int(np.lcm.reduce([p.denominator for p in parts], dtype=object)))
    factors = np.array([int(unit * s / grid) for s in scales], dtype=object)
    added = np.array([int(o / grid) for o in offsets], dtype=object)
    return integers * factors + added, grid


def _conv(layer, x):
    """Over one axis or two; a sequence is one row."""
    kernel, bias = _weights(layer)
    return _linear(layer, x, kernel, layer.kernel_quantizer_internal, bias, lambda *y: _convolved(layer, *y))


def _convolved(layer, values, weights):
    strides, dilation = ((1, *np.ravel(n).tolist())[-2:] for n in (layer.strides, layer.dilation_rate))
    weights = weights if len(weights.shape) == 4 else weights[None]
    padding = layer.padding.upper()
    if padding == "CAUSAL":
        values = tf.pad(values, [[0, 0], [0, 0], [(weights.shape[1] - 1) * dilation[1], 0], [0, 0]])
        padding = "VALID"
    parts = zip(tf.split(values, layer.groups, 3), tf.split(weights, layer.groups, 3))
    return tf.concat([tf.nn.conv2d(x, w, strides, padding, dilations=dilation) for x, w in parts], 3)


def _separable(layer, x):
    """The 1×1 convolution of the exact sums of the first one."""
    strides, dilation = ((1, *np.ravel(n).tolist())[-2:] for n in (layer.strides, layer.dilation_rate))
    kernels = [np.asarray(w) for w in (layer.depthwise_kernel, layer.pointwise_kernel)]
    first, step, scales = _quantized(layer.depthwise_quantizer_internal, kernels[0])
    first = first if first.ndim == 4 else first[None]
    padding, strides = layer.padding.upper(), (1, *strides, 1)
    if strides[1] != strides[2]:  # of a sequence: TensorFlow wants one stride; the row is a single one anyway
        strides = (1, strides[2], strides[2], 1)
    total = as_integers(
        tf.nn.depthwise_conv2d(as_floats(x[0]), tf.constant(first), strides, padding, dilations=dilation)
    )
    none = [Fraction(0)] * total.shape[-1]
    sums, unit = per_channel(total, unit_of(x[1]) * step, (scales * len(none))[: len(none)], none)
    second, step, scales = _quantized(layer.pointwise_quantizer_internal, kernels[1])
    total = sums @ np.rint(second).astype(np.int64).astype(object).reshape(-1, second.shape[-1])
    channels = total.shape[-1]
    offsets = _offsets(layer, layer.bias if layer.use_bias else None, channels)
    return per_channel(total, unit * step, (scales * channels)[:channels], offsets)


def _transposed(layer, x):
    """Channel by channel of the input, since each may have a scale of its own."""
    raw, type = x
    kernel, step, scales = _quantized(layer.kernel_quantizer_internal, layer.kernel)
    channels, shape = raw.shape[-1], (len(raw), *layer.output.shape[1:])
    parts = [
        tf.nn.conv2d_transpose(as_floats(raw[..., [c]]), kernel[..., [c]], shape, layer.strides, layer.padding.upper())
        for c in range(channels)
    ]
    none = [Fraction(0)] * channels
    scaled, unit = per_channel(
        as_integers(tf.stack(parts, -1)), unit_of(type) * step, (scales * channels)[:channels], none
    )
    offsets = _offsets(layer, layer.bias if layer.use_bias else None, shape[-1])
    return per_channel(scaled.sum(axis=-1), unit, [Fraction(1)] * shape[-1], offsets)


def _weights(layer):
    """Kernel and bias before their quantizers."""
    if "Batchnorm" in type(layer).__name__:
        return _folded(layer)
    return _kernel(layer), layer.bias if layer.use_bias else None


def _folded(layer):
    """Kernel and bias with the normalisation folded in. TensorFlow's rsqrt may be an ulp or two away from 1/sqrt."""
    norm = layer.batchnorm
    gamma, beta, mean, variance = (
        np.asarray(w) for w in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    inv = np.float32(1) / np.sqrt(variance + np.float32(norm.epsilon))
    inv = inv * np.asarray(gamma) if norm.scale else inv
    bias = np.asarray(layer.bias) if layer.use_bias else np.float32(0)
    kernel = np.asarray(_kernel(layer))
    factor = inv.reshape(kernel.shape[2:]) if "Depthwise" in type(layer).__name__ else inv
    ours = factor * kernel, inv * (bias - mean) + beta
    for mine, theirs in zip(ours, layer.get_folded_weights()):
        assert np.allclose(mine, np.asarray(theirs), rtol=1e-5, atol=1e-6), layer.name
    return ours


def _kernel(layer):
    return layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel


def _depthwise(layer, x):
    def convolve(values, weights):
        place = (1, *layer.strides, 1), layer.padding.upper()
        return tf.nn.depthwise_conv2d(values, weights, *place, dilations=layer.dilation_rate)

    kernel, bias = _weights(layer)
    return _linear(layer, x, kernel, layer.depthwise_quantizer_internal, bias, convolve)


def _dense(layer, x):
    kernel, bias = _weights(layer)
    return _linear(layer, x, kernel, layer.kernel_quantizer_internal, bias, tf.linalg.matmul)


# Layers with a kernel, which may have an activation inside.
LINEAR = {
    "QConv1D": _conv,
    "QConv2D": _conv,
    "QConv2DBatchnorm": _conv,
    "QSeparableConv1D": _separable,
    "QSeparableConv2D": _separable,
    "QConv2DTranspose": _transposed,
    "QDepthwiseConv2D": _depthwise,
    "QDepthwiseConv2DBatchnorm": _depthwise,
    "QDense": _dense,
    "QDenseBatchnorm": _dense,
}
