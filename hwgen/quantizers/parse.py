"""From what a model stores for a quantizer (a dict, a string, a name) to a Quantizer. Nothing is evaluated."""

from __future__ import annotations

import ast
from dataclasses import fields

import numpy as np

from hwgen.quantizers.base import Quantizer, UnsupportedQuantizer
from hwgen.quantizers.binary import binary, stochastic_binary
from hwgen.quantizers.fixed import quantized_bits
from hwgen.quantizers.linear import quantized_linear
from hwgen.quantizers.po2 import quantized_po2, quantized_relu_po2
from hwgen.quantizers.relu import quantized_relu
from hwgen.quantizers.smooth import FUNCTIONS, ExactFunction, quantized_sigmoid, quantized_tanh
from hwgen.quantizers.ternary import stochastic_ternary, ternary

_CLASSES = {
    cls.__name__: cls
    for cls in (
        quantized_bits, quantized_linear, binary, stochastic_binary, ternary, stochastic_ternary, quantized_po2,
        quantized_relu_po2, quantized_relu, quantized_tanh, quantized_sigmoid,
    )
}  # fmt: skip

_NOISE = "use_stochastic_rounding", "scale_axis", "qnoise_factor", "var_name", "use_ste", "use_variables"
_PO2 = "use_stochastic_rounding", "quadratic_approximation", "log2_rounding", *_NOISE[2:]
# QKeras's order of arguments, for strings such as "quantized_bits(4, 0, 1)"; v3 only adds at the end, but for `binary`.
_ARGUMENTS = {
    "quantized_bits": ("bits", "integer", "symmetric", "keep_negative", "alpha", *_NOISE, "elements_per_scale",
                       "min_po2_exponent", "max_po2_exponent", "post_training_scale"),
    "quantized_linear": ("bits", "integer", "symmetric", "keep_negative", "alpha", *_NOISE[:4], "use_variables"),
    "binary": ("use_01", "alpha", "use_stochastic_rounding", "scale_axis", "elements_per_scale", "min_po2_exponent",
               "max_po2_exponent"),
    "stochastic_binary": ("alpha", "temperature", "use_real_sigmoid"),
    "ternary": ("alpha", "threshold", "use_stochastic_rounding", "number_of_unrolls"),
    "stochastic_ternary": ("alpha", "threshold", "temperature", "use_real_sigmoid", "number_of_unrolls"),
    "quantized_po2": ("bits", "max_value", *_PO2),
    "quantized_relu_po2": ("bits", "max_value", "negative_slope", *_PO2),
    "quantized_relu": ("bits", "integer", "use_sigmoid", "negative_slope", "use_stochastic_rounding",
                       "relu_upper_bound", "is_quantized_clip", *_NOISE[2:]),
    "quantized_tanh": ("bits", "use_stochastic_rounding", "symmetric", "use_real_tanh"),
    "quantized_sigmoid": ("bits", "symmetric", "use_real_sigmoid", "use_stochastic_rounding"),
}  # fmt: skip

LONGEST = 2000  # characters of a quantizer's text; one with a scale for each of 100 channels has about 1000
MOST_INTEGER = 64

# Without effect on inference.
_TRAINING_ONLY = {"var_name", "use_ste", "use_variables", "use_stochastic_rounding", "training", "temperature"}
# Supported with one value only, which is QKeras's default.
_FIXED = {
    "qnoise_factor": 1.0, "elements_per_scale": None, "min_po2_exponent": None, "max_po2_exponent": None,
    "log2_rounding": "rnd",
}  # fmt: skip

_REFUSED = {
    "bernoulli": ("bernoulli is random at inference too", "use binary or stochastic_binary"),
    "quantized_ulaw": ("quantized_ulaw gives values off every fixed-point grid", "use quantized_bits"),
    "quantized_hswish": ("quantized_hswish isn't monotone", "use quantized_relu"),
    "tanh": ("'tanh' isn't exact", "use quantized_tanh"),
    "sigmoid": ("'sigmoid' isn't exact", "use quantized_sigmoid"),
    "softmax": ("softmax is only possible as the last layer", "use quantized_relu"),
}


def parse(spec, flavour: str) -> Quantizer | None:
    """The quantizer that a Keras configuration names; None for None.

    spec:    {"class_name": ..., "config": {...}}, "quantized_relu(4,1)", "relu", or None.
    flavour: "0.9" for QKeras on Keras 2, "v3" for qkeras-v3.
    Raises UnsupportedQuantizer ("reason; change") for what can't be exact, or isn't known.
    """
    if flavour not in ("0.9", "v3"):
        raise ValueError(f"flavour must be '0.9' or 'v3', not {flavour!r}")
    if spec is None:
        return None
    if isinstance(spec, str):
        return _from_string(spec, flavour)
    if isinstance(spec, dict) and isinstance(spec.get("class_name"), str):
        config = spec.get("config")
        if isinstance(config, str):  # Keras 3 stores a plain function so
            return _from_string(config, flavour)
        return _make(spec["class_name"], config or {}, flavour)
    raise UnsupportedQuantizer(f"{spec!r} isn't a quantizer", "use one of QKeras's quantizers")


