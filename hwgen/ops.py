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
from hwgen.numeric import MAX_EXACT_WIDTH, MAX_WIDTH, compact, matmul, pad, widened, window_count, windows
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


def _window_shape(shape, kernel, strides, padding):
    top, bottom, left, right = padding
    height = window_count(shape[0] + top + bottom, kernel[0], strides[0])
    width = window_count(shape[1] + left + right, kernel[1], strides[1])
    if height < 1 or width < 1:
        raise ValueError(f"a {kernel[0]}×{kernel[1]} window does not fit into {shape[0]}×{shape[1]}; use a smaller one")
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

    weights: int64 (Kh, Kw, C, N). bias: int64 (N,), on the grid of the result.
    shift:   left shift of the sum where the bias has more fractional bits than the products, else 0.
    frac:    fractional bits of the weights; the result has input frac + frac + shift.
    padding: (top, bottom, left, right).
    """

    weights: np.ndarray
    bias: np.ndarray
    frac: int = 0
    shift: int = 0
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = NO_PADDING

    @property
    def kernel(self) -> tuple[int, int]:
        return self.weights.shape[:2]

    def infer(self, x):
        if self.weights.shape[2] != x.channels:
            raise ValueError(f"weights for {self.weights.shape[2]} channels, input has {x.channels}")
        height, width = _window_shape(x.shape, self.kernel, self.strides, self.padding)
        lo, hi = x.lo, x.hi
        if any(self.padding):
            lo, hi = min(lo, 0), max(hi, 0)
        least, most = sum_range(self.weights.reshape(-1, self.weights.shape[3]), lo, hi)
        least, most = (least << self.shift) + self.bias, (most << self.shift) + self.bias
        shape = (height, width, self.weights.shape[3])
        frac = x.frac + self.frac + self.shift
        return checked(TensorType(shape, int(least.min()), int(most.max()), frac, x.divisor))

    def evaluate(self, x):
        view = windows(pad(x, self.padding), self.kernel, self.strides)
        flat = view.reshape(*view.shape[:3], -1)
        return (matmul(flat, self.weights.reshape(-1, self.weights.shape[3])) << self.shift) + self.bias

    def describe(self):
        h, w, c, n = self.weights.shape
        return f"Conv[{h}×{w}×{c}→{n} s{self.strides} p{self.padding} w.{self.frac} <<{self.shift}]"


@dataclass(frozen=True, eq=False)
class DepthwiseConv(Op):
    """Each channel convolved by its own kernels; output channel c·m + j. weights: (Kh, Kw, C, m); bias: (C·m,)."""

    weights: np.ndarray
    bias: np.ndarray
    frac: int = 0
    shift: int = 0
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = NO_PADDING

    @property
    def kernel(self) -> tuple[int, int]:
        return self.weights.shape[:2]

    def infer(self, x):
        kh, kw, channels, multiplier = self.weights.shape
        if channels != x.channels:
            raise ValueError(f"weights for {channels} channels, input has {x.channels}")
        height, width = _window_shape(x.shape, self.kernel, self.strides, self.padding)
        lo, hi = x.lo, x.hi
        if any(self.padding):
            lo, hi = min(lo, 0), max(hi, 0)
        least, most = sum_range(self.weights.reshape(kh * kw, channels * multiplier), lo, hi)
        least, most = (least << self.shift) + self.bias, (most << self.shift) + self.bias
        frac = x.frac + self.frac + self.shift
        shape = (height, width, channels * multiplier)
        return checked(TensorType(shape, int(least.min()), int(most.max()), frac, x.divisor))

    def evaluate(self, x):
        view = windows(pad(x, self.padding), self.kernel, self.strides)
        total = np.einsum("fhwijc,ijcm->fhwcm", view, self.weights)
        return (total.reshape(*total.shape[:3], -1) << self.shift) + self.bias

    def describe(self):
        h, w, c, m = self.weights.shape
        return f"DepthwiseConv[{h}×{w}×{c}·{m} s{self.strides} p{self.padding} w.{self.frac} <<{self.shift}]"


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
    """Channels one after the other, each input times its multiplier (as in Add)."""

    multipliers: tuple[int, ...]
    frac: int
    divisor: int = 1

    def infer(self, *inputs):
        if len({x.shape[:2] for x in inputs}) != 1:
            raise ValueError(f"heights or widths differ: {[x.shape for x in inputs]}")
        ends = [m * end for m, x in zip(self.multipliers, inputs) for end in (x.lo, x.hi)]
        shape = (*inputs[0].shape[:2], sum(x.channels for x in inputs))
        return checked(TensorType(shape, min(ends), max(ends), self.frac, self.divisor))

    def evaluate(self, *inputs):
        return np.concatenate([m * x for m, x in zip(self.multipliers, inputs)], axis=3)

    def describe(self):
        return f"Concat[{self.multipliers}]"


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
