"""The automatic scales of QKeras in its own float32: which operations, in which order.

Sums follow the order of TensorFlow's CPU kernels (8 floats a vector), so that 'auto' scales agree to the last bit;
exceptions are a single output channel with more than 1,024 weights, where the order depends on the machine's threads,
and models run through XLA. Powers of two are safe from that but for a logarithm within float noise of a half.
"""

from __future__ import annotations

import numpy as np

from hwgen.quantizers.base import UnsupportedQuantizer

EPSILON = np.float32(1e-7)
_VECTOR = 8


def channel_axes(quantizer, ndim: int) -> tuple[int, ...]:
    """The axes that share a scale: all but the last. Refuses a scale_axis that says otherwise."""
    if quantizer.scale_axis not in (None, ndim - 1):  # to QKeras -1 is no axis
        raise UnsupportedQuantizer(
            f"scale_axis={quantizer.scale_axis!r} isn't supported for a tensor of {ndim} axes", "leave scale_axis out"
        )
    return tuple(range(ndim - 1))


def mean(x: np.ndarray) -> np.ndarray:
    """Float32 mean over all axes but the last, which are kept with size 1."""
    rows = x.reshape(-1, x.shape[-1])
    total = _sum_vector(rows[:, 0]) if rows.shape[1] == 1 else _sum_columns(rows)
    return (total / np.float32(len(rows))).reshape((1,) * (x.ndim - 1) + (-1,))


def least_squares(x: np.ndarray, q: np.ndarray, po2: bool) -> np.ndarray:
    """The scale s that makes s·q nearest to x, per channel; per element for a vector."""
    qx, qq = (mean(x * q), mean(q * q)) if x.ndim > 1 else (x * q, q * q)
    scale = qx / (qq + EPSILON)
    return round_po2(scale) if po2 else scale


def round_po2(scale: np.ndarray) -> np.ndarray:
    """2^round(log2(scale + 1e-7))."""
    shifted = (scale + EPSILON).astype(np.float64)
    return np.exp2(np.rint(np.log2(shifted))).astype(np.float32)


def _in_order(x: np.ndarray) -> np.ndarray:
    return np.add.accumulate(x, axis=0, dtype=np.float32)[-1]


def _sum_columns(rows: np.ndarray) -> np.ndarray:
    total = _in_order(rows)
    whole, wide = len(rows) // 4 * 4, rows.shape[1] // _VECTOR * _VECTOR
    if len(rows) >= 16 and wide:  # four interleaved sums, for the columns that fill vectors
        four = [_in_order(rows[k:whole:4, :wide]) for k in range(4)]
        total[:wide] = _in_order(np.vstack([_in_order(np.stack(four)), rows[whole:, :wide]]))
    return total


def _sum_vector(x: np.ndarray) -> np.ndarray:
    total = np.zeros(_VECTOR, np.float32)
    whole = len(x) // (4 * _VECTOR) * 4 * _VECTOR
    if whole:
        blocks = x[:whole].reshape(-1, 4, _VECTOR)
        total = _in_order(np.stack([_in_order(blocks[:, k]) for k in range(4)]))
    vectors = len(x) // _VECTOR * _VECTOR
    total = _in_order(np.vstack([total, x[whole:vectors].reshape(-1, _VECTOR)]))
    half = total[:4] + total[4:]
    rest = _in_order(np.concatenate([np.zeros(1, np.float32), x[vectors:]]))
    return np.array([rest + ((half[0] + half[2]) + (half[1] + half[3]))])
