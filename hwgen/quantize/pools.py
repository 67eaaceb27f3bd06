"""Pooling. An average is a sum whose type carries the division, so that it stays exact for any window."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hwgen.ops import Pool
from hwgen.quantize import linear
from hwgen.quantize.activations import activate
from hwgen.quantize.affine import scale
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.convs import padding


def _axes(build: LayerBuilder) -> int:
    """1 or 2: how many axes the layer pools over. A sequence is one row."""
    return 1 if build.layer.class_name.endswith("1D") else 2


def _lengths(build: LayerBuilder, key: str) -> tuple[int, int]:
    """Rows and columns of a size in the configuration."""
    if _axes(build) == 2:
        return build.pair(key)
    value = build.config[key]
    return 1, int(value if isinstance(value, int) else value[0])


def _pool(build: LayerBuilder, kind: str, average: bool = False) -> Value:
    x = build.need_rank(_axes(build) + 1)
    kernel = _lengths(build, "pool_size")
    strides = kernel if build.config.get("strides") is None else _lengths(build, "strides")
    around = padding(build, x, kernel, strides)
    if kind == "sum" and any(around):
        reason = "averages over windows that reach into the padding divide by another count at the border"
        raise build.error(reason, "use padding='valid', or sizes that the strides divide")
    return build.add("pool", Pool(kind, kernel, strides, around, average), x)


def _global(build: LayerBuilder, kind: str, average: bool = False) -> Value:
    axes = _axes(build)
    x = build.need_rank(axes + 1)
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    kept = (1,) * axes if build.config.get("keepdims", False) else ()
    op = Pool(kind, x.type.shape[:2], (1, 1), average=average)
    return build.add("pool", op, x, shape=(*kept, x.shape[-1]))


def max_pooling(build: LayerBuilder) -> Value:
    return _pool(build, "max")


def average_pooling(build: LayerBuilder) -> Value:
    return _pool(build, "sum", average=True)


def global_max_pooling(build: LayerBuilder) -> Value:
    return _global(build, "max")


def global_average_pooling(build: LayerBuilder) -> Value:
    return _global(build, "sum", average=True)


def q_average_pooling(build: LayerBuilder) -> Value:
    """QAveragePooling2D: the sum times the quantized reciprocal of the window's size."""
    kernel = build.pair("pool_size")
    return _quantized_average(build, kernel[0] * kernel[1], _pool)


def q_global_average_pooling(build: LayerBuilder) -> Value:
    """QGlobalAveragePooling2D."""
    height, width = build.need_rank(3).shape[:2]
    return _quantized_average(build, height * width, _global)


def _quantized_average(build: LayerBuilder, area: int, pool) -> Value:
    quantizer = build.quantizer("average_quantizer")
    if quantizer is None:
        x = pool(build, "sum", average=True)
    else:
        factor = linear.real(build.quantized(quantizer, np.array([1.0 / area], dtype=np.float32)))
        x = pool(build, "sum")
        x = scale(build, "average", x, factor * x.type.channels, [Fraction(0)] * x.type.channels)
    return activate(build, x, build.config.get("activation"))
