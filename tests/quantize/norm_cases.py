"""Layers that normalise, in every form: folded into a kernel, with each quantizer, alone and where people put them."""

from __future__ import annotations

from itertools import product

import qkeras

from tests.qkeras_truth import FLAVOUR
from tests.quantize.layer_cases import IMAGE, L, act, bits, case

FOLDING = ("ema_stats_folding", "batch_stats_folding")

# Layers that fold a normalisation into their kernel


def folded(kind: str, mode: str, **options):
    cls = getattr(qkeras, f"{kind}Batchnorm")
    quantizers = {"depthwise_quantizer" if "Depthwise" in kind else "kernel_quantizer": bits(5, 1)}
    options = {"bias_quantizer": bits(7, 3), "folding_mode": mode, "name": "folded", **quantizers, **options}
    if kind == "QConv2D":
        return cls(4, 3, padding="same", **options)
    return cls(3, depth_multiplier=2, **options) if "Depthwise" in kind else cls(4, **options)


FOLDED = [kind for kind in ("QConv2D", "QDepthwiseConv2D", "QDense") if hasattr(qkeras, f"{kind}Batchnorm")]
FORMS = {
    "plain": {},
    "no bias": {"use_bias": False},
    "float bias": {"bias_quantizer": None},
    "epsilon": {"epsilon": 0.25},
    "relu inside": {"activation": "quantized_relu(4,2)"},
    "delay": {"ema_freeze_delay": 100},
}
for kind, mode, form in product(FOLDED, FOLDING, FORMS):
    shape = (24,) if kind == "QDense" else IMAGE
    case(f"{kind} {mode} {form}", lambda k=kind, m=mode, f=form: [folded(k, m, **FORMS[f])], shape=shape)
for kind, alpha in product(FOLDED, ("auto", "auto_po2", None)):
    key = "depthwise_quantizer" if "Depthwise" in kind else "kernel_quantizer"
    options = {key: qkeras.quantized_bits(4, 0, alpha=alpha)}
    shape = (24,) if kind == "QDense" else IMAGE
    case(f"{kind} alpha {alpha}", lambda k=kind, o=options: [folded(k, FOLDING[0], **o)], shape=shape)

# Normalisation anywhere

PARTS = {
    "both": {},
    "no center": {"center": False},
    "no scale": {"scale": False},
    "neither": {"center": False, "scale": False},
}
NORMS = {"norm": L.BatchNormalization, "qnorm": qkeras.QBatchNormalization}
for kind, part in product(NORMS, PARTS):
    case(f"{kind} first {part}", lambda k=kind, p=part: [NORMS[k](name=k, **PARTS[p]), act()])
    case(f"{kind} of a vector {part}", lambda k=kind, p=part: [NORMS[k](name=k, **PARTS[p]), act()], shape=(24,))
case("norm of a sequence", lambda: [L.BatchNormalization(name="norm"), act()], shape=(6, 5))
case("norm at the end", lambda: [L.BatchNormalization(name="norm")])
case("norm along a named axis", lambda: [L.BatchNormalization(axis=3, epsilon=0.5, name="norm"), act()])
case("norm after a pool", lambda: [L.MaxPooling2D(2, name="pool"), L.BatchNormalization(name="norm"), act()])
case("norm after thirds", lambda: [L.AveragePooling2D(3, name="pool"), L.BatchNormalization(name="norm"), act()])
case("norm after a mean", lambda: [L.GlobalAveragePooling2D(name="mean"), L.BatchNormalization(name="norm"), act()])
case("two norms", lambda: [L.BatchNormalization(name="norm"), L.BatchNormalization(name="again"), act()])


def _conv(name: str, **options):
    return qkeras.QConv2D(3, 3, padding="same", kernel_quantizer=bits(4, 0), use_bias=False, name=name, **options)


def _norm_after_add():
    return lambda x: act()(L.BatchNormalization(name="norm")(L.Add(name="add")([x, _conv("conv")(x)])))


def _norm_before_concat():
    def build(x):
        return L.Concatenate(name="cat")([act()(L.BatchNormalization(name="norm")(_conv("conv")(x))), x])

    return build


def _norms_into_add():
    def build(x):
        one, other = (L.BatchNormalization(name=f"norm{k}")(_conv(f"conv{k}")(x)) for k in range(2))
        return act()(L.Add(name="add")([one, other]))

    return build


case("norm after add", _norm_after_add)
case("norm before concat", _norm_before_concat)
case("norms into add", _norms_into_add)

# QBatchNormalization with each of its quantizers

QUANTIZERS = {
    "bits": lambda: bits(8, 2),
    "po2": lambda: qkeras.quantized_po2(5),
    "relu po2": lambda: qkeras.quantized_relu_po2(5),
    "even": lambda: qkeras.quantized_relu_po2(6, quadratic_approximation=True),
    "automatic": lambda: qkeras.quantized_bits(6, 1),
    "string": lambda: "quantized_bits(9,3,alpha=1)",
    "none": lambda: None,
}
NONE = dict.fromkeys(("gamma_quantizer", "beta_quantizer", "mean_quantizer", "variance_quantizer"))
for part, kind in product(("gamma", "beta", "mean", "variance"), QUANTIZERS):
    if part != "variance" or kind in ("even", "relu po2", "none"):  # else a variance may quantize to 0 or below
        options = lambda p=part, k=kind: NONE | {f"{p}_quantizer": QUANTIZERS[k](), "name": "qnorm"}  # noqa: E731
        case(f"qnorm {part} {kind}", lambda o=options: [qkeras.QBatchNormalization(**o()), act()])
if FLAVOUR == "v3":
    for kind in ("bits", "automatic", "po2"):
        options = lambda k=kind: NONE | {"inverse_quantizer": QUANTIZERS[k](), "name": "qnorm"}  # noqa: E731
        case(f"qnorm inverse {kind}", lambda o=options: [qkeras.QBatchNormalization(**o()), act()])
