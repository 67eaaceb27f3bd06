"""Activations in every form: layers of Keras, functions by name, quantizers with scales, QAdaptiveActivation."""

from __future__ import annotations

from itertools import product

import numpy as np
import qkeras

from tests.qkeras_truth import FLAVOUR
from tests.quantize.layer_cases import L, act, bits, case

# Layers that are functions of one value

GRID = {"shape": (16, 16, 1), "rounded": ()}
RELUS = {
    "plain": {},
    "limit": {"max_value": 1.25},
    "six": {"max_value": 6},
    "slope": {"negative_slope": 0.125},
    "threshold": {"threshold": 0.75},
    "limit and slope": {"max_value": 2, "negative_slope": 0.5},
    "limit and threshold": {"max_value": 2, "threshold": 0.5},
    "slope and threshold": {"negative_slope": 0.25, "threshold": 1.5},
    "all": {"max_value": 1, "negative_slope": 0.5, "threshold": 0.25},
    "a limit below the threshold": {"max_value": 1, "threshold": 2},
}
for form in RELUS:
    case(f"ReLU {form}", lambda f=form: [L.ReLU(name="relu", **RELUS[f])], **GRID)
case(
    "ReLU off the grid",
    lambda: [L.ReLU(max_value=1.3, negative_slope=0.3, threshold=0.7, name="relu")],
    shape=(16, 16, 1),
)
case("LeakyReLU", lambda: [L.LeakyReLU(0.25, name="leaky")], **GRID)
case("LeakyReLU off the grid", lambda: [L.LeakyReLU(0.3, name="leaky")], shape=(16, 16, 1))
if hasattr(L, "ThresholdedReLU"):
    case("ThresholdedReLU", lambda: [L.ThresholdedReLU(0.5, name="relu")], **GRID)


def _slopes(*values):
    def load(model, rng):
        model.layers[-1].set_weights([np.resize(np.float32(values), w.shape) for w in model.layers[-1].get_weights()])

    return load


case(
    "PReLU one slope",
    lambda: [L.PReLU(shared_axes=[1, 2], name="prelu")],
    shape=(9, 9, 3),
    weights=_slopes(0.25),
    rounded=(),
)
case(
    "PReLU",
    lambda: [L.PReLU(shared_axes=[1, 2], name="prelu")],
    shape=(9, 9, 3),
    weights=_slopes(0.5, -0.25, 2),
    rounded=(),
)
case(
    "PReLU off the grid",
    lambda: [L.PReLU(shared_axes=[1, 2], name="prelu")],
    shape=(9, 9, 3),
    weights=_slopes(0.3, -0.7, 0),
)
case("PReLU of a vector", lambda: [L.PReLU(name="prelu")], shape=(24,), weights=_slopes(*np.linspace(-1, 1, 24)))

# Names of functions: in layers of Keras, in QKeras's, and as the activation of a layer

NAMES = ("linear", "relu", "hard_sigmoid")
NEWER = ("relu6", "leaky_relu", "hard_tanh", "sparse_sigmoid") if FLAVOUR == "v3" else ("relu6", "leaky_relu")
OWN = ("hard_tanh", "smooth_sigmoid", "smooth_tanh", "binary_sigmoid", "binary_tanh")
ROUNDED = ("leaky_relu", "hard_sigmoid")
for name in (*NAMES, *NEWER):
    options = {"shape": (16, 16, 1), "rounded": ("act",) if name in ROUNDED else ()}
    case(f"Activation {name}", lambda n=name: [L.Activation(n, name="act")], **options)
    case(f"Activation {name} quantized", lambda n=name: [L.Activation(n, name="act"), act("next")], **options)
for name in dict.fromkeys((*NAMES, *NEWER, *OWN)):
    options = {"shape": (16, 16, 1), "rounded": ("act", "dense") if name == "leaky_relu" else ()}
    if not (FLAVOUR == "v3" and name == "hard_sigmoid"):
        case(f"QActivation {name}", lambda n=name: [qkeras.QActivation(n, name="act")], **options)


