"""What the support table tries: each layer as it comes and with each option, each quantizer with each parameter.

Options are those of the layers' constructors, so that the tests can build the same layer in Keras. Nothing here says
what is supported: `benchmarks.support` asks the compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hwgen.network import KerasLayer, Network

BITS = "quantized_bits(4,0,alpha=1)"
IMAGE, STEPS, VECTOR = (6, 6, 4), (6, 4), (4,)


@dataclass(frozen=True)
class Case:
    """A layer with options. changes: those of them by which it differs from the layer as it comes."""

    kind: str
    shape: tuple[int, ...]
    options: Mapping
    changes: Mapping
    inputs: int = 1

    @property
    def label(self) -> str:
        return " and ".join(f"`{key}={value!r}`" for key, value in self.changes.items())

    def network(self) -> Network:
        """Inputs and the layer, as a file would hold them."""
        names = [f"x{k}" for k in range(self.inputs)]
        entries = tuple(KerasLayer(name, "InputLayer", {"shape": self.shape}) for name in names)
        inbound = tuple((name, 0) for name in names)
        made = KerasLayer("layer", self.kind, dict(self.options), inbound, self.weights())
        return Network("case", "0.9", (*entries, made), inbound, (("layer", 0),))

    def weights(self) -> dict[str, np.ndarray]:
        """Small weights of the shapes that Keras gives them."""
        options, channels = self.options, self.shape[-1]
        size = options.get("kernel_size", 1)
        window = ((size,) * (len(self.shape) - 1)) if isinstance(size, int) else tuple(size)
        groups, multiplier = options.get("groups", 1), options.get("depth_multiplier", 1)
        count = options.get("filters", options.get("units", channels * multiplier))
        shapes = {}
        base = self.kind.removeprefix("Q")
        if base.startswith("Dense"):
            shapes["kernel"] = (channels, count)
        elif base.startswith("Separable"):
            shapes["depthwise_kernel"] = (*window, channels, multiplier)
            shapes["pointwise_kernel"] = ((1,) * len(window)) + (channels * multiplier, count)
        elif base.startswith("Depthwise"):
            shapes["depthwise_kernel"] = (*window, channels, multiplier)
        elif base.endswith("Transpose"):
            shapes["kernel"] = (*window, count, channels)
        elif base.startswith("Conv"):
            shapes["kernel"] = (*window, channels // groups, count)
        if shapes and options.get("use_bias", True):
            shapes["bias"] = (count,)
        if base.endswith("Batchnorm") or base == "BatchNormalization":
            size = count if shapes else channels
            shapes |= dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (size,))
        if base == "PReLU":
            shared = options.get("shared_axes") or ()
            shapes["alpha"] = tuple(1 if k + 1 in shared else n for k, n in enumerate(self.shape))
        if base == "AdaptiveActivation":
            shapes |= dict.fromkeys(("ema_min", "ema_max"), (channels if options.get("per_channel") else 1,))
        rng = np.random.default_rng(1)
        made = {name: ((2 * rng.integers(1, 8, shape) + 1) / 16).astype(np.float32) for name, shape in shapes.items()}
        for name in ("gamma", "moving_variance"):  # a normalisation by powers of two, which float32 has exactly
            if name in made:
                made[name] = np.full_like(made[name], 1 - (name == "moving_variance") * options.get("epsilon", 0))
        return made


_CONV = {"filters": 4, "kernel_size": 3, "strides": 1, "kernel_quantizer": BITS, "bias_quantizer": BITS}
_PLAIN_CONV = {"filters": 4, "kernel_size": 3, "strides": 1}
_DEPTHWISE = {"kernel_size": 3, "strides": 1, "depthwise_quantizer": BITS, "bias_quantizer": BITS}
_SEPARABLE = {**_DEPTHWISE, "filters": 4, "pointwise_quantizer": BITS}
_NORM = {"epsilon": 0.5}
_FOLDED = {**_NORM, "folding_mode": "ema_stats_folding"}
_FOLDINGS = ({"folding_mode": "batch_stats_folding"},)
_WINDOW = ({"padding": "same"}, {"strides": 2}, {"dilation_rate": 2})
_BIAS = ({"use_bias": False}, {"bias_quantizer": None})
_INSIDE = ({"activation": "relu"}, {"activation": "quantized_relu(4)"}, {"activation": "tanh"})
_FIRST = ({"data_format": "channels_first"},)
_NO_KERNEL = ({"kernel_quantizer": None},)
_CONV_OPTIONS = (*_WINDOW, *_BIAS, *_INSIDE, *_FIRST, *_NO_KERNEL)
_DEPTHWISE_OPTIONS = (*_WINDOW[:2], {"depth_multiplier": 2}, *_BIAS, *_INSIDE, *_FIRST, {"depthwise_quantizer": None})
_POOL = {"pool_size": 2}
_POOL_OPTIONS = ({"strides": 1}, {"pool_size": 3, "strides": 1, "padding": "same"}, *_FIRST)
_GLOBAL_OPTIONS = ({"keepdims": True}, *_FIRST)
_QUANTIZED = {"gamma_quantizer": BITS, "beta_quantizer": BITS, "mean_quantizer": BITS, "variance_quantizer": None}

# class -> (shape of a frame, options as it comes, options to try, number of inputs)
_LAYERS: dict[str, tuple] = {
    "QDense": (VECTOR, {"units": 3, "kernel_quantizer": BITS, "bias_quantizer": BITS}, (*_BIAS, *_INSIDE, *_NO_KERNEL)),
    "QConv1D": (STEPS, _CONV, (*_CONV_OPTIONS, {"groups": 2}, {"padding": "causal"})),
    "QConv2D": (IMAGE, _CONV, (*_CONV_OPTIONS, {"groups": 2})),
    "QDepthwiseConv2D": (IMAGE, _DEPTHWISE, (*_DEPTHWISE_OPTIONS, {"dilation_rate": 2})),
    "QSeparableConv1D": (STEPS, _SEPARABLE, (*_DEPTHWISE_OPTIONS, {"padding": "causal"}, {"pointwise_quantizer": None})),
    "QSeparableConv2D": (IMAGE, _SEPARABLE, (*_DEPTHWISE_OPTIONS, {"pointwise_quantizer": None})),
    "QConv2DTranspose": (IMAGE, {**_CONV, "strides": 2}, (*_WINDOW[:1], {"strides": 3}, *_BIAS, *_INSIDE, *_NO_KERNEL)),
    "QConv2DBatchnorm": (IMAGE, {**_CONV, **_FOLDED}, (*_FOLDINGS, *_WINDOW, *_BIAS, *_INSIDE)),
    "QDepthwiseConv2DBatchnorm": (IMAGE, {**_DEPTHWISE, **_FOLDED}, (*_FOLDINGS, *_WINDOW[:2], *_BIAS, *_INSIDE)),
    "QDenseBatchnorm": (
        VECTOR,
        {"units": 3, "kernel_quantizer": BITS, "bias_quantizer": BITS, **_FOLDED},
        (*_FOLDINGS, *_BIAS, *_INSIDE),
    ),
    "Dense": (VECTOR, {"units": 3}, ()),
    "Conv1D": (STEPS, _PLAIN_CONV, ()),
    "Conv2D": (IMAGE, _PLAIN_CONV, ()),
    "Conv1DTranspose": (STEPS, _PLAIN_CONV, ()),
    "Conv2DTranspose": (IMAGE, _PLAIN_CONV, ()),
    "DepthwiseConv1D": (STEPS, {"kernel_size": 3, "strides": 1}, ()),
    "DepthwiseConv2D": (IMAGE, {"kernel_size": 3, "strides": 1}, ()),
    "SeparableConv1D": (STEPS, _PLAIN_CONV, ()),
    "SeparableConv2D": (IMAGE, _PLAIN_CONV, ()),
    "QActivation": (IMAGE, {"activation": "quantized_relu(4)"}, ({"activation": "quantized_bits(4,0,alpha=1)"},)),
    "QAdaptiveActivation": (
        IMAGE,
        {"activation": "quantized_relu", "total_bits": 4, "per_channel": False},
        ({"activation": "quantized_bits"}, {"per_channel": True}),
    ),
    "Activation": (
        VECTOR,
        {"activation": "relu"},
        tuple({"activation": name} for name in ("linear", "relu6", "hard_sigmoid", "softmax", "sigmoid", "tanh", "elu",
                                                "selu", "gelu", "swish", "softplus", "softsign", "exponential")),
    ),
    "ReLU": (IMAGE, {}, ({"max_value": 6.0}, {"negative_slope": 0.25}, {"threshold": 0.5}, {"negative_slope": 0.3})),
    "LeakyReLU": (IMAGE, {"alpha": 0.25}, ({"alpha": 0.3},)),
    "ThresholdedReLU": (IMAGE, {"theta": 0.5}, ()),
    "PReLU": (IMAGE, {"shared_axes": [1, 2]}, ({"shared_axes": None},)),
    "Softmax": (VECTOR, {"axis": -1}, ()),
    "BatchNormalization": (IMAGE, _NORM, ({"scale": False}, {"center": False}, {"axis": 1})),
    "QBatchNormalization": (IMAGE, {**_NORM, **_QUANTIZED}, ({"scale": False}, {"center": False}, {"axis": 1})),
    "MaxPooling1D": (STEPS, _POOL, _POOL_OPTIONS),
    "MaxPooling2D": (IMAGE, _POOL, _POOL_OPTIONS),
    "AveragePooling1D": (STEPS, _POOL, _POOL_OPTIONS),
    "AveragePooling2D": (IMAGE, _POOL, _POOL_OPTIONS),
    "QAveragePooling2D": (IMAGE, {**_POOL, "average_quantizer": BITS}, (*_POOL_OPTIONS, *_INSIDE)),
    "GlobalMaxPooling1D": (STEPS, {}, _GLOBAL_OPTIONS),
    "GlobalMaxPooling2D": (IMAGE, {}, _GLOBAL_OPTIONS),
    "GlobalAveragePooling1D": (STEPS, {}, _GLOBAL_OPTIONS),
    "GlobalAveragePooling2D": (IMAGE, {}, _GLOBAL_OPTIONS),
    "QGlobalAveragePooling2D": (IMAGE, {"average_quantizer": BITS}, (*_FIRST, *_INSIDE)),
    "Concatenate": (IMAGE, {"axis": -1}, ({"axis": 1}, {"axis": 2}), 2),
    **{kind: (IMAGE, {}, (), 2) for kind in ("Add", "Subtract", "Average", "Maximum", "Minimum", "Multiply")},
    "Flatten": (IMAGE, {}, _FIRST),
    "Reshape": (IMAGE, {"target_shape": [36, 4]}, ({"target_shape": [-1]}, {"target_shape": [2, 3, 6, 4]})),
    "Permute": (IMAGE, {"dims": [2, 1, 3]}, ({"dims": [3, 1, 2]},)),
    "RepeatVector": (VECTOR, {"n": 3}, ()),
    "ZeroPadding1D": (STEPS, {"padding": 1}, ()),
    "ZeroPadding2D": (IMAGE, {"padding": 1}, ({"padding": [[0, 1], [2, 0]]}, *_FIRST)),
    "Cropping1D": (STEPS, {"cropping": 1}, ()),
    "Cropping2D": (IMAGE, {"cropping": 1}, ({"cropping": [[0, 1], [2, 0]]}, *_FIRST)),
    "UpSampling1D": (STEPS, {"size": 2}, ()),
    "UpSampling2D": (IMAGE, {"size": 2}, ({"size": [1, 3]}, {"interpolation": "bilinear"}, *_FIRST)),
    **{kind: (IMAGE, {"rate": 0.5}, ()) for kind in ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout")},
    "SpatialDropout1D": (STEPS, {"rate": 0.5}, ()),
    "GaussianNoise": (IMAGE, {"stddev": 0.5}, ()),
    "ActivityRegularization": (IMAGE, {}, ()),
    "Identity": (IMAGE, {}, ()),
    # Refused by class.
    **{kind: (STEPS, {"units": 3}, ()) for kind in ("LSTM", "GRU", "SimpleRNN", "QLSTM", "QGRU", "QSimpleRNN")},
    "LayerNormalization": (IMAGE, {}, ()),
    "Lambda": (IMAGE, {}, ()),
}  # fmt: skip


def layer_cases() -> dict[str, list[Case]]:
    """class -> the layer as it comes, then with each of the other options."""
    result = {}
    for kind, (shape, options, changes, *inputs) in _LAYERS.items():
        cases = [Case(kind, shape, {**options, **change}, change, *inputs) for change in ({}, *changes)]
        result[kind] = cases
    return result


_ALPHAS = ("alpha=1", "alpha=0.7", "alpha='auto'", "alpha='auto_po2'")
QUANTIZERS: dict[str, tuple[str, ...]] = {
    "quantized_bits": ("4,0", *(f"4,0,{a}" for a in _ALPHAS), "4,0,symmetric=1,alpha=1", "4,0,keep_negative=0,alpha=1"),
    "quantized_linear": ("4,0", *(f"4,0,{a}" for a in _ALPHAS)),
    "binary": ("", *_ALPHAS, "use_01=1,alpha=1"),
    "ternary": ("", *_ALPHAS, "threshold=0.5,alpha=1"),
    "stochastic_binary": ("", *_ALPHAS),
    "stochastic_ternary": ("", *_ALPHAS),
    "bernoulli": ("",),
    "quantized_po2": ("4", "4,max_value=2", "4,quadratic_approximation=1"),
    "quantized_relu_po2": ("4", "4,max_value=2", "4,quadratic_approximation=1", "4,negative_slope=0.25"),
    "quantized_relu": ("4", "4,1", "4,negative_slope=0.25", "4,use_sigmoid=1", "4,1,relu_upper_bound=1.5"),
    "quantized_ulaw": ("4",),
    "quantized_tanh": ("4", "4,symmetric=1", "4,use_real_tanh=1"),
    "quantized_sigmoid": ("4", "4,symmetric=1", "4,use_real_sigmoid=1"),
    "quantized_hswish": ("4",),
}


def quantizer_texts() -> dict[str, list[str]]:
    """name -> the quantizer with each tuple of parameters, as a configuration may hold it."""
    return {name: [f"{name}({arguments})" for arguments in variants] for name, variants in QUANTIZERS.items()}


def as_kernel(text: str) -> Case:
    options = {"units": 3, "kernel_quantizer": text, "use_bias": False}
    return Case("QDense", VECTOR, options, {})


def as_activation(text: str) -> Case:
    return Case("QActivation", VECTOR, {"activation": text}, {})
