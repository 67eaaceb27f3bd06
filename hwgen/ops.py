"""The integer operations that a model becomes in the quantize pass: no floats, no Keras, no hardware yet.

Every op infers the exact range of its result from the ranges of its inputs and its own constants. Zero padding is
raw 0, which is real 0 in every type. All arrays are (frames, H, W, C), int64; scales and what only passes values on
also take and give Python integers (dtype object) where a value needs more than MAX_WIDTH bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from hwgen.graph import Op
from hwgen.numeric import MAX_EXACT_WIDTH, MAX_WIDTH, compact, matmul, pad, span, widened, window_count, windows
from hwgen.tensor import TensorType

NO_PADDING = (0, 0, 0, 0)


class Function(ABC):
    """A monotone (nondecreasing) function of one real number onto a grid, exact on every input grid."""

    @abstractmethod
    def result(self, x: TensorType) -> TensorType:
        """The type of the result for inputs of type x; the tightest range that x allows."""

    @abstractmethod
    def apply(self, raw: np.ndarray, x: TensorType) -> np.ndarray:
        """Raw values of type x in (any shape), raw values of type result(x) out. No floats.

        int64, or Python integers where a value needs more. `raw` may be x.hi + 1: a search for thresholds asks there.
        """

    def as_shift(self, x: TensorType) -> tuple[int, int, int] | None:
        """(shift, lo, hi) where the function is clip(round_half_even(raw · 2^-shift), lo, hi), else None.

        A negative shift is a left shift.
        """
        return None


def _window_shape(shape, kernel, strides, padding, dilation=(1, 1)):
    top, bottom, left, right = padding
    rows, columns = span(kernel[0], dilation[0]), span(kernel[1], dilation[1])
    height = window_count(shape[0] + top + bottom, rows, strides[0])
    width = window_count(shape[1] + left + right, columns, strides[1])
    if height < 1 or width < 1:
        raise ValueError(f"a {rows}×{columns} window does not fit into {shape[0]}×{shape[1]}; use a smaller one")
    return height, width


def checked(type: TensorType, width: int = MAX_WIDTH) -> TensorType:
    """The type itself; ValueError where its raw values need more than `width` bits."""
    if type.width > width:
        raise ValueError(f"needs {type.width}-bit integers; at most {width} are supported")
    return type


def sum_range(weights: np.ndarray, lo: int, hi: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest Σ w·x for x in lo..hi, for each column of weights (fan-in, neurons).

    Arrays of Python integers: they can't overflow before `checked` sees them.
    """
    positive = np.where(weights > 0, weights, 0).sum(axis=0).astype(object)
    negative = np.where(weights < 0, weights, 0).sum(axis=0).astype(object)
    return positive * lo + negative * hi, positive * hi + negative * lo


@dataclass(frozen=True, eq=False)
class Input(Op):
    """A network input: frames arrive with this type."""

    type: TensorType

    def infer(self):
        return self.type

    def evaluate(self):
        raise TypeError("an input has no inputs: give its frames to evaluate()")


@dataclass(frozen=True, eq=False)
class Conv(Op):
    """Convolution: (Σ w·x)·2^shift + bias. A dense layer is a 1×1 convolution on a (1, 1, N) tensor.

    weights:  int64 (Kh, Kw, C / groups, N). bias: int64 (N,), on the grid of the result.
    shift:    left shift of the sum where the bias has more fractional bits than the products, else 0.
    frac:     fractional bits of the weights; the result has input frac + frac + shift.
    padding:  (top, bottom, left, right).
    dilation: rows and columns from one tap to the next.
    groups:   the k-th part of the neurons sees the k-th part of the channels.
    """

    weights: np.ndarray
    bias: np.ndarray
    frac: int = 0
    shift: int = 0
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = NO_PADDING
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def kernel(self) -> tuple[int, int]:
        return self.weights.shape[:2]

    def infer(self, x):
        *_, channels, neurons = self.weights.shape
        if channels * self.groups != x.channels:
            raise ValueError(f"weights for {channels * self.groups} channels, input has {x.channels}")
        if neurons % self.groups:
            raise ValueError(f"{self.groups} groups do not divide {neurons} neurons")
        return _sum_type(self, x, self.weights.reshape(-1, neurons))

    def evaluate(self, x):
        view = windows(pad(x, self.padding), self.kernel, self.strides, self.dilation)
        total = grouped_matmul(view, self.weights, self.groups)
        return (total << self.shift) + self.bias

    def describe(self):
        h, w, c, n = self.weights.shape
        groups = f" in {self.groups} groups" if self.groups > 1 else ""
        return f"Conv[{h}×{w}×{c}→{n}{groups} {_place(self)} w.{self.frac} <<{self.shift}]"


