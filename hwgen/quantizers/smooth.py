"""quantized_tanh and quantized_sigmoid on QKeras's hard sigmoid, and Keras activations that are exact lines."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hwgen.quantizers.base import Quantizer
from hwgen.quantizers.curves import check_bits, real_sigmoid, real_tanh
from hwgen.quantizers.functions import Line, Rounded, RoundedSum

_ONE, _HALF = Fraction(1), Fraction(1, 2)


@dataclass(frozen=True)
class quantized_tanh(Quantizer):
    """clip(round(x · m) / m, -1 + symmetric/m, 1 - 1/m), m = 2^(bits-1); tanh(x) in place of x with use_real_tanh."""

    bits: int = 8
    symmetric: int = False
    use_real_tanh: int = False

    def function(self):
        m = 2 ** (self.bits - 1)
        if self.use_real_tanh:
            check_bits(self)
            return real_tanh(self, int(self.symmetric) - m, m - 1, m)
        step = _ONE / m
        return RoundedSum(str(self), (Rounded(1 / step, step, -_ONE + int(self.symmetric) * step, _ONE - step),))


@dataclass(frozen=True)
class quantized_sigmoid(Quantizer):
    """clip(round((x/2 + 1/2) · m) / m, symmetric/m, 1 - 1/m), m = 2^bits; 1/(1 + exp(-x)) with use_real_sigmoid."""

    bits: int = 8
    symmetric: int = False
    use_real_sigmoid: int = False

    def function(self):
        m = 2**self.bits
        if self.use_real_sigmoid:
            check_bits(self)
            return real_sigmoid(self, int(self.symmetric), m - 1, m)
        step = _ONE / m
        line = Rounded(_HALF / step, step, int(self.symmetric) * step, _ONE - step, offset=_HALF / step)
        return RoundedSum(str(self), (line,))


# QKeras's own, on hard_sigmoid(x) = clip(x/2 + 1/2, 0, 1) and smooth_sigmoid(x) = clip(3x/16 + 1/2, 0, 1).
FUNCTIONS = {
    "linear": Line("linear"),
    "relu": Line("relu", lo=Fraction(0)),
    "hard_sigmoid": Line("hard_sigmoid", _HALF, _HALF, Fraction(0), _ONE),
    "hard_tanh": Line("hard_tanh", lo=-_ONE, hi=_ONE),
    "smooth_tanh": Line("smooth_tanh", Fraction(3, 8), lo=-_ONE, hi=_ONE),
    "smooth_sigmoid": Line("smooth_sigmoid", Fraction(3, 16), _HALF, Fraction(0), _ONE),
    "binary_sigmoid": RoundedSum("binary_sigmoid", (Rounded(_HALF, _ONE, Fraction(0), _ONE, _HALF),)),
    "binary_tanh": RoundedSum("binary_tanh", (Rounded(_HALF, 2 * _ONE, -_ONE, _ONE, _HALF, -_ONE),)),
}


@dataclass(frozen=True)
class ExactFunction(Quantizer):
    """An activation given by name that is exact without parameters: relu, linear, hard_tanh, ..."""

    name: str = "linear"

    def function(self):
        return FUNCTIONS[self.name]

    def __str__(self):
        return self.name
