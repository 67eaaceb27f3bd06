"""Layers with a larger result: UpSampling1D and UpSampling2D, which repeat pixels, and QConv2DTranspose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.numeric import span
from hwgen.ops import Conv
from hwgen.quantize import linear
from hwgen.quantize.affine import exact, scale
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.convs import axes, lengths, same_padding, stored
from hwgen.quantize.refusals import check_size
from hwgen.quantizers import QuantizedWeights
from hwgen.upsampling import ConvTranspose, Upsample


def nearest(build: LayerBuilder) -> Value:
    """UpSampling1D and UpSampling2D to the nearest pixel."""
    x, factors = build.need_rank(axes(build) + 1), lengths(build, "size")
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    build.need("interpolation", "nearest", change="use interpolation='nearest'")
    return x if factors == (1, 1) else build.add("larger", Upsample(factors), x)


def conv_transpose(build: LayerBuilder) -> Value:
    """QConv2DTranspose: (H, W, C) and a kernel (Kh, Kw, N, C). Every pixel adds the kernel, a stride from the last."""
    x = build.need_rank(3)
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    build.need("padding", "valid", "same", change="use 'valid' or 'same'")
    build.need("groups", 1, None, change="use groups=1")
    build.need("output_padding", None, change="leave it out: QKeras ignores it in a model that it loads")
    strides, dilation = lengths(build, "strides"), lengths(build, "dilation_rate")
    if max(strides) > 1 and max(dilation) > 1:
        raise build.error(f"strides={strides} with dilation_rate={dilation} isn't supported", "use one of them")
    latent = stored(build, 4, "kernel")
    bias = build.weight("bias") if build.config.get("use_bias", True) else None
    offsets = linear.bias(build, bias, latent.shape[2])
    x, weights = _kernel(build, x, latent)
    same = build.config.get("padding", "valid") == "same"
    if max(strides) == 1:
        op, place = Conv, _dense(weights.raw.shape[:2], dilation, same)
        weights = replace(weights, raw=weights.raw[::-1, ::-1])
    else:
        check_size(build.layer, *(s * n for s, n in zip(strides, x.type.shape)), np.prod(strides) * latent.size)
        op, place = ConvTranspose, _strided(x.type.shape, latent.shape, strides, same)
    return linear.finish(build, linear.weighted_sum(build, x, weights, offsets, op=op, **place))


def _dense(kernel: tuple[int, int], dilation: tuple[int, int], same: bool) -> dict:
    """Where a convolution with the kernel the other way round has its taps: `padding` and `dilation`."""
    around = []
    for taps, apart in zip(kernel, dilation):
        reach = span(taps, apart) - 1
        cut = reach // 2 if same else 0
        around += [reach - cut, cut if same else reach]
    return {"padding": tuple(around), "dilation": tuple(d if k > 1 else 1 for d, k in zip(dilation, kernel))}


def _strided(shape, kernel, strides: tuple[int, int], same: bool) -> dict:
    """`strides`, `cut` and `size` of a ConvTranspose. It is the gradient of a convolution of the result, whose padding
    is what is cut off; "valid" never cuts, and has pixels of bias where kernels don't reach."""
    cut, size = [], []
    for pixels, taps, stride in zip(shape, kernel, strides):
        size.append(pixels * stride + (0 if same else max(taps - stride, 0)))
        cut.append(same_padding(size[-1], taps, stride)[0] if same else 0)
    return {"strides": strides, "cut": tuple(cut), "size": tuple(size)}


def _kernel(build: LayerBuilder, x: Value, latent: np.ndarray) -> tuple[Value, QuantizedWeights]:
    """The input, and the quantized kernel for it, raw (Kh, Kw, C, N).

    QKeras takes a scale for each index of a kernel's last axis, which here is the input's channel. Powers of two go into
    the integers, others are multiplied with the input.
    """
    weights = linear.kernel(build, "kernel_quantizer", latent)
    if weights.scale is not None and len(weights.scale) > 1:
        if (np.frexp(weights.scale)[0] == 0.5).all():
            weights = linear.kernel(build, "kernel_quantizer", latent, channel_axis=-2)
        else:
            x = scale(build, "scaled", x, exact(weights.scale), [0] * len(weights.scale))
            weights = replace(weights, scale=None)
    return x, replace(weights, raw=weights.raw.transpose(0, 1, 3, 2))
