"""QConv1D, QConv2D and QDepthwiseConv2D, with and without a folded batch normalisation.

A sequence (steps, channels) is one row, so a kernel over steps is one of a single row.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.numeric import span
from hwgen.ops import DepthwiseConv
from hwgen.quantize import linear
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.norms import fold
from hwgen.quantizers import QuantizedWeights


def axes(build: LayerBuilder) -> int:
    """1 or 2: over how many axes the layer's windows move."""
    return 1 if "1D" in build.layer.class_name else 2


def lengths(build: LayerBuilder, key: str) -> tuple[int, int]:
    """Rows and columns of a size in the configuration, 1 where it is left out."""
    value = build.config.get(key, 1)
    values = [int(v) for v in (value if isinstance(value, (list, tuple)) else [value] * axes(build))]
    if len(values) != axes(build) or min(values) < 1:
        raise build.error(f"{key}={value!r} isn't supported", f"use {axes(build)} positive integers")
    return (1, *values)[-2:]


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis for TensorFlow's padding "same": the odd one comes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def padding(build: LayerBuilder, x: Value, kernel: tuple[int, int], strides: tuple[int, int]):
    """(top, bottom, left, right) as the layer's `padding` says. kernel: rows and columns that it spans."""
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    build.need("padding", "valid", "same", change="use 'valid' or 'same'")
    if build.config.get("padding", "valid") == "valid":
        return (0, 0, 0, 0)
    height, width, _ = x.type.shape
    return same_padding(height, kernel[0], strides[0]) + same_padding(width, kernel[1], strides[1])


def place(build: LayerBuilder, x: Value, kernel: tuple[int, int]) -> dict:
    """Where a kernel of so many rows and columns is applied: `strides`, `padding` and `dilation` of the op."""
    strides, dilation = lengths(build, "strides"), lengths(build, "dilation_rate")
    for size, taps, apart in zip(x.type.shape, kernel, dilation):
        if taps > 1 and apart > size:
            raise build.error(f"its dilation_rate {apart} is beyond an axis of {size}", f"use one of at most {size}")
    dilation = tuple(apart if taps > 1 else 1 for apart, taps in zip(dilation, kernel))
    spans = span(kernel[0], dilation[0]), span(kernel[1], dilation[1])
    if axes(build) == 1 and build.config.get("padding") == "causal":
        build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
        around = (0, 0, spans[1] - 1, 0)
    else:
        around = padding(build, x, spans, strides)
    return {"strides": strides, "padding": around, "dilation": dilation}


def stored(build: LayerBuilder, rank: int, *names: str) -> np.ndarray:
    """The stored kernel under the first of these names that there is. Raises ModelError unless it has `rank` axes."""
    latent = build.weight(*names)
    if latent.ndim != rank:
        raise build.error(f"its {names[0]} has shape {latent.shape}, not {rank} axes", "save the model again")
    return latent


def conv(build: LayerBuilder, *, folded: bool = False) -> Value:
    """QConv1D, QConv2D: (H, W, C) and a kernel (Kh, Kw, C / groups, N); (steps, C) and (K, C / groups, N)."""
    x = build.need_rank(axes(build) + 1)
    build.need("mask", None, change="apply the mask to the weights")
    latent = stored(build, axes(build) + 2, "kernel")
    bias = build.weight("bias") if build.config.get("use_bias", True) else None
    if folded:
        inverse, bias = fold(build, bias)
        latent = inverse * latent
    weights = two_dimensional(linear.kernel(build, "kernel_quantizer", latent))
    offsets = linear.bias(build, bias, latent.shape[-1])
    groups = int(build.config.get("groups") or 1)
    x = linear.weighted_sum(build, x, weights, offsets, groups=groups, **place(build, x, weights.raw.shape[:2]))
    return linear.finish(build, x)


def conv_batchnorm(build: LayerBuilder) -> Value:
    """QConv2DBatchnorm."""
    return conv(build, folded=True)


def two_dimensional(weights: QuantizedWeights) -> QuantizedWeights:
    """Quantized weights of a kernel over steps as those of a kernel of one row."""
    return weights if weights.raw.ndim == 4 else replace(weights, raw=weights.raw[None])


def depthwise(build: LayerBuilder, *, folded: bool = False) -> Value:
    """QDepthwiseConv2D: (H, W, C) and a kernel (Kh, Kw, C, m); output channel c·m + j."""
    x = build.need_rank(3)
    build.need("groups", 1, None, change="use groups=1")
    latent = stored(build, 4, "depthwise_kernel", "kernel")
    bias = build.weight("bias") if build.config.get("use_bias", True) else None
    if folded:
        inverse, bias = fold(build, bias)
        latent = inverse.reshape(latent.shape[2:]) * latent
    weights = linear.kernel(build, "depthwise_quantizer", latent)
    offsets = linear.bias(build, bias, latent.shape[2] * latent.shape[3])
    x = linear.weighted_sum(build, x, weights, offsets, op=DepthwiseConv, **place(build, x, latent.shape[:2]))
    return linear.finish(build, x)


def depthwise_batchnorm(build: LayerBuilder) -> Value:
    """QDepthwiseConv2DBatchnorm."""
    return depthwise(build, folded=True)
