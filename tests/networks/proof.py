"""A whole QKeras model proved: QKeras's own results = the integer model = the Verilog, value by value."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

import hwgen
from hwgen.api import Design
from tests.on_time import assert_on_time
from tests.random_models import load_weights

FRAMES = 2


def trained(model, seed: int):
    """The model with random weights as training might leave them."""
    load_weights(model, np.random.default_rng(seed))
    return model


def on_grid(seed: int, shape: tuple[int, ...], low: int, high: int, step: float, frames: int = FRAMES) -> np.ndarray:
    """Random float32 frames, multiples of a step from low to high steps."""
    return (np.random.default_rng(seed).integers(low, high + 1, (frames, *shape)) * step).astype(np.float32)


def prove(model, frames, truth=None, **options) -> Design:
    """Asserts that all are equal on these frames, and that the hardware keeps its schedule.

    frames: float32 as the model takes them, a list where it has several inputs. truth: the same model without its
    softmax, where it has one. options: of `hwgen.compile`.
    """
    theirs = listed(
        (truth or model)([tf.constant(x) for x in frames] if isinstance(frames, list) else tf.constant(frames))
    )
    design = hwgen.compile(model, **options)
    ours = listed(design.evaluate(frames))
    result = design.simulate(frames, simulator="icarus")
    for k, (expected, integer, hardware) in enumerate(zip(theirs, ours, result.outputs.values(), strict=True)):
        expected = np.asarray(expected)
        assert np.ptp(expected) > 0, f"output {k} is constant: it would prove nothing"
        assert np.array_equal(expected, integer), f"output {k}: the integer model is not QKeras"
        assert np.array_equal(expected, hardware), f"output {k}: the Verilog is not QKeras"
    assert_on_time(design.compiled.hardware, result)
    return design


def listed(values) -> list:
    return list(values) if isinstance(values, (list, tuple)) else [values]
