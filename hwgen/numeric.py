"""Exact integer arithmetic on numpy arrays, shared by the ops and by the models of the hardware blocks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

# Sums of integers are exact in float64 while every partial sum stays below 2^53; then BLAS does the work.
_FLOAT64_EXACT = 2**53
# Raw values of so many bits are kept in int64; hardware carries no wider ones.
MAX_WIDTH = 62
# Products of exact scales may be wider until a quantizer takes them in; beyond MAX_WIDTH they are Python integers.
MAX_EXACT_WIDTH = 256


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Exact int64 product of (..., K) by (K, N). Raises OverflowError where int64 could not hold it."""
    bound = int(np.abs(a).max(initial=0)) * int(np.abs(b).sum(axis=0).max(initial=0))
    if bound < _FLOAT64_EXACT:
        return np.matmul(a.astype(np.float64), b.astype(np.float64)).astype(np.int64)
    if bound >= 2**63:
        raise OverflowError(f"a product sum may reach {bound}, beyond 63 bits")
    return np.matmul(a.astype(np.int64), b.astype(np.int64))


def widened(raw: np.ndarray, gain: int, offset: int = 0, divisor: int = 1) -> np.ndarray:
    """raw itself where (raw · gain + offset) / divisor can be computed in int64, else as Python integers."""
    bound = max(abs(int(raw.min(initial=0))), abs(int(raw.max(initial=0))))
    return raw if bound * abs(gain) + abs(offset) < 2**61 and divisor < 2**61 else raw.astype(object)


def compact(values: np.ndarray) -> np.ndarray:
    """Integers as int64 where all of them fit into MAX_WIDTH bits, else as Python integers."""
    if values.dtype == np.int64:
        return values
    fits = -(2**MAX_WIDTH) < values.min(initial=0) and values.max(initial=0) < 2**MAX_WIDTH
    return values.astype(np.int64 if fits else object)


def pad(x: np.ndarray, padding: tuple[int, int, int, int], value: int = 0) -> np.ndarray:
    """(frames, H, W, C) with (top, bottom, left, right) rows and columns of `value` around it."""
    top, bottom, left, right = padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def windows(x: np.ndarray, kernel: tuple[int, int], strides: tuple[int, int], dilation=(1, 1)) -> np.ndarray:
    """Every window of (frames, H, W, C): (frames, Ho, Wo, Kh, Kw, C), a view. dilation: from a tap to the next."""
    size = span(kernel[0], dilation[0]), span(kernel[1], dilation[1])
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))[:, :: strides[0], :: strides[1]]
    return np.moveaxis(view[..., :: dilation[0], :: dilation[1]], 3, 5)


def span(kernel: int, dilation: int) -> int:
    """Pixels of an axis from the first of `kernel` taps to the last, both included."""
    return (kernel - 1) * dilation + 1


def window_count(size: int, kernel: int, stride: int) -> int:
    """Windows along an axis of `size` (padding included); 0 or less where none fits."""
    return (size - kernel) // stride + 1


def round_half_even(numerator: np.ndarray, denominator: int) -> np.ndarray:
    """numerator / denominator rounded to the nearest integer, halves to even, exactly; denominator > 0."""
    quotient = numerator // denominator
    twice = 2 * (numerator - quotient * denominator)
    return quotient + ((twice > denominator) | ((twice == denominator) & (quotient & 1 == 1)))


def common_exponent(values) -> int:
    """The least e such that every value · 2^e is an integer. values: dyadic rationals (floats or Fractions), not all 0.

    Negative where all are multiples of a power of two. Raises ValueError where a value isn't finite or not dyadic.
    """
    exponents = []
    for value in values:
        fraction = Fraction(value)
        if fraction:
            if fraction.denominator & (fraction.denominator - 1):
                raise ValueError(f"{value} is not a multiple of a power of two")
            twos = (fraction.numerator & -fraction.numerator).bit_length() - 1
            exponents.append(fraction.denominator.bit_length() - 1 - twos)
    return max(exponents, default=0)


def scaled_integers(values, exponent: int, width: int = MAX_WIDTH) -> np.ndarray:
    """values · 2^exponent as integers. ValueError where one isn't an integer, OverflowError beyond `width` bits."""
    result = []
    for value in values:
        scaled = Fraction(value) * Fraction(2) ** exponent
        if scaled.denominator != 1:
            raise ValueError(f"{value} · 2^{exponent} is not an integer")
        if abs(scaled.numerator) >= 2**width:
            raise OverflowError(f"{value} · 2^{exponent} needs more than {width} bits")
        result.append(scaled.numerator)
    return compact(np.array(result, dtype=object))
