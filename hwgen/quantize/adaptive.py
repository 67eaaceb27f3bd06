"""QAdaptiveActivation: a quantizer whose integer bits follow from the least and greatest values that training saw.

The layer stores moving averages of both and computes the integer bits from them at the end of each call, so QKeras's
first call after loading still has none; from the second call on it computes what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from hwgen.quantize import activations
from hwgen.quantize.affine import scale
from hwgen.quantize.build import LayerBuilder, Value


def adaptive(build: LayerBuilder) -> Value:
    """QAdaptiveActivation, for all channels at once or for each of them."""
    _need_frozen(build)
    bits, symmetric = int(build.config["total_bits"]), bool(build.config.get("symmetric", True))
    slope = float(build.config.get("relu_neg_slope", 0.0))
    kind = build.config["activation"]
    if kind == "quantized_relu":
        negative, options = slope != 0, {"negative_slope": slope}
    elif kind == "quantized_bits":
        negative, options = True, {"symmetric": symmetric, "alpha": 1.0}
    else:
        raise build.error(f"activation {kind!r} isn't supported", "use 'quantized_bits' or 'quantized_relu'")
    least, greatest = build.weight("ema_min"), build.weight("ema_max")
    po2 = bool(build.config.get("po2_rounding", False))
    integers = integer_bits(least, greatest, bits, symmetric=symmetric, keep_negative=negative, po2_rounding=po2)

    def quantized(x: Value, integer: int) -> Value:
        config = {"bits": bits, "integer": integer, **options}
        return activations.quantized(build, x, build.parse({"class_name": kind, "config": config}))

    x = build.input
    if len(set(integers)) == 1:
        return quantized(x, integers[0])
    # A power of two in and out of a quantizer without integer bits is the quantizer with them.
    ranges, zeros = [Fraction(2) ** integer for integer in integers], [Fraction(0)] * len(integers)
    x = quantized(scale(build, "ranged", x, [1 / r for r in ranges], zeros), 0)
    return scale(build, "range", x, ranges, zeros)


def integer_bits(least, greatest, bits: int, *, symmetric: bool, keep_negative: bool, po2_rounding: bool) -> list[int]:
    """Integer bits for each channel from float32 moving averages, in QKeras's own float32."""
    if not keep_negative:
        least, greatest = np.maximum(least, 0), np.maximum(greatest, 0)
    unsigned = bits - keep_negative
    below, above = _log2(least), _log2(greatest)
    if po2_rounding:
        below, above = np.rint(below), np.rint(above)
    else:
        below, above = np.ceil(below), np.ceil(above)
        above += greatest > np.exp2(above) - np.exp2(np.minimum(above - unsigned, 0))
        if symmetric:
            below += least < np.exp2(np.minimum(below - unsigned, 0)) - np.exp2(below)
    return [int(v) for v in np.minimum(np.maximum(below, above), unsigned)]


def _log2(x: np.ndarray) -> np.ndarray:
    """log2 |x| as a float32 logarithm over a float32 logarithm, 0 where it is negative."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(np.abs(x)) / np.float32(np.log(2.0)), np.float32(0))


def _need_frozen(build: LayerBuilder) -> None:
    """Raises ModelError where the layer goes on averaging at inference: QKeras does so up to ema_freeze_delay steps."""
    delay, step = (_number(build.config.get(key)) for key in ("ema_freeze_delay", "current_step"))
    if delay and build.config.get("trainable", True) and (step is None or step <= delay):
        reason = f"changes its range at inference, as its step {step} isn't beyond ema_freeze_delay={delay:g}"
        raise build.error(reason, "train it longer, or set trainable=False")


def _number(value):
    """A number as Keras 3 stores one of a tensor."""
    if isinstance(value, Mapping):
        value = value["config"]["value"]
    return None if value is None else float(value)