def _sum_type(op, x: TensorType, matrix: np.ndarray) -> TensorType:
    """The type of a convolution's result. matrix: its weights, (fan-in, channels of the result)."""
    height, width = _window_shape(x.shape, op.kernel, op.strides, op.padding, op.dilation)
    lo, hi = x.lo, x.hi
    if any(op.padding):
        lo, hi = min(lo, 0), max(hi, 0)
    least, most = sum_range(matrix, lo, hi)
    least, most = (least << op.shift) + op.bias, (most << op.shift) + op.bias
    shape, frac = (height, width, matrix.shape[1]), x.frac + op.frac + op.shift
    return checked(TensorType(shape, int(least.min()), int(most.max()), frac, x.divisor))


def _place(op) -> str:
    dilated = f" d{op.dilation}" if op.dilation != (1, 1) else ""
    return f"s{op.strides} p{op.padding}{dilated}"


def grouped_matmul(view: np.ndarray, weights: np.ndarray, groups: int) -> np.ndarray:
    """Σ w·x over windows (..., Kh, Kw, C) with weights (Kh, Kw, C / groups, N): (..., N), exactly."""
    parts = zip(np.split(view, groups, axis=-1), np.split(weights, groups, axis=-1))
    flat = [(x.reshape(*x.shape[:-3], -1), w.reshape(-1, w.shape[-1])) for x, w in parts]
    return np.concatenate([matmul(x, w) for x, w in flat], axis=-1)


@dataclass(frozen=True, eq=False)
class DepthwiseConv(Op):
    """Each channel convolved by its own kernels; output channel c·m + j. weights: (Kh, Kw, C, m); bias: (C·m,)."""

    weights: np.ndarray
    bias: np.ndarray
    frac: int = 0
    shift: int = 0
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = NO_PADDING
    dilation: tuple[int, int] = (1, 1)

    @property
    def kernel(self) -> tuple[int, int]:
        return self.weights.shape[:2]

    def infer(self, x):
        kh, kw, channels, multiplier = self.weights.shape
        if channels != x.channels:
            raise ValueError(f"weights for {channels} channels, input has {x.channels}")
        return _sum_type(self, x, self.weights.reshape(kh * kw, channels * multiplier))

    def evaluate(self, x):
        view = windows(pad(x, self.padding), self.kernel, self.strides, self.dilation)
        total = np.einsum("fhwijc,ijcm->fhwcm", view, self.weights)
        return (total.reshape(*total.shape[:3], -1) << self.shift) + self.bias

    def describe(self):
        h, w, c, m = self.weights.shape
        return f"DepthwiseConv[{h}×{w}×{c}·{m} {_place(self)} w.{self.frac} <<{self.shift}]"


@dataclass(frozen=True, eq=False)
class Scale(Op):
    """raw·multiplier + offset, per channel: batch normalisation and scales that aren't one power of two.

    multiplier, offset: (C,), int64 or Python integers. frac: how many fractional bits the multiplier adds. The result
    may need up to MAX_EXACT_WIDTH bits: a quantizer behind it takes it in without hardware for so wide a value.
    """

    multiplier: np.ndarray
    offset: np.ndarray
    frac: int

    def infer(self, x):
        if self.multiplier.shape != (x.channels,) or self.offset.shape != (x.channels,):
            raise ValueError(f"scale for {self.multiplier.shape} channels, input has {x.channels}")
        ends = [int(m) * end + int(b) for m, b in zip(self.multiplier, self.offset) for end in (x.lo, x.hi)]
        return checked(TensorType(x.shape, min(ends), max(ends), x.frac + self.frac, x.divisor), MAX_EXACT_WIDTH)

    def evaluate(self, x):
        most = (int(np.abs(constants).max()) for constants in (self.multiplier, self.offset))
        return compact(widened(x, *most) * self.multiplier + self.offset)

    def describe(self):
        bits = int(np.abs(self.multiplier).max()).bit_length()
        return f"Scale[{len(self.multiplier)} channels, {bits}-bit multipliers, .{self.frac}]"


@dataclass(frozen=True, eq=False)
class Activation(Op):
    """A quantizer or activation function: a monotone function from the input's grid to its own (`hwgen.quantizers`).

    input: the type of what comes in, whose grid the function needs to know.
    """

    input: TensorType
    function: Function

    def infer(self, x):
        if x != self.input:
            raise ValueError(f"an activation made for {self.input} was given {x}")
        return checked(self.function.result(x), MAX_EXACT_WIDTH)

    def evaluate(self, x):
        return self.function.apply(x, self.input)

    def describe(self):
        return f"Activation[{self.function}]"


