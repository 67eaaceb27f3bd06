"""Activations: quantizers, the exact part of Keras's own functions, and the softmax that is left to the host."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from hwgen.ops import Activation, Add, Function
from hwgen.quantize import functions
from hwgen.quantize.affine import exact, scale
from hwgen.quantize.build import LayerBuilder, Value
from hwgen.quantize.functions import float32, name_of
from hwgen.quantize.merges import common_grid
from hwgen.quantize.rectifiers import Relu
from hwgen.quantizers import Quantizer
from hwgen.quantizers.functions import Line


def activate(build: LayerBuilder, x: Value, spec) -> Value:
    """x through the activation that `spec` names: a Keras function, or a quantizer as the configuration has it."""
    name = name_of(spec)
    if name == functions.LINEAR:
        return x
    if name == functions.SOFTMAX:
        if len(x.shape) != 1:
            raise build.error(f"a softmax over {x.shape} can't be left to the host", "end the model with a vector")
        return replace(x, softmax=build.layer.name)
    if name is None:
        return quantized(build, x, build.parse(spec))
    kind = build.layer.class_name
    if name == "hard_sigmoid" and kind == "QActivation" and build.flavour == "v3":
        reason = "QActivation('hard_sigmoid') is x/2 + 1/2 in qkeras-v3, but x/6 + 1/2 once a .keras file is loaded"
        raise build.error(reason, "use Activation('hard_sigmoid') or quantized_sigmoid")
    try:
        function = functions.named(name, build.flavour, kind.startswith("Q"))
    except ValueError as problem:
        raise build.error(*str(problem).split("; ")) from problem
    return apply(build, x, function)


def quantized(build: LayerBuilder, x: Value, quantizer: Quantizer) -> Value:
    """x through a quantizer. One alpha a channel is a scale behind it, and in front of one that divides by it."""
    alpha = getattr(quantizer, "alpha", None)
    if not isinstance(alpha, tuple):
        return apply(build, x, build.function(quantizer))
    alpha = np.asarray(alpha, dtype=np.float32)
    if not (np.isfinite(alpha) & (alpha > 0)).all():
        raise build.error(f"{quantizer} has an alpha that isn't positive", "use a positive alpha")
    if alpha.size not in (1, alpha.shape[-1], x.type.channels) or alpha.shape[-1] not in (1, x.type.channels):
        reason = f"{quantizer} has an alpha of shape {alpha.shape} for {x.type.channels} channels"
        raise build.error(reason, "give alpha one number, or one a channel")
    scales = exact(np.broadcast_to(alpha.ravel(), (x.type.channels,)))
    zeros = [Fraction(0)] * x.type.channels
    if quantizer.divides_by_alpha:
        if (np.frexp(alpha)[0] != 0.5).any():
            raise build.error(f"{quantizer} divides by alpha in float32", "set alpha to powers of two")
        x = scale(build, "unscaled", x, [1 / s for s in scales], zeros)
    x = apply(build, x, build.function(replace(quantizer, alpha=1.0)))
    return scale(build, "alpha", x, scales, zeros)


def apply(build: LayerBuilder, x: Value, function: Function) -> Value:
    """x through a function, as a node. The slope and offset of a line become a scale, which has hardware of its own."""
    if isinstance(function, Line) and (function.gain, function.offset) != (1, 0) and function.dyadic:
        count = x.type.channels
        x = scale(build, "line", x, [function.gain] * count, [function.offset] * count)
        function = replace(function, gain=Fraction(1), offset=Fraction(0))
    return build.add("act", Activation(x.type, function), x)


def activation(build: LayerBuilder) -> Value:
    """Activation and QActivation."""
    return activate(build, build.input, build.config["activation"])


def softmax(build: LayerBuilder) -> Value:
    """The Softmax layer."""
    axis = build.config.get("axis", -1)
    if axis not in (-1, len(build.input.shape)):
        raise build.error(f"softmax over axis {axis} isn't supported", "apply it to the last axis")
    return activate(build, build.input, functions.SOFTMAX)


def relu(build: LayerBuilder) -> Value:
    """The ReLU layer."""
    most, slope, threshold = (build.config.get(key) for key in ("max_value", "negative_slope", "threshold"))
    return apply(build, build.input, _relu(build, most, slope or 0, threshold or 0))


def leaky_relu(build: LayerBuilder) -> Value:
    """The LeakyReLU layer (Keras 2 calls its slope alpha)."""
    slope = build.config.get("negative_slope", build.config.get("alpha", 0.3))
    return apply(build, build.input, _relu(build, None, slope))


def thresholded_relu(build: LayerBuilder) -> Value:
    """Keras 2's ThresholdedReLU: x where it is above theta, else 0."""
    return apply(build, build.input, _relu(build, threshold=build.config.get("theta", 1.0)))


def _relu(build: LayerBuilder, most=None, slope=0, threshold=0) -> Relu:
    # Keras computes with all three in float32; so do we, without its rounding of the product.
    most = None if most is None else float32(most)
    slope, threshold = float32(slope), float32(threshold)
    if slope < 0:
        raise build.error(f"a negative slope of {float(slope)} isn't monotone", "use a slope of 0 or more")
    if most is not None and most < 0:
        raise build.error(f"max_value {float(most)} is below 0", "use a limit of 0 or more")
    if threshold < 0:
        raise build.error(f"threshold {float(threshold)} is below 0", "use a threshold of 0 or more")
    return Relu(most, slope, threshold)


def prelu(build: LayerBuilder) -> Value:
    """The PReLU layer: relu(x) + alpha·min(x, 0), with one alpha a channel."""
    x, alpha = build.input, build.weight("alpha")
    slopes = np.broadcast_to(alpha, x.shape).reshape(-1, x.type.channels)
    if (slopes != slopes[0]).any():
        axes = list(range(1, len(x.shape)))
        raise build.error("has one slope a pixel", f"share them: shared_axes={axes}")
    slopes = exact(slopes[0])
    if len(set(slopes)) == 1 and slopes[0] >= 0:
        return apply(build, x, Relu(slope=slopes[0]))
    positive = build.add("positive", Activation(x.type, Relu()), x)
    negative = build.add("negative", Activation(x.type, Line("negative part", hi=Fraction(0))), x)
    negative = scale(build, "slope", negative, slopes, [Fraction(0)] * len(slopes))
    return build.add("sum", Add(*common_grid([positive.type, negative.type])), positive, negative)
