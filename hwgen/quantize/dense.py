"""QDense, with and without a folded batch normalisation."""

from __future__ import annotations

from dataclasses import replace

from hwgen.quantize import linear
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.norms import fold


def dense(build: LayerBuilder, *, folded: bool = False) -> Value:
    """QDense: acts on the last axis; a 1×1 convolution on whatever stands before it."""
    x = build.need_rank(1, 2, 3)
    latent = build.weight("kernel")
    bias = build.weight("bias") if build.config.get("use_bias", True) else None
    if folded:
        inverse, bias = fold(build, bias)
        latent = inverse * latent
    weights = linear.kernel(build, "kernel_quantizer", latent)
    weights = replace(weights, raw=weights.raw.reshape(1, 1, *latent.shape))
    x = linear.weighted_sum(build, x, weights, linear.bias(build, bias, latent.shape[1]))
    return linear.finish(build, x)


def dense_batchnorm(build: LayerBuilder) -> Value:
    """QDenseBatchnorm."""
    return dense(build, folded=True)