def _dense(activation):
    return qkeras.QDense(3, kernel_quantizer=bits(4, 1), use_bias=False, activation=activation, name="dense")


INSIDE = {
    **{name: lambda n=name: n for name in (*NAMES, *NEWER, "hard_tanh")},
    "string": lambda: "quantized_relu(4,2)",
    "quantizer": lambda: qkeras.quantized_relu(4, 2),
    "bits": lambda: bits(4, 2),
    "ternary": lambda: qkeras.ternary(alpha=1),
    "tanh": lambda: qkeras.quantized_tanh(4),
    "softmax": lambda: "softmax",
}
for name in INSIDE:
    rounded = ("dense",) if name == "leaky_relu" else ()
    case(f"inside a layer {name}", lambda n=name: [_dense(INSIDE[n]())], shape=(24,), rounded=rounded)

# Quantizers as activations with scales

ALPHAS = {"number": 0.3, "large": 3.0, "numpy": np.array([0.5, 2.0, 0.25], np.float32), "list": [0.3, 1.7, 0.9]}
for name in ALPHAS:
    if name == "numpy" and FLAVOUR == "v3":
        continue  # QKeras itself fails
    for kind in ("quantized_bits", "binary", "ternary") if name != "list" else ("quantized_bits",):
        options = {"bits": 6, "integer": 2} if kind == "quantized_bits" else {}
        quantizer = getattr(qkeras, kind)(alpha=ALPHAS[name], **options)
        case(f"{kind} alpha {name}", lambda q=quantizer: [qkeras.QActivation(q, name="act")])
for kind in ("stochastic_binary", "stochastic_ternary"):
    case(f"{kind}", lambda k=kind: [qkeras.QActivation(getattr(qkeras, k)(alpha=1), name="act")], **GRID)
for name, make in {
    "real tanh": lambda: qkeras.quantized_tanh(5, use_real_tanh=True),
    "real sigmoid": lambda: qkeras.quantized_sigmoid(5, use_real_sigmoid=True),
}.items():
    case(name, lambda m=make: [qkeras.QActivation(m(), name="act")], shape=(16, 16, 1))


# QAdaptiveActivation


def _averages(least, greatest):
    def load(model, rng):
        layer = model.layers[-1]
        layer.ema_min.assign(np.resize(np.float32(least), layer.ema_min.shape))
        layer.ema_max.assign(np.resize(np.float32(greatest), layer.ema_max.shape))
        model(np.zeros((1, *model.inputs[0].shape[1:]), np.float32))  # takes the integer bits over from them

    return load


AVERAGES = {
    "small": (-0.2, 0.4),
    "mixed": ([-0.5, -2.0, -3.1], [0.3, 1.9, 4.0]),
    "powers": ([-1.0, -2, -4], [1.0, 2, 4]),
}
ADAPTIVE = {
    "bits": {"activation": "quantized_bits", "total_bits": 5},
    "bits, not symmetric": {"activation": "quantized_bits", "total_bits": 4, "symmetric": False},
    "relu": {"activation": "quantized_relu", "total_bits": 4},
    "leaky": {"activation": "quantized_relu", "total_bits": 5, "relu_neg_slope": 0.25},
    "rounded range": {"activation": "quantized_bits", "total_bits": 5, "po2_rounding": True},
    "one bit": {"activation": "quantized_relu", "total_bits": 1},
}
if FLAVOUR == "0.9":  # qkeras-v3 can't describe this layer
    for form, channels, averages in product(ADAPTIVE, (False, True), AVERAGES):
        case(
            f"adaptive {form}, {averages}{', per channel' * channels}",
            lambda f=form, c=channels: [qkeras.QAdaptiveActivation(per_channel=c, name="act", **ADAPTIVE[f])],
            shape=(9, 9, 3),
            weights=_averages(*AVERAGES[averages]),
            rounded=(),
        )
