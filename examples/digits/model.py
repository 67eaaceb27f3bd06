"""The network: a small sibling of the reference network, heterogeneous as that is.

    pixels (4 bits) -> 4-bit convolution -> inception, four binary branches -> concatenate -> max pooling
                    -> binary convolution -> flatten -> 4-bit dense -> softmax

Weights of the first and last layer have 4 bits, all between are +1 or -1 times a power of two, biases and activations
have 4 bits. Every scale is a power of two, so float32 computes this network without rounding, and so can hardware.
"""

from __future__ import annotations

from dataclasses import dataclass

from qkeras import QActivation, QConv2D, QDense
from tensorflow.keras import Model
from tensorflow.keras.layers import Activation, Concatenate, Flatten, Input, MaxPooling2D

INPUT = "quantized_relu(4,0)"  # k/16, k = 0..15
RELU = "quantized_relu(4,1)"  # k/8, k = 0..15
BIAS = "quantized_bits(4,1,1,alpha=1)"  # k/4, k = -7..7
FIRST = "quantized_bits(4,1,1,alpha=1)"  # k/4, k = -7..7
LAST = "quantized_bits(4,1,1,alpha=0.5)"  # k/8, k = -7..7: scores small enough for the softmax to learn from
NARROW = "binary(alpha=0.25)"  # 1×1 windows: one scale for the layer, about 1/sqrt(inputs)
WIDE = "binary(alpha='auto_po2')"  # larger windows: QKeras picks each channel's power of two from its weights


@dataclass(frozen=True)
class Builder:
    """Makes layers with the quantizers above, or without any: the float network to compare with."""

    quantized: bool

    def input(self, x):
        return QActivation(INPUT, name="pixels")(x) if self.quantized else x

    def relu(self, x, name):
        return QActivation(RELU, name=name)(x) if self.quantized else Activation("relu", name=name)(x)

    def conv(self, x, filters, kernel, weights, name, strides=1, padding="same"):
        x = QConv2D(filters, kernel, strides=strides, padding=padding, name=name, **self._quantizers(weights))(x)
        return self.relu(x, f"{name}_relu")

    def dense(self, x, units, weights, name):
        return QDense(units, name=name, **self._quantizers(weights))(x)

    def _quantizers(self, weights):
        return {"kernel_quantizer": weights, "bias_quantizer": BIAS} if self.quantized else {}


def build(shape: tuple[int, int, int], *, quantized: bool = True) -> Model:
    """The network for images of this shape, (8, 8, 1) or (28, 28, 1); its outputs are ten probabilities."""
    make = Builder(quantized)
    image = Input(shape, name="image")
    x = make.input(image)
    if shape[0] >= 28:
        x = make.conv(x, 16, 5, FIRST, "first", strides=2, padding="valid")  # 12×12
    else:
        x = make.conv(x, 16, 3, FIRST, "first")  # 8×8
    x = inception(make, x)
    x = MaxPooling2D(2, name="pool")(x)
    x = make.conv(x, 16, 3, WIDE, "mix", padding="valid")
    x = Flatten(name="flatten")(x)
    scores = make.dense(x, 10, LAST, "scores")
    return Model(image, Activation("softmax", name="softmax")(scores), name="digits")


def inception(make: Builder, x):
    """Four views of the same pixels side by side: 1×1, 3×3, 5×5, and their maximum over 3×3."""
    a = make.conv(x, 8, 1, NARROW, "a")
    b = make.conv(make.conv(x, 8, 1, NARROW, "b_reduce"), 8, 3, WIDE, "b")
    c = make.conv(make.conv(x, 4, 1, NARROW, "c_reduce"), 8, 5, WIDE, "c")
    d = MaxPooling2D(3, strides=1, padding="same", name="d_pool")(x)
    d = make.conv(d, 8, 1, NARROW, "d")
    return Concatenate(name="inception")([a, b, c, d])


def before_softmax(model: Model) -> Model:
    """The same layers, ending at the scores: what hardware computes, and what its outputs are compared with."""
    return Model(model.input, model.get_layer("scores").output, name=f"{model.name}_scores")
