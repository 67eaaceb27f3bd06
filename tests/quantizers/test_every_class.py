"""Every quantizer and every parameter that QKeras has, found by introspection: known here, or refused knowingly."""

import functools
import json
import subprocess

import pytest

from hwgen.quantizers import UnsupportedQuantizer, parse
from tests.quantizers.truth import FLAVOURS, interpreter

# Classes and functions of qkeras.quantizers and what becomes of them; those of neither list fail the test.
SUPPORTED = {
    "quantized_bits", "quantized_linear", "binary", "stochastic_binary", "ternary", "stochastic_ternary",
    "quantized_po2", "quantized_relu_po2", "quantized_relu", "quantized_tanh", "quantized_sigmoid",
}  # fmt: skip
REFUSED = {
    "bernoulli": "random at inference too; use binary",
    "quantized_ulaw": "off every fixed-point grid; use quantized_bits",
    "quantized_hswish": "isn't monotone; use quantized_relu",
}
FUNCTIONS = {"hard_sigmoid", "smooth_sigmoid", "binary_sigmoid", "hard_tanh", "smooth_tanh", "binary_tanh"}
NOT_QUANTIZERS = {
    "BaseQuantizer", "get_quantizer", "get_quantized_initializer", "get_weight_scale", "set_internal_sigmoid",
    "stochastic_round", "stochastic_round_po2",
}  # fmt: skip
# Parameters by what they do to a value at inference. One that is in none of these fails the test.
WITHOUT_EFFECT = {"var_name", "use_ste", "use_variables", "use_stochastic_rounding", "training", "temperature"}
# QKeras doesn't write these into a model, so what a file computes is without them; here only the default passes.
DEFAULT_ONLY = {
    "qnoise_factor": 0.5,
    "elements_per_scale": 2,
    "min_po2_exponent": -3,
    "max_po2_exponent": 3,
    "log2_rounding": "floor",
}
# Covered by test_weights.py, test_functions.py, test_curves.py and below.
COMPUTED = {
    "bits", "integer", "symmetric", "keep_negative", "alpha", "scale_axis", "post_training_scale", "use_01",
    "threshold", "number_of_unrolls", "max_value", "quadratic_approximation", "negative_slope", "use_sigmoid",
    "relu_upper_bound", "is_quantized_clip", "use_real_tanh", "use_real_sigmoid",
}  # fmt: skip

SCRIPT = """
import inspect, json
from qkeras import quantizers
found = {}
for name, thing in vars(quantizers).items():
    if getattr(thing, "__module__", None) == quantizers.__name__ and not name.startswith("_"):
        if inspect.isclass(thing):
            parameters = list(inspect.signature(thing.__init__).parameters.values())[1:]
            found[name] = {p.name: p.default for p in parameters}
        elif inspect.isfunction(thing):
            found[name] = None
print("FOUND" + json.dumps(found))
"""


@functools.cache
def found(flavour) -> dict:
    """name -> {parameter: default} of a class, None of a function."""
    done = subprocess.run([interpreter(flavour), "-c", SCRIPT], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.rpartition("FOUND")[2])


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_nothing_is_missing(flavour):
    names = found(flavour).keys()
    assert names - SUPPORTED - REFUSED.keys() - FUNCTIONS - NOT_QUANTIZERS == set()
    assert SUPPORTED - names <= {"quantized_linear"} and FUNCTIONS <= names and REFUSED.keys() <= names


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_supported_classes_with_their_defaults(flavour):
    for name, parameters in found(flavour).items():
        if name in SUPPORTED:
            known = {k: v for k, v in parameters.items() if k not in ("kwargs", "args")}
            assert parse({"class_name": name, "config": known}, flavour) == parse(f"{name}()", flavour)
        elif name in FUNCTIONS:
            assert str(parse(name, flavour)) == name


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_positional_arguments_are_in_qkeras_order(flavour):
    """Each parameter by position is the same as by name."""
    for name, parameters in found(flavour).items():
        if name not in SUPPORTED:
            continue
        for k, key in enumerate(parameters):
            value = {"alpha": 0.5, "bits": 3, "max_value": 2.0, "negative_slope": 0.25, "threshold": 0.5}.get(key)
            if value is None:
                continue
            before = [repr(v) for v in list(parameters.values())[:k]]
            by_place = parse(f"{name}({', '.join([*before, repr(value)])})", flavour)
            assert by_place == parse(f"{name}({key}={value!r})", flavour), (name, key)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_parameter_is_known(flavour):
    for name, parameters in found(flavour).items():
        if name in SUPPORTED:
            assert parameters.keys() - WITHOUT_EFFECT - DEFAULT_ONLY.keys() - COMPUTED == set(), name
            for key in parameters.keys() & DEFAULT_ONLY.keys():
                spec = {"class_name": name, "config": {key: DEFAULT_ONLY[key]}}
                with pytest.raises(UnsupportedQuantizer, match=f"{key}=.* isn't .*; use {key}="):
                    parse(spec, flavour)
            for key in parameters.keys() & WITHOUT_EFFECT - {"use_stochastic_rounding"}:
                assert parse({"class_name": name, "config": {key: 7}}, flavour) == parse(f"{name}()", flavour)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("name", REFUSED)
def test_refused_classes(name, flavour):
    with pytest.raises(UnsupportedQuantizer, match=REFUSED[name]):
        parse({"class_name": name, "config": {}}, flavour)


@pytest.mark.parametrize("name", sorted(SUPPORTED))
def test_an_unknown_parameter_is_refused(name):
    with pytest.raises(UnsupportedQuantizer, match="unknown parameter rounding='up'; remove it"):
        parse({"class_name": name, "config": {"rounding": "up"}}, "v3")
