"""Quantizers as activations are QKeras's own on a grid, in both flavours, and exact on every other."""

import functools
from fractions import Fraction

import numpy as np
import pytest

from hwgen.numeric import round_half_even
from hwgen.quantizers import UnsupportedQuantizer, parse
from hwgen.tensor import TensorType
from tests.quantizers.truth import FLAVOURS, qkeras_results


def _specs(flavour):
    """(spec, fractional bits of a grid that has the quantizer's halves)."""
    for bits, integer in [(4, 0), (2, 0), (3, 1), (8, 2), (5, 5), (4, 7)]:
        for extra in ["", ",1", ",0,keep_negative=False", ",alpha=0.5", ",alpha=1.5", ",1,alpha=2"]:
            yield f"quantized_bits({bits},{integer}{extra})", bits - integer + 1
        for extra in ["", ",negative_slope=0.25", ",negative_slope=1.0", ",negative_slope=0.0078125", ",use_sigmoid=1",
                      ",1,0.25", ",relu_upper_bound=1.0,is_quantized_clip=False", ",relu_upper_bound=0.3",
                      ",relu_upper_bound=0.3,is_quantized_clip=False", ",use_stochastic_rounding=True"]:  # fmt: skip
            yield f"quantized_relu({bits},{integer}{extra})", bits - integer + 2
        if flavour == "v3":
            for extra in ["", ",0", ",keep_negative=False", ",alpha=0.5", ",alpha=2.0"]:
                yield f"quantized_linear({bits},{integer}{extra})", bits - integer + 2
    if flavour == "v3":
        yield "quantized_linear(1,0)", 3
        yield "quantized_linear(1,1,alpha=0.5)", 3
        yield "quantized_linear(1,0,keep_negative=False)", 3
    for extra in ["", "alpha=0.5", "alpha=0.3", "use_01=True", "use_01=True,alpha=1.7"]:
        yield f"binary({extra})", 4
    yield "stochastic_binary()", 4
    for extra in ["", "alpha=0.5", "alpha=0.7", "threshold=0.5", "threshold=0.1", "threshold=0.0", "threshold=1.25"]:
        yield f"ternary({extra})", 5
    yield "stochastic_ternary()", 5
    yield "quantized_bits(1,0)", 4
    yield "quantized_bits(1,2,alpha=2.0)", 4
    for bits in (2, 3, 4):
        for extra in ["", ",max_value=1.0", ",max_value=0.3", ",max_value=4.0", ",2"]:
            yield f"quantized_po2({bits + 1}{extra})", 10
            yield f"quantized_relu_po2({bits}{extra})", 10
            yield f"quantized_relu_po2({bits}{extra},negative_slope=0.25)", 10
    for bits in (1, 2, 4, 8):
        for extra in ["", ",symmetric=True"]:
            yield f"quantized_tanh({bits}{extra})", bits + 2
            yield f"quantized_sigmoid({bits}{extra})", bits + 3
    for name in (
        "hard_sigmoid",
        "hard_tanh",
        "smooth_tanh",
        "smooth_sigmoid",
        "binary_sigmoid",
        "binary_tanh",
        "relu",
        "linear",
    ):
        yield name, 5


def _grid(frac):
    """Every point of -6..6 and random ones far outside; at most 16 bits, so that QKeras's floats are exact."""
    near = np.arange(-6 * 2**6, 6 * 2**6 + 1) if frac < 6 else np.arange(-6 << min(frac, 11), (6 << min(frac, 11)) + 1)
    rng = np.random.default_rng(frac + 100)
    far = rng.integers(-(2**15), 2**15, size=500)
    return np.unique(np.concatenate([near, far])).astype(np.int64)


@functools.cache
def _truth(flavour):
    specs = list(_specs(flavour))
    cases = [(spec, None, np.ldexp(_grid(frac).astype(np.float32), -frac)) for spec, frac in specs]
    return specs, qkeras_results(flavour, cases)[0]


def _type(raw, frac, divisor=1):
    return TensorType((1, 1, 1), int(raw.min()), int(raw.max()), frac, divisor)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_functions_are_qkeras_own(flavour):
    specs, results = _truth(flavour)
    for (spec, frac), seen in zip(specs, results):
        raw = _grid(frac)
        x, type = np.ldexp(raw.astype(np.float32), -frac), _type(raw, frac)
        function = parse(spec, flavour).function()
        result, y = function.result(type), function.apply(raw, type)
        value = (y * 2.0**-result.frac).astype(np.float32)
        # Where alpha isn't a power of two, QKeras adds and subtracts x with rounding.
        same = (value == seen) | (x + (value - x) == seen)
        at = np.argmin(same)
        assert same.all(), f"{spec} of {x[at]!r} is {seen[at]!r} in QKeras, here {value[at]!r}"
        assert (result.lo, result.hi) == (y.min(), y.max()) and (np.diff(y) >= 0).all(), spec


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_shifts_are_the_function(flavour):
    shifted = 0
    for spec, frac in _specs(flavour):
        raw = _grid(frac)
        for type in (_type(raw, frac), _type(raw, frac - 3), _type(raw, frac + 4)):
            function = parse(spec, flavour).function()
            shift = function.as_shift(type)
            if shift is not None:
                by, lo, hi = shift
                rounded = round_half_even(raw, 2**by) if by >= 0 else raw << -by
                assert np.array_equal(np.clip(rounded, lo, hi), function.apply(raw, type)), spec
                shifted += 1
            else:
                assert not spec.startswith(("quantized_relu(4,0)", "quantized_bits(4,0)", "relu")), spec
            assert function.as_shift(TensorType((1, 1, 1), -9, 9, frac, divisor=3)) is None or spec == "linear!"
    assert shifted > 100


