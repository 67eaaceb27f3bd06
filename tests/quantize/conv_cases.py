"""Layers of the convolution family in every form: over one axis and two, in groups, dilated, separable, transposed."""

from __future__ import annotations

from itertools import product

import qkeras

from tests.qkeras_truth import FLAVOUR
from tests.quantize.layer_cases import IMAGE, L, act, bits, case

STEPS = (9, 4)
OLD = FLAVOUR == "0.9"  # Keras 2; where a form is left out for the other, QKeras itself raises


def layer(kind: str, *args, **options):
    """A layer with 4-bit kernels and a 6-bit bias, called "layer"."""
    names = ("depthwise_quantizer",) if "Depthwise" in kind else ("kernel_quantizer",)
    names = ("depthwise_quantizer", "pointwise_quantizer") if "Separable" in kind else names
    quantizers = {name: bits(4, 0) for name in names} | {"bias_quantizer": bits(6, 1)}
    return getattr(qkeras, kind)(*args, **{"name": "layer", **quantizers, **options})


def exact(name: str, kind: str, *args, shape=IMAGE, **options) -> None:
    """A case in which QKeras's float32 is exact."""
    case(f"{kind} {name}", lambda: [layer(kind, *args, **options)], shape=shape, rounded=())


def rounded(name: str, kind: str, *args, shape=IMAGE, **options) -> None:
    """A case in which float32 rounds; fresh options for each, since quantizers keep the scale that they found."""
    made = {key: value for key, value in options.items() if not callable(value)}
    fresh = {key: value for key, value in options.items() if callable(value)}
    case(
        f"{kind} {name}",
        lambda: [layer(kind, *args, **made, **{key: value() for key, value in fresh.items()}), act()],
        shape=shape,
    )


PADDINGS = ("valid", "same")
AUTO = {
    "auto": lambda: qkeras.quantized_bits(4, 0, alpha="auto"),
    "auto_po2": lambda: qkeras.quantized_bits(4, 0, alpha="auto_po2"),
    "binary auto": lambda: qkeras.binary(alpha="auto"),
    "ternary auto_po2": lambda: qkeras.ternary(alpha="auto_po2"),
    "no alpha": lambda: qkeras.quantized_bits(4, 0),
}

# Over steps

for padding, stride, size in product(PADDINGS, (1, 2, 3), (1, 2, 3, 5)):
    exact(f"{padding} {size} stride {stride}", "QConv1D", 3, size, strides=stride, padding=padding, shape=STEPS)
for padding, dilation in product(PADDINGS, (2, 4)):
    exact(f"{padding} dilation {dilation}", "QConv1D", 3, 3, dilation_rate=dilation, padding=padding, shape=STEPS)
if OLD:
    for size, dilation, stride in ((2, 1, 1), (3, 1, 2), (3, 2, 1), (4, 3, 1), (1, 1, 1)):
        options = {"strides": stride, "dilation_rate": dilation, "padding": "causal", "shape": STEPS}
        exact(f"causal {size} stride {stride} dilation {dilation}", "QConv1D", 3, size, **options)
exact("in groups", "QConv1D", 6, 3, groups=2, shape=STEPS)
exact("in dilated groups", "QConv1D", 4, 2, groups=4, dilation_rate=3, padding="same", shape=STEPS)
exact("without bias", "QConv1D", 3, 3, use_bias=False, shape=STEPS)
exact("with relu", "QConv1D", 3, 3, activation="quantized_relu(4,1)", shape=STEPS)
for name, quantizer in AUTO.items():
    rounded(name, "QConv1D", 3, 3, kernel_quantizer=quantizer, shape=STEPS)
    rounded(f"in groups {name}", "QConv1D", 6, 3, groups=2, kernel_quantizer=quantizer, shape=STEPS)

# Over rows and columns

GROUPED = (6, 5, 6)
for groups, padding, strides in product((2, 3, 6), PADDINGS, ((1, 1), (2, 1))):
    options = {"groups": groups, "padding": padding, "strides": strides, "shape": GROUPED}
    exact(f"in {groups} groups {padding} {strides}", "QConv2D", 6, (3, 2), **options)
for dilation, padding, groups in product(((2, 2), (1, 2), (3, 1)), PADDINGS, (1, 2)):
    options = {"groups": groups, "padding": padding, "dilation_rate": dilation, "shape": (7, 6, 4)}
    exact(f"dilation {dilation} {padding} {groups} groups", "QConv2D", 4, (3, 2), **options)
