"""Activations given by name: which of Keras's and QKeras's functions are exact, and what to use for those that aren't."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from hwgen.ops import Function
from hwgen.quantize.rectifiers import Relu
from hwgen.quantizers.functions import Line
from hwgen.quantizers.smooth import FUNCTIONS as QKERAS


def float32(value) -> Fraction:
    """A number as Keras computes with it."""
    return Fraction(float(np.float32(value)))


_HALF, _ONE = Fraction(1, 2), Fraction(1)
_EXACT: dict[str, Function] = {
    "relu": Relu(),
    "relu6": Relu(most=Fraction(6)),
    "leaky_relu": Relu(slope=float32(0.2)),
    "hard_tanh": QKERAS["hard_tanh"],
    "sparse_sigmoid": Line("sparse_sigmoid", _HALF, _HALF, Fraction(0), _ONE),
}
# Three functions of one name: QKeras's x/2 + 1/2, Keras 2's 0.2·x + 1/2, Keras 3's x/6 + 1/2.
_HARD_SIGMOID = {
    "0.9": Line("hard_sigmoid", float32(0.2), _HALF, Fraction(0), _ONE),
    "v3": Line("hard_sigmoid", Fraction(1, 6), _HALF, Fraction(0), _ONE),
}
_INSTEAD = {
    "tanh": "quantized_tanh",
    "sigmoid": "quantized_sigmoid",
    "log_sigmoid": "quantized_sigmoid",
    "softsign": "quantized_tanh",
    "tanh_shrink": "quantized_bits",
    "soft_shrink": "quantized_bits",
    "hard_shrink": "quantized_bits",
    "threshold": "a ReLU layer with a threshold",
    "glu": "quantized_relu",
    "log_softmax": "softmax as the last layer",
    "sparsemax": "softmax as the last layer",
}
# Curves without exact values on any grid, and functions that fall where their argument rises.
_RECTIFIERS = ("celu", "elu", "exponential", "gelu", "hard_silu", "hard_swish", "mish", "selu", "silu", "softplus")
_INSTEAD |= dict.fromkeys((*_RECTIFIERS, "sparse_plus", "squareplus", "swish"), "quantized_relu")
# Without a function of their own.
LINEAR, SOFTMAX = "linear", "softmax"
_NAMES = {LINEAR, SOFTMAX, "hard_sigmoid", *_EXACT, *QKERAS, *_INSTEAD}


def name_of(spec) -> str | None:
    """The name of a plain function ("relu"); None for a quantizer. spec: as the configuration has it."""
    if spec is None:
        return LINEAR
    if isinstance(spec, Mapping):
        # Keras 3 writes functions as {"class_name": "function", "config": "relu"}, so does Keras 2 those of QKeras.
        if spec.get("class_name") == "function" and isinstance(spec.get("config"), str):
            return spec["config"]
        return None
    return spec if isinstance(spec, str) and spec in _NAMES else None


def named(name: str, flavour: str, in_qkeras_layer: bool) -> Function:
    """The function of this name. ValueError ("reason; change") where it isn't exact, or isn't known.

    in_qkeras_layer: a layer of QKeras looks a name up among QKeras's functions first.
    """
    if name == "hard_sigmoid":
        return QKERAS[name] if in_qkeras_layer else _HARD_SIGMOID[flavour]
    function = _EXACT.get(name) or QKERAS.get(name)
    if function is not None:
        return function
    if name in _INSTEAD:
        raise ValueError(f"{name} has no exact values; use {_INSTEAD[name]}")
    raise ValueError(f"activation {name!r} isn't supported; use a quantizer such as quantized_relu(4)")
