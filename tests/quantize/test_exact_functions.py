"""Activations against their definitions in rational numbers: every value of the grid, exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from hwgen.graph import evaluate
from hwgen.quantize import quantize
from hwgen.quantize.functions import float32, named
from hwgen.quantize.rectifiers import Relu
from hwgen.tensor import TensorType
from tests.quantize.networks import chain, layer

HALF = Fraction(1, 2)
# Grids: of integers, of halves, of fours, of ninths of eighths.
GRIDS = [(0, 1), (1, 1), (-2, 1), (5, 1), (3, 9)]


def grids(low=-40, high=90):
    for frac, divisor in GRIDS:
        yield TensorType((1, 1, 1), low, high, frac, divisor), np.arange(low, high + 1)


def check(function, truth) -> None:
    """The function's raw results on every grid are the truth's, its result type is exact, and it never falls."""
    for x, raw in grids():
        result, seen = function.result(x), function.apply(raw, x)
        expected = [truth(int(value) * x.step) for value in raw]
        assert [int(value) * result.step for value in seen] == expected, (function, x)
        assert (int(seen.min()), int(seen.max())) == (result.lo, result.hi)
        assert (np.diff(seen.astype(np.int64)) >= 0).all()
        # One that is a shift and a clip says so rightly.
        if shift := getattr(function, "as_shift", lambda x: None)(x):
            moved = raw << -shift[0] if shift[0] <= 0 else raw >> shift[0]
            assert (np.clip(moved, shift[1], shift[2]) == seen).all()


@pytest.mark.parametrize("most", [None, Fraction(0), Fraction(3, 2), Fraction(6), float32(1.3)])
@pytest.mark.parametrize("slope", [Fraction(0), Fraction(1, 4), Fraction(3), float32(0.3)])
def test_relu(most, slope):
    for threshold in (Fraction(0), HALF, float32(0.7), Fraction(4)):

        def truth(v, threshold=threshold):
            if v <= threshold:
                return slope * (v - threshold)
            return v if most is None else min(v, most)

        check(Relu(most, slope, threshold), truth)


# x/2 + 1/2 of QKeras, 0.2·x + 1/2 of Keras 2, x/6 + 1/2 of Keras 3, each between 0 and 1.
HARD_SIGMOIDS = [
    ("0.9", True, HALF),
    ("v3", True, HALF),
    ("0.9", False, float32(0.2)),
    ("v3", False, Fraction(1, 6)),
]


@pytest.mark.parametrize(("flavour", "in_qkeras", "slope"), HARD_SIGMOIDS)
def test_hard_sigmoid(flavour, in_qkeras, slope):
    function = named("hard_sigmoid", flavour, in_qkeras)
    for x, raw in grids():
        result, seen = function.result(x), function.apply(raw, x)
        for value, raw_result in zip(raw, seen):
            exact = max(min(slope * int(value) * x.step + HALF, Fraction(1)), Fraction(0))
            assert int(raw_result) * result.step == exact, (flavour, in_qkeras, x, value)


@pytest.mark.parametrize(("name", "flavour"), [("hard_sigmoid", "0.9"), ("hard_sigmoid", "v3")])
def test_hard_sigmoid_of_a_layer(name, flavour):
    """The slope becomes a scale of its own where it is a power of two's multiple; the value is the same."""
    model = chain((1, 256, 1), layer("Activation", "act", activation=name), flavour=flavour)
    graph = quantize(model, "fixed<8,4>")
    raw = np.arange(-128, 128).reshape(1, 1, 256, 1)
    seen = evaluate(graph, {"input": raw})["act"].ravel()
    slope, step = {"0.9": float32(0.2), "v3": Fraction(1, 6)}[flavour], graph["act"].type.step
    expected = [max(min(slope * Fraction(int(v), 16) + HALF, Fraction(1)), Fraction(0)) for v in raw.ravel()]
    assert [int(v) * step for v in seen] == expected


def bits(x: Fraction, bits: int, integer: int, low: int) -> Fraction:
    """quantized_bits without alpha: rounded half to even, clipped."""
    m = 2 ** (bits - 1)
    return Fraction(max(min(round(x * m / 2**integer), m - 1), low), m) * 2**integer


ALPHAS = {
    "numbers": [0.3, 1.7, 0.25],
    "powers of two": [0.5, 4.0, 1.0],
    "one": [0.7],
    "nested": [[[0.3, 1.0, 2.0]]],
}


@pytest.mark.parametrize(("name", "symmetric"), product(ALPHAS, (0, 1)))
def test_an_alpha_a_channel(name, symmetric):
    """The scale stands behind the quantizer: x is rounded as without it."""
    alphas = np.resize(np.ravel(ALPHAS[name]), 3)
    config = {"bits": 5, "integer": 1, "alpha": ALPHAS[name], "symmetric": symmetric}
    model = chain(
        (1, 256, 3), layer("QActivation", "act", activation={"class_name": "quantized_bits", "config": config})
    )
    graph = quantize(model, "fixed<8,3>")
    raw = np.arange(-128, 128).repeat(3).reshape(1, 1, 256, 3)
    seen, step = evaluate(graph, {"input": raw})["act"], graph["act"].type.step
    for channel, alpha in enumerate(alphas):
        for value, result in zip(raw[0, 0, :, channel], seen[0, 0, :, channel]):
            exact = float32(alpha) * bits(Fraction(int(value), 32), 5, 1, -16 + symmetric)
            assert int(result) * step == exact, (channel, value)


def test_binary_and_ternary_with_an_alpha_a_channel():
    alphas = [0.3, 1.7, 2.0]
    raw = np.arange(-128, 128).repeat(3).reshape(1, 1, 256, 3)
    third = Fraction(float(np.float32(0.33)))
    signs = {
        "binary": lambda v: 1 if v >= 0 else -1,
        "ternary": lambda v: 0 if abs(v) < third else 1 if v > 0 else -1,
    }
    for kind, sign in signs.items():
        spec = {"class_name": kind, "config": {"alpha": alphas}}
        graph = quantize(chain((1, 256, 3), layer("QActivation", "act", activation=spec)), "fixed<8,3>")
        seen, step = evaluate(graph, {"input": raw})["act"], graph["act"].type.step
        for channel, alpha in enumerate(alphas):
            exact = [float32(alpha) * sign(Fraction(int(v), 32)) for v in raw[0, 0, :, channel]]
            assert [int(v) * step for v in seen[0, 0, :, channel]] == exact