for name, quantizer in AUTO.items():
    rounded(f"in groups {name}", "QConv2D", 6, 3, groups=3, kernel_quantizer=quantizer, shape=GROUPED)
    rounded(f"dilated {name}", "QConv2D", 3, 2, dilation_rate=2, padding="same", kernel_quantizer=quantizer)

# Each channel by itself

for dilation, padding, multiplier in product(((2, 2), (1, 3)), PADDINGS, (1, 2)):
    options = {"dilation_rate": dilation, "padding": padding, "depth_multiplier": multiplier, "shape": (7, 8, 3)}
    exact(f"dilation {dilation} {padding} times {multiplier}", "QDepthwiseConv2D", (3, 3), **options)
if not OLD:
    exact("strides and dilation", "QDepthwiseConv2D", (3, 3), strides=(2, 2), dilation_rate=(2, 2), shape=(9, 8, 3))
for name, quantizer in AUTO.items():
    options = {"dilation_rate": (2, 2), "depth_multiplier": 2, "depthwise_quantizer": quantizer}
    rounded(f"dilated {name}", "QDepthwiseConv2D", (2, 2), **options)

# Separable

for padding, multiplier in product(PADDINGS, (1, 2)):
    options = {"padding": padding, "depth_multiplier": multiplier}
    for stride, dilation in ((1, 1), (2, 1), (1, 2)):
        name = f"{padding} times {multiplier} stride {stride} dilation {dilation}"
        more = {"strides": stride, "dilation_rate": dilation}
        exact(name, "QSeparableConv1D", 5, 3, **options, **more, shape=STEPS)
        exact(name, "QSeparableConv2D", 5, 3, **options, **more)
exact("without bias", "QSeparableConv2D", 4, 2, use_bias=False)
exact("with relu", "QSeparableConv2D", 4, (1, 3), activation="quantized_relu(4,1)")
for name, quantizer in AUTO.items():
    for key in ("depthwise_quantizer", "pointwise_quantizer"):
        options = {key: quantizer, "depth_multiplier": 2, "padding": "same"}
        rounded(f"{name} {key}", "QSeparableConv1D", 3, 3, shape=STEPS, **options)
        rounded(f"{name} {key}", "QSeparableConv2D", 3, 3, **options)
both = {"depthwise_quantizer": AUTO["auto"], "pointwise_quantizer": AUTO["auto"]}
rounded("auto twice", "QSeparableConv2D", 3, 2, **both)

# Transposed

SMALL = (3, 4, 3)
for padding, size, stride in product(PADDINGS, (1, 2, 3, 4, 5), (1, 2, 3)):
    options = {"strides": (stride, stride), "padding": padding, "shape": SMALL}
    exact(f"{padding} {size} stride {stride}", "QConv2DTranspose", 2, (size, size), **options)
for padding in PADDINGS:
    options = {"padding": padding, "shape": SMALL}
    exact(f"{padding} 3×2 strides 2×1", "QConv2DTranspose", 2, (3, 2), strides=(2, 1), **options)
    exact(f"{padding} 2×5 strides 1×3", "QConv2DTranspose", 2, (2, 5), strides=(1, 3), **options)
    exact(f"{padding} dilated", "QConv2DTranspose", 2, (3, 2), dilation_rate=(2, 2), **options)
exact("without bias", "QConv2DTranspose", 2, (3, 3), strides=(2, 2), use_bias=False, shape=SMALL)
exact("with relu", "QConv2DTranspose", 2, 2, strides=2, activation="quantized_relu(4,1)", shape=SMALL)
for (name, quantizer), stride in product(AUTO.items(), (1, 2)):
    options = {"strides": (stride, stride), "padding": "same", "kernel_quantizer": quantizer, "shape": SMALL}
    rounded(f"{name} stride {stride}", "QConv2DTranspose", 4, (3, 3), **options)

# Enough channels and taps for scales that differ, and few enough for output channels without some of them.
for taps, filters, key in product((1, 3), (1, 6), ("auto", "auto_po2")):
    options = {"strides": (2, 2), "kernel_quantizer": AUTO[key], "shape": (2, 3, 8)}
    rounded(f"{key} {taps} taps of 8 channels to {filters}", "QConv2DTranspose", filters, (taps, taps), **options)

# Repeated pixels

for size in ((1, 1), (2, 3), (1, 2)):
    case(f"UpSampling2D {size}", lambda size=size: [L.UpSampling2D(size, name="layer")], rounded=())
case("UpSampling1D", lambda: [L.UpSampling1D(3, name="layer")], shape=STEPS, rounded=())