def _from_string(text: str, flavour: str) -> Quantizer:
    if len(text) > LONGEST:
        raise UnsupportedQuantizer(f"a quantizer is described by {len(text):,} characters", "use one of QKeras's own")
    try:
        name, values, config = _call(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        change = "write it as quantized_bits(4,0,alpha='auto_po2')"
        raise UnsupportedQuantizer(f"{text!r} can't be read as a quantizer", change) from None
    names = _positional(name, flavour)
    if len(values) > len(names) and name in _CLASSES:
        raise UnsupportedQuantizer(f"{text!r} has more than {len(names)} arguments", "remove the last ones")
    for key in config.keys() & set(names[: len(values)]):
        raise UnsupportedQuantizer(f"{text!r} gives {key} twice", "give it once")
    return _make(name, dict(zip(names, values)) | config, flavour)


def _call(text: str) -> tuple[str, list, dict]:
    """Name, positional and named arguments of "name" or "name(literal, key=literal)"."""
    tree = ast.parse(text.strip(), mode="eval").body
    if isinstance(tree, ast.Name):
        return tree.id, [], {}
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise ValueError
    named = {k.arg: ast.literal_eval(k.value) for k in tree.keywords}
    return tree.func.id, [ast.literal_eval(a) for a in tree.args], named


def _positional(name: str, flavour: str) -> tuple[str, ...]:
    names = _ARGUMENTS.get(name, ())
    return (*names[:2], "training", *names[2:]) if name == "binary" and flavour == "v3" else names


def _make(name: str, config: dict, flavour: str) -> Quantizer:
    name = name.rpartition(">")[2]
    if name in FUNCTIONS and not config:
        return ExactFunction(name, flavour=flavour)
    if name in _REFUSED:
        raise UnsupportedQuantizer(*_REFUSED[name])
    if name not in _CLASSES or (name == "quantized_linear" and flavour == "0.9"):
        raise UnsupportedQuantizer(f"{name!r} is not a known quantizer", "use quantized_bits or quantized_relu")
    cls = _CLASSES[name]
    own = {f.name for f in fields(cls)} - {"flavour"}
    kept = {}
    for key, value in config.items():
        value = _plain(value)
        if key in own:
            kept[key] = value
        elif key not in _positional(name, flavour):
            raise UnsupportedQuantizer(f"{name} has an unknown parameter {key}={value!r}", "remove it")
        elif key in _FIXED and value != _FIXED[key]:
            raise UnsupportedQuantizer(f"{name} with {key}={value!r} isn't exact", f"use {key}={_FIXED[key]!r}")
        elif name == "binary" and key == "use_stochastic_rounding" and value:
            raise UnsupportedQuantizer("binary with use_stochastic_rounding fails in QKeras itself", "leave it out")
        elif key not in _FIXED and key not in _TRAINING_ONLY and not name.startswith("stochastic_"):
            raise UnsupportedQuantizer(f"{name} with {key}={value!r} isn't supported", f"leave {key} out")
    return _checked(cls(**kept, flavour=flavour))


def _plain(value):
    """Numbers, strings, None, and tuples of them: from numpy and from Keras's ways to store an array."""
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        value = value["config"]["value"]
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return tuple(_plain(v) for v in value) if isinstance(value, (list, tuple)) else value


def _checked(quantizer: Quantizer) -> Quantizer:
    """The quantizer itself, if its parameters are of the right kind."""
    for f in fields(quantizer):
        value = getattr(quantizer, f.name)
        if f.name in ("bits", "integer"):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or int(value) != value:
                raise UnsupportedQuantizer(f"{quantizer} has {f.name}={value!r}", "use an integer")
            object.__setattr__(quantizer, f.name, int(value))
    if not -MOST_INTEGER <= getattr(quantizer, "integer", 0) <= MOST_INTEGER:
        raise UnsupportedQuantizer(
            f"{quantizer} must have -{MOST_INTEGER} to {MOST_INTEGER} integer bits", "change integer"
        )
    if not 1 <= getattr(quantizer, "bits", 1) <= 32:
        raise UnsupportedQuantizer(f"{quantizer} must have 1 to 32 bits", "change bits")
    alpha = getattr(quantizer, "alpha", None)
    if isinstance(alpha, str) and alpha not in ("auto", "auto_po2"):
        raise UnsupportedQuantizer(f"{quantizer} has an unknown alpha", "use 'auto', 'auto_po2' or a number")
    return quantizer