@pytest.mark.parametrize("divisor", [3, 25])
def test_other_grids_lie_between_their_neighbours_on_a_fine_one(divisor):
    """raw / divisor has no float; a monotone function encloses it between its dyadic neighbours."""
    rng = np.random.default_rng(divisor)
    for spec, frac in _specs("v3"):
        function = parse(spec, "v3").function()
        if spec in ("relu", "linear", "hard_sigmoid", "hard_tanh", "smooth_tanh", "smooth_sigmoid"):
            continue
        raw = np.unique(rng.integers(-(2**12), 2**12, size=400)) * rng.choice([1, divisor])
        type = TensorType((1, 1, 1), -(2**14) * divisor, 2**14 * divisor, frac, divisor)
        fine = TensorType((1, 1, 1), -(2**34), 2**34, frac + 20)
        below = raw * 2**20 // divisor
        y = function.apply(raw, type)
        assert function.result(type).frac == function.result(fine).frac
        assert (function.apply(below, fine) <= y).all() and (y <= function.apply(below + 1, fine)).all(), spec
        whole = raw % divisor == 0
        assert np.array_equal(y[whole], function.apply(below[whole], fine)), spec


def test_lines_keep_a_divisor():
    type = TensorType((1, 1, 1), -100, 100, 2, 3)
    raw = np.arange(-100, 101)
    for spec, exact in [
        ("relu", lambda x: max(x, 0)),
        ("linear", lambda x: x),
        ("hard_tanh", lambda x: min(max(x, -1), 1)),
        ("smooth_sigmoid", lambda x: min(max(x * 3 / 16 + Fraction(1, 2), 0), 1)),
    ]:
        function = parse(spec, "v3").function()
        step = function.result(type).step
        assert [int(y) * step for y in function.apply(raw, type)] == [exact(int(r) * type.step) for r in raw], spec


def test_wide_inputs_do_not_overflow():
    type = TensorType((1, 1, 1), -(2**61), 2**61, 58)
    raw = np.array([-(2**61), -(2**57) - 1, -(2**57), 0, 1, 2**57 - 1, 2**57, 2**57 + 1, 3 * 2**56, 2**61])
    for spec in ("quantized_bits(3,1)", "quantized_bits(3,1,alpha=1.5)", "quantized_sigmoid(6)", "quantized_tanh(2)"):
        function = parse(spec, "0.9").function()
        coarse = TensorType((1, 1, 1), -(2**31), 2**31, 28)
        # On the coarse grid every value is moved towards the tie's own side, which halves to even don't notice.
        nudged = [int(r) >> 30 if int(r) % 2**30 == 0 else (int(r) >> 30) | 1 for r in raw]
        assert np.array_equal(function.apply(raw, type), function.apply(np.array(nudged), coarse)), spec


def test_relu_po2_changes_at_the_square_root_of_two():
    function = parse("quantized_relu_po2(4)", "0.9").function()
    type = TensorType((1, 1, 1), 0, 2**40, 38)
    root = 388736063996  # floor(√2 · 2^38)
    assert root**2 < 2**77 < (root + 1) ** 2
    unit = 2 ** function.result(type).frac
    assert function.apply(np.array([root, root + 1]), type).tolist() == [unit, 2 * unit]


def test_the_grid_of_steps_follows_the_input_range():
    function = parse("quantized_relu_po2(6)", "0.9").function()
    assert function.result(TensorType((1, 1, 1), 1, 8, 0)) == TensorType((1, 1, 1), 1, 8, 0)
    small = function.result(TensorType((1, 1, 1), 1, 2, 4))
    assert (small.lo, small.hi, small.frac) == (1, 2, 4)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("quantized_bits(4,0,alpha='auto')", "takes its scale from each batch; set alpha to a power of two"),
        ("binary(alpha='auto_po2')", "takes its scale from each batch"),
        ("quantized_linear(4,0,alpha=0.3)", "divides by alpha in float32; set alpha to a power of two"),
        ("quantized_relu(4,0,0,0.3)", "negative_slope that isn't a power of two"),
        ("quantized_relu(4,0,1,relu_upper_bound=0.5,is_quantized_clip=False)", "upper bound together with"),
        ("binary(alpha=0)", "alpha that isn't positive"),
    ],
)
def test_refused_functions(spec, message):
    with pytest.raises(UnsupportedQuantizer, match=message):
        parse(spec, "v3").function()
