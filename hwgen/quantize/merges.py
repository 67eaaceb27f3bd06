"""Layers of several inputs: every input is brought to the finest grid among them by an integer multiplier."""

from __future__ import annotations

from math import lcm

from hwgen.joins import MinMax
from hwgen.ops import Add, Concat
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.tensor import TensorType


def common_grid(types: list[TensorType]) -> tuple[tuple[int, ...], int, int]:
    """(multiplier of each input, frac, divisor) of the coarsest grid that holds all of them."""
    frac = max(t.frac for t in types)
    divisor = lcm(*(t.divisor for t in types))
    return tuple((divisor // t.divisor) << (frac - t.frac) for t in types), frac, divisor


def _several(build: LayerBuilder) -> tuple[Value, ...]:
    if len(build.inputs) < 2:
        raise build.error(f"takes two inputs or more, not {len(build.inputs)}", "rebuild the model")
    return build.inputs


def _alike(build: LayerBuilder) -> tuple[tuple[Value, ...], tuple[int, ...], int, int]:
    """Inputs of one shape, and their common grid. Keras would repeat a smaller input; that isn't supported."""
    inputs = _several(build)
    if len({x.shape for x in inputs}) != 1:
        raise build.error(f"shapes differ: {', '.join(str(x.shape) for x in inputs)}", "make them equal")
    return (inputs, *common_grid([x.type for x in inputs]))


def concatenate(build: LayerBuilder) -> Value:
    """Concatenate along any axis but the batch."""
    inputs = _several(build)
    rank, axis = len(inputs[0].shape), build.config.get("axis", -1)
    if len({len(x.shape) for x in inputs}) != 1:
        raise build.error(f"shapes differ: {', '.join(str(x.shape) for x in inputs)}", "make them equal")
    place = axis - 1 if axis > 0 else axis + rank
    if axis == 0 or not 0 <= place < rank:
        raise build.error(f"concatenates along axis {axis}", "concatenate channels, axis=-1, or rows, axis=1")
    grid = common_grid([x.type for x in inputs])
    return build.add("cat", Concat(*grid, axis=3 - rank + place), *inputs)


def add(build: LayerBuilder) -> Value:
    """Add."""
    inputs, *grid = _alike(build)
    return build.add("add", Add(*grid), *inputs)


def subtract(build: LayerBuilder) -> Value:
    """Subtract: the first input less the second."""
    inputs, multipliers, frac, divisor = _alike(build)
    if len(inputs) != 2:
        raise build.error(f"takes two inputs, not {len(inputs)}", "rebuild the model")
    return build.add("subtract", Add((multipliers[0], -multipliers[1]), frac, divisor), *inputs)


def average(build: LayerBuilder) -> Value:
    """Average: a sum whose type carries the division."""
    inputs, multipliers, frac, divisor = _alike(build)
    twos = (len(inputs) & -len(inputs)).bit_length() - 1
    return build.add("average", Add(multipliers, frac + twos, divisor * (len(inputs) >> twos)), *inputs)


def maximum(build: LayerBuilder) -> Value:
    """Maximum."""
    inputs, *grid = _alike(build)
    return build.add("maximum", MinMax("max", *grid), *inputs)


def minimum(build: LayerBuilder) -> Value:
    """Minimum."""
    inputs, *grid = _alike(build)
    return build.add("minimum", MinMax("min", *grid), *inputs)


def multiply(build: LayerBuilder) -> Value:
    """Multiply: refused."""
    reason = "multiplies two values that both vary, for which there is no hardware yet"
    raise build.error(reason, "use Add, Maximum or Concatenate in its place")
