"""Real tanh and sigmoid into few bits: exact on every grid, and QKeras's own wherever its float32 can tell."""

import numpy as np
import pytest

from hwgen.quantizers import UnsupportedQuantizer, parse
from hwgen.tensor import TensorType
from tests.quantizers.truth import FLAVOURS, qkeras_results

SPECS = [
    (kind, bits, symmetric, f"{kind}({bits},symmetric={symmetric},{real}=True)")
    for kind, real in (("quantized_tanh", "use_real_tanh"), ("quantized_sigmoid", "use_real_sigmoid"))
    for bits in (1, 2, 4, 8, 12)
    for symmetric in (False, True)
]
RAW = np.arange(-24_000, 24_000, 7)
FRAC = 11


def curve(kind, bits, symmetric, x):
    """(level before rounding, level) for float64 x, from the definition."""
    m = 2 ** (bits - (kind == "quantized_tanh"))
    level = m * np.tanh(x) if kind == "quantized_tanh" else m / (1 + np.exp(-x))
    least = symmetric - m if kind == "quantized_tanh" else symmetric
    return level, np.clip(np.rint(level), least, m - 1) / m


@pytest.mark.parametrize("divisor", [1, 3])
@pytest.mark.parametrize(("kind", "bits", "symmetric", "spec"), SPECS)
def test_exact_on_grids(kind, bits, symmetric, spec, divisor):
    type = TensorType((1, 1, 1), int(RAW[0]), int(RAW[-1]), FRAC, divisor)
    function = parse(spec, "0.9").function()
    result, y = function.result(type), function.apply(RAW, type)
    level, expected = curve(kind, bits, symmetric, RAW * float(type.step))
    # float64 decides all but those within its own rounding of a half, of which this grid has none.
    assert np.abs(level - np.floor(level) - 0.5).min() > 1e-9
    assert np.array_equal(y * 2.0**-result.frac, expected)
    assert (result.lo, result.hi) == (y.min(), y.max())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_qkeras_agrees_where_float32_can_tell(flavour):
    x = np.ldexp(RAW.astype(np.float32), -FRAC)
    results, _ = qkeras_results(flavour, [(spec, None, x) for *_, spec in SPECS])
    type = TensorType((1, 1, 1), int(RAW[0]), int(RAW[-1]), FRAC)
    for (kind, bits, symmetric, spec), seen in zip(SPECS, results):
        function = parse(spec, flavour).function()
        value = function.apply(RAW, type) * 2.0 ** -function.result(type).frac
        level, _ = curve(kind, bits, symmetric, x.astype(np.float64))
        near_half = np.abs(level - np.floor(level) - 0.5) < 2 ** (bits - 20)
        assert near_half.mean() < 0.05
        assert np.array_equal(value[~near_half], seen[~near_half]), spec
        assert np.abs(value - seen).max() <= 2.0 ** (1 - bits), spec


def test_neighbours_of_a_threshold_on_a_grid_finer_than_float64():
    """atanh(1/4), cut off after 40 digits; floats know 16 of them."""
    digits = 2554128118829953416027570481518309674390
    function = parse("quantized_tanh(2,use_real_tanh=True)", "0.9").function()
    type = TensorType((1, 1, 1), 0, 2**200, 190)
    first = -(-digits * 2**190 // 10**40)
    assert function.apply(np.array([first - 1, first + 2**60], dtype=object), type).tolist() == [0, 1]


def test_many_levels_are_refused():
    with pytest.raises(UnsupportedQuantizer, match="a threshold a level; use 12 bits or fewer"):
        parse("quantized_tanh(13,use_real_tanh=True)", "0.9").function()
