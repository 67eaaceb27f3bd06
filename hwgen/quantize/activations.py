"""Activations: quantizers, the exact part of Keras's own functions, and the softmax that is left to the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from hwgen.numeric import common_exponent, compact, widened
from hwgen.ops import Activation, Function
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.tensor import TensorType

# Smooth functions have no exact values on any grid.
_SMOOTH = {
    "tanh": "quantized_tanh",
    "sigmoid": "quantized_sigmoid",
    "hard_sigmoid": "quantized_sigmoid",
    **dict.fromkeys(("elu", "selu", "gelu", "swish", "silu", "mish", "softplus", "softsign", "exponential"), None),
}


@dataclass(frozen=True)
class Relu(Function):
    """min(x, most) for x ≥ 0 and slope·x below, as Keras's ReLU and LeakyReLU; slope and most are dyadic, slope ≥ 0."""

    most: Fraction | None = None
    slope: Fraction = Fraction(0)

    def _extra(self, x: TensorType) -> int:
        """Fractional bits that slope and limit need beyond the input's."""
        needed = [0]
        if self.slope:
            needed.append(common_exponent([self.slope]))
        if self.most:
            needed.append(common_exponent([self.most]) - x.frac)
        return max(needed)

    def _limit(self, x: TensorType) -> int | None:
        """The greatest raw result."""
        if self.most is None:
            return None
        return int(self.most * x.divisor * Fraction(2) ** (x.frac + self._extra(x)))

    def result(self, x):
        ends = [self._one(end, x) for end in (x.lo, x.hi)]
        return TensorType(x.shape, ends[0], ends[1], x.frac + self._extra(x), x.divisor)

    def _one(self, raw: int, x: TensorType) -> int:
        if raw < 0:
            return int(raw * self.slope * 2 ** self._extra(x))
        limit = self._limit(x)
        value = raw << self._extra(x)
        return value if limit is None else min(value, limit)

    def apply(self, raw, x):
        extra, limit = self._extra(x), self._limit(x)
        slope = int(self.slope * 2**extra)
        raw = widened(np.asarray(raw), max(1 << extra, slope), limit or 0)
        positive = np.maximum(raw, 0) << extra
        if limit is not None:
            positive = np.minimum(positive, limit)
        return compact(positive + np.minimum(raw, 0) * slope)

    def as_shift(self, x):
        if self.slope:
            return None
        return -self._extra(x), 0, self.result(x).hi

    def __str__(self):
        most = "" if self.most is None else f", max {float(self.most)}"
        slope = f", slope {float(self.slope)}" if self.slope else ""
        return f"relu{most}{slope}"


def name_of(spec) -> str | None:
    """The name of a plain Keras function ("relu"); None for a quantizer."""
    if spec is None:
        return "linear"
    if isinstance(spec, Mapping):
        # Keras 3 writes functions as {"class_name": "function", "config": "relu"}.
        if spec.get("class_name") == "function" and isinstance(spec.get("config"), str):
            return spec["config"]
        return None
    return spec if isinstance(spec, str) and (spec in _KERAS or spec in _SMOOTH) else None


_KERAS = {"linear": None, "softmax": None, "relu": Relu(), "relu6": Relu(most=Fraction(6))}


def activate(build: LayerBuilder, x: Value, spec) -> Value:
    """x through the activation that `spec` names: a Keras function, or a quantizer as the configuration has it."""
    name = name_of(spec)
    if name == "linear":
        return x
    if name == "softmax":
        if len(x.shape) != 1:
            raise build.error(f"a softmax over {x.shape} can't be left to the host", "end the model with a vector")
        return replace(x, softmax=build.layer.name)
    if name in _SMOOTH:
        instead = f"use {_SMOOTH[name]}" if _SMOOTH[name] else "use quantized_relu or quantized_tanh"
        raise build.error(f"{name} has no exact values", instead)
    if name is not None and name not in _KERAS:
        raise build.error(f"activation {name!r} isn't supported", "use a quantizer such as quantized_relu(4)")
    function = _KERAS[name] if name else build.function(spec)
    return apply(build, x, function)


def apply(build: LayerBuilder, x: Value, function: Function) -> Value:
    """x through a function, as a node."""
    return build.add("act", Activation(x.type, function), x)


def activation(build: LayerBuilder) -> Value:
    """Activation and QActivation."""
    return activate(build, build.input, build.config["activation"])


def softmax(build: LayerBuilder) -> Value:
    """The Softmax layer."""
    axis = build.config.get("axis", -1)
    if axis not in (-1, len(build.input.shape)):
        raise build.error(f"softmax over axis {axis} isn't supported", "apply it to the last axis")
    return activate(build, build.input, "softmax")


def relu(build: LayerBuilder) -> Value:
    """The ReLU layer."""
    threshold = build.config.get("threshold", 0) or 0
    if threshold:
        raise build.error(f"a threshold of {threshold} isn't supported", "leave threshold at 0")
    most, slope = build.config.get("max_value"), build.config.get("negative_slope", 0) or 0
    return apply(build, build.input, _relu(build, most, slope))


def leaky_relu(build: LayerBuilder) -> Value:
    """The LeakyReLU layer (Keras 2 calls its slope alpha)."""
    slope = build.config.get("negative_slope", build.config.get("alpha", 0.3))
    return apply(build, build.input, _relu(build, None, slope))


def _relu(build: LayerBuilder, most, slope) -> Relu:
    # Keras computes with both in float32; so do we, without its rounding of the product.
    most = None if most is None else Fraction(float(np.float32(most)))
    slope = Fraction(float(np.float32(slope)))
    if slope < 0:
        raise build.error(f"a negative slope of {float(slope)} isn't monotone", "use a slope of 0 or more")
    if most is not None and most < 0:
        raise build.error(f"max_value {float(most)} is below 0", "use a limit of 0 or more")
    return Relu(most, slope)
