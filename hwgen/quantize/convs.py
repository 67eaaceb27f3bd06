"""QConv2D and QDepthwiseConv2D, with and without a folded batch normalisation."""

from __future__ import annotations

from hwgen.quantize import linear
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.norms import fold


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis for TensorFlow's padding "same": the odd one comes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def padding(build: LayerBuilder, x: Value, kernel: tuple[int, int], strides: tuple[int, int]):
    """(top, bottom, left, right) as the layer's `padding` says."""
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    build.need("padding", "valid", "same", change="use 'valid' or 'same'")
    if build.config.get("padding", "valid") == "valid":
        return (0, 0, 0, 0)
    height, width, _ = x.type.shape
    return same_padding(height, kernel[0], strides[0]) + same_padding(width, kernel[1], strides[1])


def _window(build: LayerBuilder, x: Value, kernel: tuple[int, int]) -> dict:
    build.need_float32()
    build.need("dilation_rate", (1, 1), 1, change="use dilation_rate=1")
    build.need("groups", 1, None, change="use groups=1")
    build.need("mask", None, change="apply the mask to the weights")
    strides = build.pair("strides")
    return {"strides": strides, "padding": padding(build, x, kernel, strides)}


def conv2d(build: LayerBuilder, *, folded: bool = False) -> Value:
    """QConv2D: (H, W, C) and a kernel (Kh, Kw, C, N)."""
    x = build.need_rank(3)
    latent = build.weight("kernel")
    bias = build.weight("bias") if build.config.get("use_bias", True) else None
    if folded:
        inverse, bias = fold(build, bias)
        latent = inverse * latent
    weights = linear.kernel(build, "kernel_quantizer", latent)
    offsets = linear.bias(build, bias, latent.shape[3])
    x = linear.weighted_sum(build, x, weights, offsets, **_window(build, x, latent.shape[:2]))
    return linear.finish(build, x)


def conv2d_batchnorm(build: LayerBuilder) -> Value:
    """QConv2DBatchnorm."""
    return conv2d(build, folded=True)


def depthwise(build: LayerBuilder, *, folded: bool = False) -> Value:
    """QDepthwiseConv2D: (H, W, C) and a kernel (Kh, Kw, C, m); output channel c·m + j."""
    x = build.need_rank(3)
    latent = build.weight("depthwise_kernel", "kernel")
    bias = build.weight("bias") if build.config.get("use_bias", True) else None
    if folded:
        inverse, bias = fold(build, bias)
        latent = inverse.reshape(latent.shape[2:]) * latent
    weights = linear.kernel(build, "depthwise_quantizer", latent)
    offsets = linear.bias(build, bias, latent.shape[2] * latent.shape[3])
    x = linear.weighted_sum(build, x, weights, offsets, depthwise=True, **_window(build, x, latent.shape[:2]))
    return linear.finish(build, x)


def depthwise_batchnorm(build: LayerBuilder) -> Value:
    """QDepthwiseConv2DBatchnorm."""
    return depthwise(build, folded=True)
