"""Models of a layer or a few, by name, to be compared with QKeras: what norm_cases.py and activation_cases.py fill."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import qkeras

from tests.qkeras_truth import keras
from tests.random_models import Sample, load_weights

L = keras.layers
IMAGE, BYTES, FINE = (5, 6, 3), "ufixed<8,0>", "fixed<8,3>"
CASES: dict[str, Callable[[], Sample]] = {}


def sample(name: str, layers, *, shape=IMAGE, input_type=FINE, weights=None, rounded=None) -> Sample:
    """A model of these layers one after the other; layers may be a function of the input too.

    weights: sets them, by default load_weights. rounded: names of layers in which QKeras rounds, by default all.
    """
    seed = zlib.crc32(name.encode())
    rng = np.random.default_rng(seed)
    keras.backend.clear_session()
    inputs = L.Input(shape, name="input")
    x = inputs
    if callable(layers):
        x = layers(x)
    else:
        for layer in layers:
            x = layer(x)
    model = keras.Model(inputs, x, name="case")
    (weights or load_weights)(model, rng)
    # The whole grid of 8 bits at every place where the shape is large enough for it, else a part.
    frames = np.stack([rng.permutation(256 * -(-np.prod(shape) // 256))[: np.prod(shape)] for _ in range(6)]) % 256
    frames = (frames / 256 if input_type == BYTES else (frames - 128) / 32).reshape(6, *shape).astype(np.float32)
    names = {layer.name for layer in model.layers} if rounded is None else set(rounded)
    return Sample(seed, model, input_type, {"input": frames}, names)


def case(name: str, layers: Callable, **options) -> None:
    assert name not in CASES, name
    CASES[name] = lambda: sample(name, layers(), **options)


def bits(*args, **options):
    return qkeras.quantized_bits(*args, **{"alpha": 1, **options})


def act(name: str = "act"):
    return qkeras.QActivation(bits(5, 2), name=name)
