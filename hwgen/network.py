"""What reading a model gives: Keras layers as they stand in the file, with the weights as stored.

Nothing is interpreted yet but the file formats: a `Network` looks the same for every Keras and QKeras version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class KerasLayer:
    """One layer of the model.

    class_name: without package or registration prefix (`QConv2D`, not `qkeras>QConv2D`).
    config:     the layer's Keras configuration; quantizers in it are left as they stand (dict, string or None).
    inbound:    (layer name, output index) of each input tensor, in order; empty for an InputLayer.
    weights:    stored (latent) float arrays by their short Keras name: kernel, bias, depthwise_kernel, gamma, beta,
                moving_mean, moving_variance, iteration, ... as Keras lays them out (kernels HWIO or (in, out)).
    """

    name: str
    class_name: str
    config: Mapping
    inbound: tuple[tuple[str, int], ...] = ()
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Network:
    """A whole model in topological order.

    flavour: "0.9" (QKeras on Keras 2) or "v3" (qkeras-v3 on Keras 3); their quantizers differ in places.
    inputs, outputs: (layer name, output index); an input's layer is an InputLayer whose config has `shape`, the
             shape of one frame without the batch, as a tuple of ints.
    """

    name: str
    flavour: str
    layers: tuple[KerasLayer, ...]
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]

    def layer(self, name: str) -> KerasLayer:
        return next(layer for layer in self.layers if layer.name == name)
