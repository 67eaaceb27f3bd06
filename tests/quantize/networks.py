"""Networks made by hand: chains of Keras layers as a file would hold them, without Keras."""

from __future__ import annotations

import numpy as np

from hwgen.network import KerasLayer, Network

BITS4 = {"class_name": "quantized_bits", "config": {"bits": 4, "integer": 0, "alpha": 1, "symmetric": 0}}
RELU4 = {"class_name": "quantized_relu", "config": {"bits": 4, "integer": 0}}


def layer(class_name: str, name: str | None = None, inbound=None, weights=None, **config) -> KerasLayer:
    """A layer; chain() names it and connects it to the one before where that isn't said here."""
    weights = {key: np.asarray(value, dtype=np.float32) for key, value in (weights or {}).items()}
    inbound = None if inbound is None else tuple((source, 0) for source in inbound)
    return KerasLayer(name, class_name, config, inbound, weights)


def chain(shape: tuple[int, ...], *layers: KerasLayer, flavour: str = "0.9", outputs=None) -> Network:
    """An input `input` of this shape, then the layers one after the other; the last is the output."""
    made = [KerasLayer("input", "InputLayer", {"shape": shape})]
    for k, item in enumerate(layers):
        name = item.name or f"{item.class_name.lower()}{k}"
        inbound = ((made[-1].name, 0),) if item.inbound is None else item.inbound
        made.append(KerasLayer(name, item.class_name, item.config, inbound, item.weights))
    outputs = tuple((name, 0) for name in (outputs or [made[-1].name]))
    return Network("test", flavour, tuple(made), (("input", 0),), outputs)


def conv(kernel, bias=None, **config) -> KerasLayer:
    """A QConv2D with a 4-bit kernel unless said otherwise."""
    weights = {"kernel": kernel} | ({} if bias is None else {"bias": bias})
    options = {"strides": (1, 1), "padding": "valid", "kernel_quantizer": BITS4, "use_bias": bias is not None}
    return layer("QConv2D", weights=weights, **(options | config))


def dense(kernel, bias=None, **config) -> KerasLayer:
    """A QDense with a 4-bit kernel unless said otherwise."""
    weights = {"kernel": kernel} | ({} if bias is None else {"bias": bias})
    return layer("QDense", weights=weights, **({"kernel_quantizer": BITS4, "use_bias": bias is not None} | config))
