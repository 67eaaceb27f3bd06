"""Layers that move or name values without computing."""

from __future__ import annotations

from math import prod

from hwgen.ops import Pad, Reshape
from hwgen.quantize.build import LayerBuilder, Value, hardware_shape


def identity(build: LayerBuilder) -> Value:
    """Dropout and its like: nothing at inference."""
    return build.input


def flatten(build: LayerBuilder) -> Value:
    """Flatten, in raster order."""
    x = build.input
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    return build.add("flat", Reshape((1, 1, x.type.size)), x, shape=(x.type.size,))


def reshape(build: LayerBuilder) -> Value:
    """Reshape to one, two or three axes."""
    x = build.input
    shape = [int(n) for n in build.config["target_shape"]]
    if -1 in shape and (rest := -prod(shape)) > 0:
        shape[shape.index(-1)] = x.type.size // rest
    hardware = hardware_shape(tuple(shape))
    if hardware is None or prod(shape) != x.type.size:
        change = "use one to three axes that hold as many values"
        raise build.error(f"can't reshape {x.shape} to {tuple(build.config['target_shape'])}", change)
    return build.add("view", Reshape(hardware), x, shape=tuple(shape))


def zero_padding(build: LayerBuilder) -> Value:
    """ZeroPadding2D."""
    x = build.need_rank(3)
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    amount = build.config["padding"]
    if isinstance(amount, int):
        amount = (amount, amount)
    (top, bottom), (left, right) = ((n, n) if isinstance(n, int) else n for n in amount)
    return build.add("pad", Pad((int(top), int(bottom), int(left), int(right))), x)
