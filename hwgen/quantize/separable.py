"""QSeparableConv1D and QSeparableConv2D: a depthwise convolution, and a 1×1 convolution of its exact sums.

Nothing is quantized between the two, so the second has wide inputs; a QDepthwiseConv2D, an activation and a QConv2D of
1×1 make a smaller network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwgen.ops import DepthwiseConv
from hwgen.quantize import linear
from hwgen.quantize.affine import exact, scale, stripped
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.convs import axes, place, stored, two_dimensional


def separable(build: LayerBuilder) -> Value:
    """(H, W, C), kernels (Kh, Kw, C, m) and (1, 1, C·m, N); (steps, C), (K, C, m) and (1, C·m, N)."""
    x = build.need_rank(axes(build) + 1)
    build.need("groups", 1, None, change="use groups=1")
    kernels = [stored(build, axes(build) + 2, name) for name in ("depthwise_kernel", "pointwise_kernel")]
    first = two_dimensional(linear.kernel(build, "depthwise_quantizer", kernels[0]))
    second = two_dimensional(linear.kernel(build, "pointwise_quantizer", kernels[1]))
    bias = build.weight("bias") if build.config.get("use_bias", True) else None
    offsets = linear.bias(build, bias, second.raw.shape[3])
    raw, twos = stripped(first.raw)
    none = np.zeros(raw.shape[2] * raw.shape[3], dtype=np.int64)
    x = build.add("depthwise", DepthwiseConv(raw, none, first.frac - twos, **place(build, x, raw.shape[:2])), x)
    if first.scale is not None and len(first.scale) == 1:
        # One scale for all channels can wait behind the sum. Products of two float32 are exact in float64.
        own = np.ones(1) if second.scale is None else second.scale
        second = replace(second, scale=own * first.scale)
    elif first.scale is not None:
        x = scale(build, "rescaled", x, exact(first.scale), [0] * len(none))
    return linear.finish(build, linear.weighted_sum(build, x, second, offsets))
