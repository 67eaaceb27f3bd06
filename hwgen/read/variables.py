"""The variables of each layer class: their short names, the order in which Keras stores them, what must be there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from hwgen.errors import ModelError
from hwgen.read.config import Layer

# Where Keras stores variables by number only, this is their order; QKeras's layers follow those of Keras.
_KERNELS = {
    "Dense": ("kernel",),
    "Conv1D": ("kernel",),
    "Conv2D": ("kernel",),
    "Conv3D": ("kernel",),
    "Conv2DTranspose": ("kernel",),
    "DepthwiseConv1D": ("depthwise_kernel",),
    "DepthwiseConv2D": ("depthwise_kernel",),
    "SeparableConv1D": ("depthwise_kernel", "pointwise_kernel"),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel"),
}
_VECTORS = ("bias", "gamma", "beta", "moving_mean", "moving_variance")


def expected(class_name: str, config: Mapping) -> tuple[str, ...]:
    """The variables that a layer must have, in their stored order, those of a folded normalisation last.

    Empty for a class that isn't known here.
    """
    return own(class_name, config) + folded(class_name, config)


def own(class_name: str, config: Mapping) -> tuple[str, ...]:
    """The variables of the layer itself, without those of a normalisation inside it."""
    base = class_name.removeprefix("Q")
    if base == "BatchNormalization":
        return _normalization(config)
    if base == "PReLU":
        return ("alpha",)
    kernels = _KERNELS.get(base.removesuffix("Batchnorm"), ())
    return kernels + (("bias",) if kernels and config.get("use_bias", True) else ())


def folded(class_name: str, config: Mapping) -> tuple[str, ...]:
    """The variables of the normalisation inside a QConv2DBatchnorm and its like."""
    return _normalization(config) if class_name.endswith("Batchnorm") and own(class_name, config) else ()


def _normalization(config: Mapping) -> tuple[str, ...]:
    gamma = ("gamma",) if config.get("scale", True) else ()
    beta = ("beta",) if config.get("center", True) else ()
    return (*gamma, *beta, "moving_mean", "moving_variance")


def named(layer: Layer, variables: Iterable[tuple[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """(`c1/kernel:0` or `model/c1/kernel`, array) pairs by short name; by full name where a short one comes twice."""
    result: dict[str, np.ndarray] = {}
    for path, array in variables:
        path = path.partition(":")[0]
        short = path.rpartition("/")[2]
        if short == "kernel" and "depthwise_kernel" in own(layer.class_name, layer.config):
            short = "depthwise_kernel"  # as DepthwiseConv2D called it before Keras 3
        result[path if short in result else short] = array
    return result


def check(layer: Layer, weights: Mapping[str, np.ndarray]) -> None:
    """Raises ModelError where a variable is missing, not a number, or of the wrong rank."""
    for name in expected(layer.class_name, layer.config):
        if name not in weights:
            change = "save the whole model, after it was built"
            raise ModelError(f"its weight {name!r} is missing", layer=layer.name, change=change)
        if name in _VECTORS and weights[name].ndim != 1:
            reason = f"its {name} has shape {weights[name].shape}, not one axis"
            raise ModelError(reason, layer=layer.name, change="save the model again")
    for name, array in weights.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            change = "train it again, or load a sound file"
            raise ModelError(f"its {name} holds NaN or infinite values", layer=layer.name, change=change)
