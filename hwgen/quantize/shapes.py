"""Layers that move, leave out or name values without computing."""

from __future__ import annotations

from math import prod

from hwgen.moves import Crop, Loops, Reorder, is_raster, permuted, simplified
from hwgen.ops import Pad, Reshape
from hwgen.quantize.build import LayerBuilder, Value, hardware_shape
from hwgen.quantize.refusals import check_size

# At inference they do nothing.
IDENTITIES = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"),
    *("GaussianNoise", "ActivityRegularization", "Identity"),
)


def identity(build: LayerBuilder) -> Value:
    """Dropout and its like: nothing at inference."""
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
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


def permute(build: LayerBuilder) -> Value:
    """Permute: nothing where only axes of one place move, else a memory of two frames."""
    x = build.input
    dims, rank = [int(n) for n in build.config["dims"]], len(x.shape)
    if sorted(dims) != list(range(1, rank + 1)):
        raise build.error(f"dims={tuple(dims)} don't order {rank} axes", "name each axis but the batch once")
    shape = tuple(x.shape[n - 1] for n in dims)
    return _reordered(build, x, permuted(x.shape, [n - 1 for n in dims]), shape)


def repeat_vector(build: LayerBuilder) -> Value:
    """RepeatVector: a vector of N as n steps of it."""
    x = build.need_rank(1)
    count, size = int(build.config["n"]), x.shape[0]
    if count < 1:
        raise build.error(f"repeats its input {count} times", "use n of 1 or more")
    return _reordered(build, x, simplified([(count, 0), (size, 1)]), (count, size))


def _reordered(build: LayerBuilder, x: Value, loops: Loops, shape: tuple[int, ...]) -> Value:
    check_size(build.layer, prod(shape))
    hardware = hardware_shape(shape)
    op = Reshape(hardware) if is_raster(loops) else Reorder(loops, hardware)
    return build.add("order", op, x, shape=shape)


def zero_padding(build: LayerBuilder) -> Value:
    """ZeroPadding1D and ZeroPadding2D."""
    return _around(build, "padding", Pad)


def cropping(build: LayerBuilder) -> Value:
    """Cropping1D and Cropping2D."""
    return _around(build, "cropping", Crop)


def _around(build: LayerBuilder, key: str, op: type[Pad | Crop]) -> Value:
    """(top, bottom, left, right) of a layer that adds or takes away at the edges."""
    axes = 1 if build.layer.class_name.endswith("1D") else 2
    x = build.need_rank(axes + 1)
    build.need("data_format", "channels_last", None, change="rebuild the model with channels last")
    amount = build.config[key]
    if axes == 1:  # a number or a pair
        amount = (0, amount)
    elif isinstance(amount, int):
        amount = (amount, amount)
    (top, bottom), (left, right) = ((n, n) if isinstance(n, int) else n for n in amount)
    around = tuple(map(int, (top, bottom, left, right)))
    if min(around) < 0:
        raise build.error(f"{key}={amount} has a negative number", "use 0 or more")
    return build.add("edges", op(around), x)
