"""The reference network: 224×224 wafer maps into 58 classes, an inception network of 478,150 parameters.

    pixels (4 bits) -> 7×7 convolution, stride 2 -> max pooling -> inception (1×1; 3×3; 5×5; maximum) -> max pooling
                    -> 1×1 -> 3×3, stride 2 -> 3×3, stride 2 -> flatten -> dense -> softmax

Topology and quantization after A. Pinzari, A. Prost-Boucle, C. Rabache, F. Pétrot, "Inside the AI Accelerators: From
High Performance to Energy Efficiency" (TIMA, Univ. Grenoble Alpes), sections 4.3 and 4.5.2: weights of the first and the
last layer have 4 bits, all between are +1 or -1 times a power of two, biases and activations have 4 bits. The width of
their pixels isn't stated; here they have 4 bits.
"""

from __future__ import annotations

import numpy as np
from qkeras import QActivation, QConv2D, QDense
from tensorflow.keras import Model
from tensorflow.keras.layers import Activation, Concatenate, Flatten, Input, MaxPooling2D

SIDE, CLASSES = 224, 58
PIXELS = "quantized_relu(4,0)"  # k/16, k = 0..15
RELU = "quantized_relu(4,1)"  # k/8, k = 0..15
BITS4 = "quantized_bits(4,1,1,alpha=1)"  # k/4, k = -7..7


def build(width: float = 1.0, *, side: int = SIDE, classes: int = CLASSES) -> Model:
    """The network; its outputs are probabilities. width: factor on the number of channels of every hidden layer."""

    def wide(channels: int) -> int:
        return max(1, round(channels * width))

    def conv(x, channels, kernel, weights, name, strides=1, padding="same"):
        quantizers = {"kernel_quantizer": weights, "bias_quantizer": BITS4}
        x = QConv2D(wide(channels), kernel, strides=strides, padding=padding, name=name, **quantizers)(x)
        return QActivation(RELU, name=f"{name}_relu")(x)

    image = Input((side, side, 1), name="wafer")
    x = QActivation(PIXELS, name="pixels")(image)
    x = conv(x, 32, 7, BITS4, "q_conv2d", strides=2, padding="valid")
    x = MaxPooling2D(2, name="pool")(x)
    x = inception(conv, x)
    x = MaxPooling2D(2, name="pool_2")(x)
    x = conv(x, 12, 1, binary(wide(128)), "q_conv2d_7")
    x = conv(x, 116, 3, binary(9 * wide(12)), "q_conv2d_8", strides=2)
    x = conv(x, 116, 3, binary(9 * wide(116)), "q_conv2d_9", strides=2)
    x = Flatten(name="flatten")(x)
    x = QDense(classes, kernel_quantizer=BITS4, bias_quantizer=BITS4, name="q_dense")(x)
    return Model(image, Activation("softmax", name="softmax")(x), name="wafer")


def inception(conv, x):
    """Four views of the same pixels side by side: 1×1, 3×3, 5×5, and their maximum over 3×3."""
    channels = x.shape[-1]
    a = conv(x, 32, 1, binary(channels), "q_conv2d_1")
    b = conv(x, 8, 1, binary(channels), "q_conv2d_2")
    c = conv(x, 8, 1, binary(channels), "q_conv2d_3")
    b = conv(b, 32, 3, binary(9 * b.shape[-1]), "q_conv2d_4")
    c = conv(c, 32, 5, binary(25 * c.shape[-1]), "q_conv2d_5")
    d = MaxPooling2D(3, strides=1, padding="same", name="pool_d")(x)
    d = conv(d, 32, 1, binary(channels), "q_conv2d_6")
    return Concatenate(name="concatenate")([a, b, c, d])


def binary(fan_in: int) -> str:
    """Weights ±2^-k, about 1/sqrt(fan-in), so that activations keep their size from layer to layer."""
    return f"binary(alpha={2.0 ** -round(np.log2(fan_in) / 2)})"


def randomize(model: Model, seed: int) -> Model:
    """Random weights over their quantizers' whole range: what hardware has to carry at the worst."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        shapes = [weight.shape for weight in layer.get_weights()]
        layer.set_weights([rng.uniform(-1.9, 1.9, shape).astype(np.float32) for shape in shapes])
    return model
