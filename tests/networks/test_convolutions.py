"""Networks of the convolution family, small: separable, over a sequence, and those that make images again."""

import pytest

pytest.importorskip("qkeras")

import qkeras
from qkeras import QActivation, quantized_bits, quantized_relu

from tests.networks.proof import on_grid, prove, trained
from tests.qkeras_truth import FLAVOUR, keras

L = keras.layers

# Keras warns of QKeras: of an initializer that it uses twice, of a constraint that it serializes.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def layer(kind: str, name: str, *args, bits=4, alpha=1, **options):
    """A QKeras layer whose kernels all have so many bits, by default with padding of zeros."""
    keys = ("depthwise_quantizer",) if "Depthwise" in kind else ("kernel_quantizer",)
    keys = ("depthwise_quantizer", "pointwise_quantizer") if "Separable" in kind else keys
    quantizers = {key: quantized_bits(bits, 0, alpha=alpha) for key in keys}
    padding = {} if kind == "QDense" else {"padding": "same"}
    bias = quantized_bits(6, 2, alpha=1)
    return getattr(qkeras, kind)(*args, **{**padding, **quantizers, "bias_quantizer": bias, "name": name, **options})


def relu(bits=4, integer=1):
    return QActivation(quantized_relu(bits, integer))


def test_separable_network():
    """MobileNet in small: depthwise and 1 × 1 convolutions in turn, one pair of them in a single layer, groups at last."""
    inputs = L.Input((16, 16, 3), name="image")
    x = relu()(layer("QConv2D", "stem", 4, 3, strides=2)(inputs))
    x = relu()(layer("QDepthwiseConv2D", "depth1", 3)(x))
    x = relu()(layer("QConv2D", "point1", 6, 1, alpha="auto_po2")(x))
    x = relu()(layer("QDepthwiseConv2D", "depth2", 3, strides=(2, 2), depth_multiplier=2)(x))
    x = relu()(layer("QConv2D", "point2", 8, 1)(x))
    x = relu()(layer("QSeparableConv2D", "both", 8, 3, bits=3)(x))
    x = relu()(layer("QConv2D", "groups", 8, 3, groups=4)(x))
    x = L.GlobalAveragePooling2D()(x)
    model = trained(keras.Model(inputs, layer("QDense", "scores", 10)(x), name="separable"), 1)
    prove(model, on_grid(1, (16, 16, 3), 0, 255, 2**-8), input_type="ufixed<8,0>", interval=1024)


def test_keyword_spotter():
    """Ten coefficients of each of 16 steps: dilated convolutions that see the past only, with skips, as in a TCN."""
    causal = "causal" if FLAVOUR == "0.9" else "same"  # of qkeras-v3 it raises
    inputs = L.Input((16, 10), name="sound")
    x = relu()(layer("QConv1D", "stem", 8, 3, padding=causal)(inputs))
    for dilation in (1, 2, 4):
        y = relu()(layer("QConv1D", f"dilated{dilation}", 8, 3, dilation_rate=dilation, padding=causal)(x))
        x = relu()(L.Add()([x, layer("QConv1D", f"mix{dilation}", 8, 1)(y)]))
    x = L.MaxPooling1D(2)(x)
    x = relu()(layer("QSeparableConv1D", "separable", 12, 3)(x))
    x = L.GlobalAveragePooling1D()(x)
    scores = layer("QDense", "words", 4)(x)
    model = keras.Model(inputs, L.Activation("softmax", name="spotted")(scores), name="keywords")
    trained(model, 2)
    truth = keras.Model(inputs, scores)
    prove(model, on_grid(2, (16, 10), -128, 127, 2**-5), truth, input_type="fixed<8,3>", interval=256)


def test_autoencoder():
    """An image through two numbers a pixel of a sixteenth of its size; up again by repeating, and by transposing."""
    inputs = L.Input((12, 8, 1), name="image")
    x = relu()(layer("QConv2D", "down1", 4, 3, strides=2)(inputs))
    x = relu(3)(layer("QConv2D", "code", 2, 3, strides=2)(x))
    x = relu()(layer("QConv2D", "smooth", 4, 3)(L.UpSampling2D(2, name="up1")(x)))
    x = layer("QConv2DTranspose", "up2", 1, (4, 4), strides=(2, 2), bits=5)(x)
    model = trained(keras.Model(inputs, QActivation(quantized_bits(8, 2, alpha=1), name="again")(x), name="auto"), 3)
    prove(model, on_grid(3, (12, 8, 1), 0, 255, 2**-8), input_type="ufixed<8,0>", interval=300)


def test_unet():
    """Two levels with a skip each: one comes back by repeating, the other by a transposed convolution."""
    inputs = L.Input((8, 8, 2), name="image")
    fine = relu()(layer("QConv2D", "fine", 4, 3)(inputs))
    half = relu()(layer("QConv2D", "half", 6, 3)(L.MaxPooling2D(2)(fine)))
    x = relu()(layer("QConv2D", "deep", 8, 3)(L.MaxPooling2D(2)(half)))
    x = L.Concatenate()([L.UpSampling2D(2, name="up")(x), half])
    x = relu()(layer("QConv2D", "merge1", 6, 3)(x))
    x = relu()(layer("QConv2DTranspose", "transposed", 4, (2, 2), strides=(2, 2), alpha="auto_po2")(x))
    x = relu()(layer("QConv2D", "merge2", 4, 3)(L.Concatenate()([x, fine])))
    model = trained(keras.Model(inputs, layer("QConv2D", "classes", 3, 1)(x), name="unet"), 4)
    prove(model, on_grid(4, (8, 8, 2), 0, 255, 2**-8), input_type="ufixed<8,0>", interval=1024)
