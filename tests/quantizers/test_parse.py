"""Reading quantizers: every way in which models store them, and a clear refusal of everything else."""

import numpy as np
import pytest

from hwgen.quantizers import UnsupportedQuantizer, parse


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("quantized_bits(4, 0, 1)", "quantized_bits(4,0,symmetric=1)"),
        ("quantized_bits(4,0,alpha='auto_po2')", "quantized_bits(4,0,alpha='auto_po2')"),
        ('quantized_bits(bits=4, alpha="auto")', "quantized_bits(4,0,alpha='auto')"),
        ("quantized_relu", "quantized_relu(8,0)"),
        (" quantized_relu(4.0,-1) ", "quantized_relu(4,-1)"),
        ("binary()", "binary()"),
        ("binary(1)", "binary(use_01=1)"),
        ("ternary(threshold=0.2)", "ternary(threshold=0.2)"),
        ("quantized_relu_po2(4,2,0.25)", "quantized_relu_po2(4,max_value=2,negative_slope=0.25)"),
        ("quantized_tanh(5,0,1)", "quantized_tanh(5,symmetric=1)"),
        ("relu", "relu"),
        ("linear", "linear"),
        ({"class_name": "quantized_relu", "config": {"bits": 3, "integer": 1}}, "quantized_relu(3,1)"),
        (
            {
                "class_name": "quantized_bits",
                "config": {"bits": np.int64(4), "integer": np.array(1), "qnoise_factor": 1.0, "var_name": None},
                "module": "qkeras.quantizers",
                "registered_name": "qkeras>quantized_bits",
                "__passive_serialization__": True,
            },
            "quantized_bits(4,1)",
        ),
        ({"class_name": "qkeras>binary", "config": {"alpha": 2.0}}, "binary(alpha=2.0)"),
        ({"class_name": "function", "config": "relu", "module": "builtins"}, "relu"),
        (
            {
                "class_name": "quantized_bits",
                "config": {"alpha": {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float32"}}},
            },
            "quantized_bits(8,0,alpha=(1.0, 2.0))",
        ),
    ],
)
def test_reads(spec, text):
    quantizer = parse(spec, "0.9")
    assert str(quantizer) == text
    assert parse(text, "0.9") == quantizer


def test_none_is_none():
    assert parse(None, "v3") is None


def test_a_kernel_without_alpha_is_automatic():
    kernel = parse("quantized_bits(4,0)", "0.9").for_kernel()
    assert kernel == parse("quantized_bits(4,0,1,alpha='auto_po2')", "0.9")
    assert str(parse("binary(alpha=1)", "0.9").for_kernel()) == "binary(alpha=1)"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bernoulli()", "bernoulli is random at inference too; use binary or stochastic_binary"),
        ("quantized_ulaw(4)", "off every fixed-point grid; use quantized_bits"),
        ("quantized_hswish(4)", "isn't monotone; use quantized_relu"),
        ("tanh", "'tanh' isn't exact; use quantized_tanh"),
        ("sigmoid", "'sigmoid' isn't exact; use quantized_sigmoid"),
        ("selu", "'selu' is not a known quantizer; use quantized_bits or quantized_relu"),
        ("my_quantizer(3)", "'my_quantizer' is not a known quantizer"),
        ("quantized_linear(4)", "'quantized_linear' is not a known quantizer"),
        ("quantized_bits(4,0,alpha=auto_po2)", "can't be read as a quantizer; write it as"),
        ("quantized_bits(4,0", "can't be read as a quantizer"),
        ("__import__('os').system('true')", "can't be read as a quantizer"),
        ("quantized_bits(*[4])", "can't be read as a quantizer"),
        ("quantized_tanh(1,2,3,4,5)", "has more than 4 arguments"),
        ("quantized_bits(4,bits=4)", "gives bits twice"),
        ("quantized_bits(4,0,alpha='best')", "has an unknown alpha"),
        ("quantized_bits(0)", "must have 1 to 32 bits"),
        ("quantized_bits(3.5)", "has bits=3.5; use an integer"),
        ("quantized_bits('4')", "has bits='4'; use an integer"),
        ("quantized_bits(4,frob=1)", "quantized_bits has an unknown parameter frob=1; remove it"),
        ("quantized_bits(4,qnoise_factor=0.5)", "qnoise_factor=0.5 isn't exact; use qnoise_factor=1.0"),
        ("quantized_bits(4,alpha='auto_po2',elements_per_scale=2)", "elements_per_scale=2 isn't exact"),
        ("quantized_po2(4,log2_rounding='floor')", "log2_rounding='floor' isn't exact; use log2_rounding='rnd'"),
        ("binary(use_stochastic_rounding=True)", "fails in QKeras itself; leave it out"),
        ({"class_name": "ReLU", "config": {"max_value": 6}}, "'ReLU' is not a known quantizer"),
        (7, "7 isn't a quantizer"),
    ],
)
def test_refuses(spec, message):
    with pytest.raises(UnsupportedQuantizer) as caught:
        parse(spec, "0.9")
    assert message in str(caught.value)
    assert "; " in str(caught.value)


def test_arguments_have_the_order_of_the_flavour():
    assert str(parse("binary(0,1,0)", "0.9")) == "binary(alpha=1)"
    assert str(parse("binary(0,1,0,0)", "v3")) == "binary(alpha=1)"
    assert str(parse("quantized_linear(4,1,0)", "v3")) == "quantized_linear(4,1,symmetric=0)"
