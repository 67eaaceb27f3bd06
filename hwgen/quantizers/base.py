"""What every quantizer is: stored weights become exact integers, an activation becomes an exact integer function."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar

import numpy as np

from hwgen.numeric import MAX_WIDTH
from hwgen.ops import Function


class UnsupportedQuantizer(ValueError):
    """A quantizer that can't become exact integers. Reads "reason; change"; the caller adds the layer."""

    def __init__(self, reason: str, change: str):
        self.reason, self.change = reason, change
        super().__init__(f"{reason}; {change}")


@dataclass(frozen=True)
class QuantizedWeights:
    """Weights as integers: value = raw · 2^-frac · scale.

    raw:   int64, the shape of the stored weights.
    scale: None for 1, else float64, each element an exact float32 > 0: shape (1,) for all channels, or (channels,).
           Powers of two that all channels share are in `frac` instead.
    """

    raw: np.ndarray
    frac: int
    scale: np.ndarray | None


@dataclass(frozen=True)
class Quantizer:
    """A quantizer with its parameters. `flavour` is the QKeras whose arithmetic counts: "0.9" or "v3"."""

    flavour: str = field(default="0.9", kw_only=True)

    divides_by_alpha: ClassVar[bool] = False  # it rounds x / alpha, not x

    def weights(self, latent: np.ndarray, channel_axis: int | tuple[int, ...] = -1) -> QuantizedWeights:
        """What QKeras makes of stored float32 weights. The scale is per element of `channel_axis`, in raster order
        where it names several axes (a depthwise kernel (h, w, c, m) has (-2, -1)). Raises UnsupportedQuantizer."""
        change = "use quantized_bits, binary, ternary or quantized_po2"
        raise UnsupportedQuantizer(f"{self} can't be a quantizer of weights", change)

    def function(self) -> Function:
        """The quantizer as an activation at inference. Raises UnsupportedQuantizer."""
        raise UnsupportedQuantizer(f"{self} can't be an activation", "use quantized_bits or quantized_relu")

    def for_kernel(self) -> Quantizer:
        """The quantizer that QKeras layers make of it for a kernel: there alpha=None means 'auto_po2'."""
        return self

    def __str__(self) -> str:
        values = [(f.name, getattr(self, f.name), f.default) for f in fields(self) if f.name != "flavour"]
        first = ("bits", "integer")
        shown = [_literal(v) for n, v, _ in values if n in first]
        shown += [f"{n}={_literal(v)}" for n, v, default in values if n not in first and v != default]
        return f"{type(self).__name__}({','.join(shown)})"


def _literal(value) -> str:
    return repr(int(value) if isinstance(value, bool) else value)


def refuse_auto_activation(quantizer: Quantizer) -> None:
    """An automatic alpha follows the data of each batch: as an activation it has no fixed value."""
    if isinstance(quantizer.alpha, str):
        raise UnsupportedQuantizer(
            f"{quantizer} as an activation takes its scale from each batch",
            "set alpha to a power of two",
        )


def alpha_scale(quantizer: Quantizer) -> np.ndarray:
    """A fixed alpha (None, a number, nested tuples) as float32; raises UnsupportedQuantizer unless it is positive."""
    scale = np.asarray(1.0 if quantizer.alpha is None else quantizer.alpha, dtype=np.float32)
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise UnsupportedQuantizer(f"{quantizer} has an alpha that isn't positive", "use a positive alpha")
    return scale


def finish(quantizer: Quantizer, latent, raw, frac: int, scale, channel_axis, base=None) -> QuantizedWeights:
    """QuantizedWeights from integers and a float32 scale that broadcasts against them.

    base: what QKeras adds and subtracts for its straight-through gradient, where that isn't `latent`.
    """
    raw = raw.astype(np.int64)
    scale = np.broadcast_to(np.asarray(scale, dtype=np.float32), raw.shape)
    _check_straight_through(quantizer, latent if base is None else base, raw, frac, scale)
    # A channel of zeros can have scale 0: then 0 · raw is 0 · anything.
    raw = np.where(scale == 0, 0, raw)
    raw, scale = _per_channel(quantizer, raw, scale, channel_axis)
    scale = np.where(scale == 0, scale.max() if scale.any() else 1.0, scale)
    if (scale == scale[0]).all():
        mantissa, exponent = np.frexp(scale[0])
        if mantissa == 0.5:
            return QuantizedWeights(raw, frac - (int(exponent) - 1), None)
        scale = scale[:1]
    return QuantizedWeights(raw, frac, scale)


def _per_channel(quantizer, raw: np.ndarray, scale: np.ndarray, channel_axis) -> tuple[np.ndarray, np.ndarray]:
    """(integers, one float64 scale a channel): powers of two by which scales of one channel differ go into the integers."""
    axes = [a % scale.ndim for a in np.atleast_1d(channel_axis)] if scale.ndim else []
    others = tuple(a for a in range(scale.ndim) if a not in axes)
    used = np.where((raw == 0) | (scale == 0), np.inf, scale.astype(np.float64))
    least = used.min(axis=others, keepdims=True, initial=np.inf)
    least = np.where(np.isinf(least), scale.astype(np.float64).max(axis=others, keepdims=True, initial=0), least)
    mantissa, exponent = np.frexp(np.where(np.isinf(used), 1.0, used / np.where(least == 0, 1.0, least)))
    if (mantissa != 0.5).any():
        raise UnsupportedQuantizer(
            f"{quantizer} scales weights of one output channel differently", "use one alpha for each output channel"
        )
    twos = exponent - 1
    if twos.max(initial=0) + int(np.abs(raw).max(initial=0)).bit_length() > MAX_WIDTH:
        reason = f"{quantizer} scales weights of one output channel by up to 2^{twos.max()}"
        raise UnsupportedQuantizer(reason, "use one alpha for each output channel")
    return raw << twos.astype(np.int64), least.transpose([*others, *axes]).ravel()


def _check_straight_through(quantizer, base, raw, frac, scale) -> None:
    """QKeras returns base + (value - base) in float32. Its rounding noise is no part of the value; but far outside
    the range of the quantizer the float sum loses the value itself, and no integer says what QKeras computes."""
    value = np.ldexp(raw.astype(np.float32), -frac) * scale
    lost = np.abs((base + (value - base)) - value) > np.abs(value) * np.float32(2**-10)
    if lost.any():
        far = f"a weight of {base[lost].flat[0]:g} is so far outside the range of {quantizer}"
        raise UnsupportedQuantizer(
            f"{far} that QKeras's float32 loses its value", "clip the weights and save the model again"
        )


def as_float32(latent: np.ndarray) -> np.ndarray:
    """Stored weights as TensorFlow computes with them: subnormal float32 are 0. ValueError where one isn't finite."""
    latent = np.asarray(latent, dtype=np.float32)
    if not np.isfinite(latent).all():
        raise ValueError("weights must be finite")
    return np.where(np.abs(latent) < np.finfo(np.float32).tiny, np.float32(0), latent)
