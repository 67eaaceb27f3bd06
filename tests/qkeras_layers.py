"""Layers of Keras and QKeras without a kernel in exact arithmetic; shares no code with hwgen.

Each function takes a layer and its inputs, (integers (frames, H, W, C), their type) each, and gives (integers or
fractions, unit). A sequence (steps, channels) is one row, a vector one pixel.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import tensorflow as tf

from hwgen.quantize import raw_to_real
from tests.qkeras_linear import as_floats, as_integers, per_channel, unit_of


def _norm(layer, x):
    """x·inv + (beta - mean·inv), constants in float32."""
    raw, type = x
    mean, variance = (np.asarray(w) for w in (layer.moving_mean, layer.moving_variance))
    gamma = np.asarray(layer.gamma) if layer.scale else np.float32(1)
    beta = np.asarray(layer.beta) if layer.center else np.float32(0)
    inverse_quantizer = None
    if "QBatch" in layer.__class__.__name__:
        quantizers = [*layer.quantizers, None]
        present = (layer.scale, layer.center, True, True)
        gamma, beta, mean, variance = (
            np.asarray(quantizer(tf.constant(value))) if quantizer and there else value
            for quantizer, value, there in zip(quantizers, (gamma, beta, mean, variance), present)
        )
        inverse_quantizer = quantizers[4]
    inv = np.float32(1) / np.sqrt(variance + np.float32(layer.epsilon)) * gamma
    inv = np.asarray(inverse_quantizer(tf.constant(inv))) if inverse_quantizer else inv
    offset = beta - mean * inv
    exact = per_channel(raw.astype(object), unit_of(type), *([Fraction(float(v)) for v in c] for c in (inv, offset)))
    # The constants above are ours as much as Keras's: that they are the right ones, its rounded result shows.
    frames = raw_to_real(type, raw).astype(np.float32).reshape(len(raw), *raw.shape[5 - layer.input_spec.ndim :])
    rounded = np.asarray(layer(tf.constant(frames), training=False)).reshape(raw.shape)
    ours = (exact[0] * float(exact[1])).astype(np.float64)
    assert np.allclose(rounded, ours, rtol=1e-4, atol=1e-4 * np.abs(ours).max()), layer.name
    return exact


def _place(layer) -> tuple[tuple[int, int], tuple[int, int], str]:
    """Window, strides and padding over rows and columns; a sequence is one row."""
    size, strides = ((1, *np.ravel(n).tolist())[-2:] for n in (layer.pool_size, layer.strides))
    return size, strides, layer.padding.upper()


def _max_pool(layer, x):
    raw, type = x
    # Ranks instead of values, which may be wider than any float: TensorFlow finds the place of each maximum.
    values, ranks = np.unique(raw, return_inverse=True)
    found = tf.nn.max_pool2d(as_floats(ranks.reshape(raw.shape)), *_place(layer))
    return values.astype(object)[as_integers(found).astype(np.int64)], unit_of(type)


def _average(layer, x):
    raw, type = x
    count = int(np.prod(layer.pool_size))
    return as_integers(tf.nn.avg_pool2d(as_floats(raw), *_place(layer)) * count), unit_of(type) / count


def _global_average(layer, x):
    raw, type = x
    return raw.astype(object).sum(axis=(1, 2)), unit_of(type) / (raw.shape[1] * raw.shape[2])


def _quantized_average(layer, x):
    count = int(np.prod(layer.pool_size))
    return _times_reciprocal(layer, _average(layer, x), count)


def _quantized_global_average(layer, x):
    return _times_reciprocal(layer, _global_average(layer, x), x[0].shape[1] * x[0].shape[2])


def _times_reciprocal(layer, average, count: int):
    """The sum times QKeras's quantized 1 / count, in place of the average."""
    total, unit = average
    factor = np.asarray(layer.average_quantizer_internal(tf.constant(1.0 / count)))
    return total, unit * count * Fraction(float(factor))


# Layers of several inputs


def _fractions(x):
    raw, type = x
    return raw.astype(object) * unit_of(type)


def _merge(function):
    return lambda layer, *xs: (function([_fractions(x) for x in xs]), Fraction(1))


def _concatenate(layer, *xs):
    axis = 3 if layer.axis == -1 else layer.axis + 4 - len(layer.input[0].shape)
    return np.concatenate([_fractions(x) for x in xs], axis=axis), Fraction(1)


# Layers that move or leave out values


def _same(layer, x):
    return x[0], unit_of(x[1])


def _edges(amounts) -> list:
    """Numbers before and after each axis of (frames, H, W, C), from those that a layer has."""
    given = np.reshape(amounts, (-1, 2)).tolist()
    return [(0, 0)] * (3 - len(given)) + given + [(0, 0)]


def _zeros(layer, x):
    return np.pad(x[0], _edges(layer.padding)), unit_of(x[1])


def _crop(layer, x):
    places = zip(_edges(layer.cropping), x[0].shape)
    return x[0][tuple(slice(before, size - after) for (before, after), size in places)], unit_of(x[1])


def _permute(layer, x):
    axes = [n + 3 - len(layer.dims) for n in layer.dims]
    return x[0].transpose(0, *range(1, 4 - len(axes)), *axes), unit_of(x[1])


def _repeat(layer, x):
    return np.repeat(x[0].reshape(len(x[0]), 1, 1, -1), layer.n, axis=2), unit_of(x[1])


def _larger(layer, x):
    rows, columns = (1, *np.ravel(layer.size).tolist())[-2:]
    return x[0].repeat(rows, axis=1).repeat(columns, axis=2), unit_of(x[1])


def _prelu(layer, x):
    values, slopes = _fractions(x), np.asarray(layer.alpha).astype(np.float64)
    scaled = np.vectorize(Fraction, otypes=[object])(slopes.reshape(-1)[None]) * np.minimum(values, 0)
    return np.maximum(values, 0) + scaled, Fraction(1)


EXACT = {
    "PReLU": _prelu,
    "BatchNormalization": _norm,
    "QBatchNormalization": _norm,
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D"), _max_pool),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D"), _average),
    "QAveragePooling2D": _quantized_average,
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), _global_average),
    "QGlobalAveragePooling2D": _quantized_global_average,
    **dict.fromkeys(
        ("GlobalMaxPooling1D", "GlobalMaxPooling2D"), lambda layer, x: (x[0].max(axis=(1, 2)), unit_of(x[1]))
    ),
    "Concatenate": _concatenate,
    "Add": _merge(sum),
    "Subtract": _merge(lambda xs: xs[0] - xs[1]),
    "Average": _merge(lambda xs: sum(xs) * Fraction(1, len(xs))),
    "Maximum": _merge(np.maximum.reduce),
    "Minimum": _merge(np.minimum.reduce),
    **dict.fromkeys(("Flatten", "Reshape", "Dropout", "SpatialDropout2D", "GaussianNoise"), _same),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D"), _zeros),
    **dict.fromkeys(("Cropping1D", "Cropping2D"), _crop),
    "Permute": _permute,
    "RepeatVector": _repeat,
    **dict.fromkeys(("UpSampling1D", "UpSampling2D"), _larger),
}
