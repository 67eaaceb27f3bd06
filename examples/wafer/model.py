"""The reference network: 224×224 wafer maps into 58 classes, an inception network of 478,150 parameters.

    pixels (4 bits) -> 7×7 convolution, stride 2 -> max pooling -> inception (1×1; 3×3; 5×5; maximum) -> max pooling
                    -> 1×1 -> 3×3, stride 2 -> 3×3, stride 2 -> flatten -> dense -> softmax

Topology and quantization after A. Pinzari, A. Prost-Boucle, C. Rabache, F. Pétrot, "Inside the AI Accelerators: From
High Performance to Energy Efficiency" (TIMA, Univ. Grenoble Alpes), sections 4.3 and 4.5.2. The width of their pixels
isn't stated; here they have 4 bits. Every scale is a power of two, so float32 computes the network without rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from qkeras import QActivation, QConv2D, QDense

try:
    version("qkeras")
except PackageNotFoundError:  # qkeras-v3, imported under the same name
    import keras

    KERAS = 3
else:
    from tensorflow import keras

    KERAS = 2

layers = keras.layers

SIDE, CLASSES = 224, 58
PIXELS = "quantized_relu(4,0)"  # k/16, k = 0..15


@dataclass(frozen=True)
class Weights:
    """A quantizer as QKeras writes it, whose scale `{alpha}` is a power of two made for the layer's fan-in.

    QKeras rounds a weight to the quantizer's grid first, and scales it then. So before training weights are drawn from
    -reach..reach, which is where that grid lies, and alpha gives what He et al. (2015) ask of weights before a ReLU: a
    standard deviation of sqrt(2/fan-in). deviation: that of the quantized weights where alpha is 1.
    """

    quantizer: str
    reach: float
    deviation: float

    def options(self, fan_in: int) -> dict:
        alpha = 2.0 ** round(np.log2(np.sqrt(2 / fan_in) / self.deviation))
        first = keras.initializers.RandomUniform(-self.reach, self.reach)
        return {"kernel_quantizer": self.quantizer.format(alpha=alpha), "kernel_initializer": first}


@dataclass(frozen=True)
class Variant:
    """ends: weights of the first and the last layer; between: of all others. None: not quantized."""

    ends: Weights | None
    between: Weights | None
    bias: str | None
    relu: str | None


FOUR = Weights("quantized_bits(4,0,1,alpha={alpha})", 1.0, 0.55)  # alpha · k/8, k = -7..7
TWO = Weights("quantized_bits(2,0,1,alpha={alpha})", 1.0, 0.43)  # alpha · k/2, k = -1..1
FIRST_LAST = Weights("quantized_bits(4,1,1,alpha={alpha})", 1.75, 1.0)  # alpha · k/4, k = -7..7
BINARY = Weights("binary(alpha={alpha})", 0.5, 1.0)  # ±alpha

VARIANTS = {
    "float": Variant(None, None, None, None),
    "4-bit": Variant(FOUR, FOUR, "quantized_bits(4,1,1,alpha=1)", "quantized_relu(4,1)"),
    "2-bit": Variant(TWO, TWO, "quantized_bits(2,1,1,alpha=1)", "quantized_relu(2,1)"),
    "heterogeneous": Variant(FIRST_LAST, BINARY, "quantized_bits(4,1,1,alpha=1)", "quantized_relu(4,1)"),
}


@dataclass(frozen=True)
class Builder:
    """Makes layers with a variant's quantizers. width: factor on the number of channels of every hidden layer."""

    variant: Variant
    width: float

    def wide(self, channels: int) -> int:
        return max(1, round(channels * self.width))

    def pixels(self, x):
        return x if self.variant.relu is None else QActivation(PIXELS, name="pixels")(x)

    def conv(self, x, channels, kernel, name, strides=1, padding="same", end=False):
        weights = self._weights(kernel * kernel * x.shape[-1], end)
        x = QConv2D(self.wide(channels), kernel, strides=strides, padding=padding, name=name, **weights)(x)
        if self.variant.relu is None:
            return layers.Activation("relu", name=f"{name}_relu")(x)
        return QActivation(self.variant.relu, name=f"{name}_relu")(x)

    def dense(self, x, units, name):
        return QDense(units, name=name, **self._weights(x.shape[-1], True))(x)

    def _weights(self, fan_in: int, end: bool) -> dict:
        weights = self.variant.ends if end else self.variant.between
        if weights is None:
            return {"kernel_initializer": "he_normal"}
        return {"bias_quantizer": self.variant.bias, **weights.options(fan_in)}


def build(width: float = 1.0, *, variant: str = "heterogeneous", side: int = SIDE, classes: int = CLASSES):
    """The network as a Keras model; its outputs are probabilities. width: factor on the channels of hidden layers."""
    make = Builder(VARIANTS[variant], width)
    image = layers.Input((side, side, 1), name="wafer")
    x = make.pixels(image)
    x = make.conv(x, 32, 7, "q_conv2d", strides=2, padding="valid", end=True)
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = inception(make, x)
    x = layers.MaxPooling2D(2, name="pool_2")(x)
    x = make.conv(x, 12, 1, "q_conv2d_7")
    x = make.conv(x, 116, 3, "q_conv2d_8", strides=2)
    x = make.conv(x, 116, 3, "q_conv2d_9", strides=2)
    x = make.dense(layers.Flatten(name="flatten")(x), classes, "q_dense")
    return keras.Model(image, layers.Activation("softmax", name="softmax")(x), name="wafer")


def inception(make: Builder, x):
    """Four views of the same pixels side by side: 1×1, 3×3, 5×5, and their maximum over 3×3."""
    a = make.conv(x, 32, 1, "q_conv2d_1")
    b = make.conv(x, 8, 1, "q_conv2d_2")
    c = make.conv(x, 8, 1, "q_conv2d_3")
    b = make.conv(b, 32, 3, "q_conv2d_4")
    c = make.conv(c, 32, 5, "q_conv2d_5")
    d = layers.MaxPooling2D(3, strides=1, padding="same", name="pool_d")(x)
    d = make.conv(d, 32, 1, "q_conv2d_6")
    return layers.Concatenate(name="concatenate")([a, b, c, d])


def before_softmax(model):
    """The same layers, ending at the scores: what hardware computes, and what its outputs are compared with."""
    return keras.Model(model.input, model.get_layer("q_dense").output, name=f"{model.name}_scores")


def randomize(model, seed: int):
    """Random weights over their quantizers' whole range: what hardware has to carry at the worst."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        shapes = [weight.shape for weight in layer.get_weights()]
        layer.set_weights([rng.uniform(-1.9, 1.9, shape).astype(np.float32) for shape in shapes])
    return model