@dataclass(frozen=True, eq=False)
class Pool(Op):
    """Maximum or sum over windows. Padding never wins a maximum and adds nothing to a sum.

    A sum with divisor n and `shift` s stands for the average over n·2^s values: the result's type says so.
    """

    kind: str  # "max" or "sum"
    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int] = NO_PADDING
    average: bool = False

    def infer(self, x):
        height, width = _window_shape(x.shape, self.kernel, self.strides, self.padding)
        shape = (height, width, x.channels)
        if self.kind == "max":
            return x.with_shape(shape)
        count = self.kernel[0] * self.kernel[1]
        lo, hi = x.lo * count, x.hi * count
        if any(self.padding):
            lo, hi = min(lo, 0), max(hi, 0)
        twos = (count & -count).bit_length() - 1 if self.average else 0
        divisor = count >> twos if self.average else 1
        return checked(TensorType(shape, lo, hi, x.frac + twos, x.divisor * divisor))

    def evaluate(self, x):
        if self.kind == "max":
            lowest = np.iinfo(np.int64).min if x.dtype == np.int64 else int(x.min(initial=0))
            return windows(pad(x, self.padding, lowest), self.kernel, self.strides).max(axis=(3, 4))
        return windows(pad(x, self.padding), self.kernel, self.strides).sum(axis=(3, 4))

    def describe(self):
        kind = "average" if self.average else self.kind
        return f"Pool[{kind} {self.kernel[0]}×{self.kernel[1]} s{self.strides} p{self.padding}]"


@dataclass(frozen=True, eq=False)
class Add(Op):
    """Σ raw_i · multiplier_i: the multipliers bring every input to the common `frac` and `divisor`."""

    multipliers: tuple[int, ...]
    frac: int
    divisor: int = 1

    def infer(self, *inputs):
        if len({x.shape for x in inputs}) != 1:
            raise ValueError(f"shapes differ: {[x.shape for x in inputs]}")
        ends = [sorted((m * x.lo, m * x.hi)) for m, x in zip(self.multipliers, inputs)]
        lo, hi = sum(e[0] for e in ends), sum(e[1] for e in ends)
        return checked(TensorType(inputs[0].shape, lo, hi, self.frac, self.divisor))

    def evaluate(self, *inputs):
        return sum(m * x for m, x in zip(self.multipliers, inputs))

    def describe(self):
        return f"Add[{self.multipliers}]"


@dataclass(frozen=True, eq=False)
class Concat(Op):
    """One after the other along an axis, each input times its multiplier (as in Add).

    axis: 0 rows, 1 columns, 2 channels.
    """

    multipliers: tuple[int, ...]
    frac: int
    divisor: int = 1
    axis: int = 2

    def infer(self, *inputs):
        ends = [m * end for m, x in zip(self.multipliers, inputs) for end in (x.lo, x.hi)]
        shape = joined_shape([x.shape for x in inputs], self.axis)
        return checked(TensorType(shape, min(ends), max(ends), self.frac, self.divisor))

    def evaluate(self, *inputs):
        return np.concatenate([m * x for m, x in zip(self.multipliers, inputs)], axis=1 + self.axis)

    def describe(self):
        along = {0: " rows", 1: " columns", 2: ""}[self.axis]
        return f"Concat[{self.multipliers}{along}]"


def joined_shape(shapes: list[tuple[int, int, int]], axis: int) -> tuple[int, int, int]:
    """The shape of tensors one after the other along an axis; ValueError where another axis differs."""
    if len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) != 1:
        others = ("widths or channels", "heights or channels", "heights or widths")[axis]
        raise ValueError(f"{others} differ: {shapes}")
    first = shapes[0]
    return first[:axis] + (sum(shape[axis] for shape in shapes),) + first[axis + 1 :]


@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """The same values in raster order under another shape: Flatten and Reshape. Costs nothing in a stream."""

    shape: tuple[int, int, int]

    def infer(self, x):
        if x.size != self.shape[0] * self.shape[1] * self.shape[2]:
            raise ValueError(f"{x.shape} does not hold as many values as {self.shape}")
        return x.with_shape(self.shape)

    def evaluate(self, x):
        return x.reshape(-1, *self.shape)

    def describe(self):
        return f"Reshape[{self.shape}]"


@dataclass(frozen=True, eq=False)
class Pad(Op):
    """Rows and columns of zeros: (top, bottom, left, right)."""

    padding: tuple[int, int, int, int]

    def infer(self, x):
        top, bottom, left, right = self.padding
        shape = (x.shape[0] + top + bottom, x.shape[1] + left + right, x.channels)
        return TensorType(shape, min(x.lo, 0), max(x.hi, 0), x.frac, x.divisor)

    def evaluate(self, x):
        return pad(x, self.padding)

    def describe(self):
        return f"Pad[{self.padding}]"
