"""Layers with a larger result: what they become, and what of them is refused; the values are in test_layer_cases.py."""

import numpy as np
import pytest

from hwgen.errors import ModelError
from hwgen.ops import Conv, Scale
from hwgen.quantize import quantize
from hwgen.upsampling import ConvTranspose
from tests.quantize.networks import BITS4, chain, layer

KERNEL = (np.arange(36).reshape(3, 3, 2, 2) % 13 / 16 - 0.4) * [1, 0.3]  # (rows, columns, out, in)


def up(**config):
    return layer("UpSampling2D", **({"size": (2, 2), "interpolation": "nearest"} | config))


def transposed(**config):
    options = {"strides": (2, 2), "padding": "same", "kernel_quantizer": BITS4, "use_bias": False} | config
    return layer("QConv2DTranspose", weights={"kernel": KERNEL}, **options)


REFUSED = {
    "bilinear": (up(interpolation="bilinear"), "interpolation='bilinear' isn't supported; use interpolation='nearest'"),
    "no size": (up(size=(2, 0)), r"size=\(2, 0\) isn't supported; use 2 positive integers"),
    "channels first": (up(data_format="channels_first"), "rebuild the model with channels last"),
    "huge": (up(size=(1 << 20, 1 << 20)), "more than .* values in a frame.*; use a smaller one"),
    "a sequence": (layer("UpSampling1D", size=2), r"its input has shape \(4, 4, 2\)"),
    "output padding": (transposed(output_padding=(1, 1)), "output_padding=.* isn't supported; leave it out"),
    "causal": (transposed(padding="causal"), "padding='causal' isn't supported; use 'valid' or 'same'"),
    "groups": (transposed(groups=2), "groups=2 isn't supported; use groups=1"),
    "both": (transposed(dilation_rate=(2, 2)), "with dilation_rate=.* isn't supported; use one of them"),
    "far apart": (transposed(strides=(1 << 20, 1 << 20)), "more than .* values"),
    "float": (transposed(kernel_quantizer=None), "has no kernel_quantizer"),
    "half": (transposed(dtype="float16"), "computes in float16"),
    "float class": (layer("Conv2DTranspose"), "use QConv2DTranspose"),
    "depthwise": (layer("QDepthwiseConv2DTranspose"), "use UpSampling2D and QDepthwiseConv2D"),
    "separable": (layer("QSeparableConv2DTranspose"), "use QConv2DTranspose, or UpSampling2D and QSeparableConv2D"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    made, text = REFUSED[name]
    with pytest.raises(ModelError, match=text) as caught:
        quantize(chain((4, 4, 2), made), "ufixed<8,0>")
    message = str(caught.value)
    assert message.startswith("layer '") and "\n" not in message


def operations(made) -> list[type]:
    return [type(node.op) for node in quantize(chain((4, 4, 2), made), "ufixed<8,0>").nodes[1:]]


def test_a_stride_of_one_is_a_convolution():
    assert operations(transposed(strides=(1, 1))) == [Conv]
    assert operations(transposed(strides=(1, 2))) == [ConvTranspose]


def test_scales_of_the_inputs_channels():
    """Powers of two go into the weights, others stand in front."""
    auto = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": "auto"}}
    assert operations(transposed(kernel_quantizer=auto)) == [Scale, ConvTranspose]
    auto["config"]["alpha"] = "auto_po2"
    assert operations(transposed(kernel_quantizer=auto))[0] is ConvTranspose
