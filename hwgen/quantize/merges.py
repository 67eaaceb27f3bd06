"""Layers of several inputs: every input is brought to the finest grid among them by an integer multiplier."""

from __future__ import annotations

from math import lcm

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


def concatenate(build: LayerBuilder) -> Value:
    """Concatenate along the channels."""
    inputs = _several(build)
    rank, axis = len(inputs[0].shape), build.config.get("axis", -1)
    if axis not in (-1, rank):
        raise build.error(f"concatenates along axis {axis}", "concatenate channels, axis=-1")
    if len({len(x.shape) for x in inputs}) != 1:
        raise build.error(f"shapes differ: {', '.join(str(x.shape) for x in inputs)}", "make them equal")
    return build.add("cat", Concat(*common_grid([x.type for x in inputs])), *inputs)


def add(build: LayerBuilder) -> Value:
    """Add. Keras would repeat a smaller input; that isn't supported."""
    inputs = _several(build)
    if len({x.shape for x in inputs}) != 1:
        raise build.error(f"shapes differ: {', '.join(str(x.shape) for x in inputs)}", "make them equal")
    return build.add("add", Add(*common_grid([x.type for x in inputs])), *inputs)
