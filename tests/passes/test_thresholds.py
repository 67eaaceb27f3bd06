"""Thresholds against the functions themselves, asked at every single raw value, in Python integers."""

from fractions import Fraction

import numpy as np
import pytest

from hwgen.ops import Activation, Scale
from hwgen.passes.thresholds import find_thresholds
from hwgen.quantize.rectifiers import Relu
from hwgen.tensor import TensorType
from tests.graphs import Clip


def steps_of(ops, source):
    """(op, type of its input) for scales and functions one after the other, and the type of the result."""
    steps, type_ = [], source
    for op in ops:
        op = op if isinstance(op, Scale) else Activation(type_, op)
        steps.append((op, type_))
        type_ = op.infer(type_)
    return steps, type_


def check(ops, source, note):
    steps, result = steps_of(ops, source)
    table, falling = find_thresholds(steps, source.lo, source.hi)
    raw = np.arange(source.lo, source.hi + 1)
    wanted = np.repeat(raw[:, None], source.channels, axis=1)
    for op, _ in steps:
        wanted = op.evaluate(wanted)
    passed = (raw[:, None, None] >= table).sum(axis=2)
    got = np.where(falling, result.hi - passed, result.lo + passed)
    assert (got == wanted).all(), note
    assert (np.diff(table, axis=1) >= 0).all() and table.dtype == np.int64
    assert table.min(initial=source.lo) >= source.lo and table.max(initial=0) <= source.hi + 1


def random_scale(rng, channels, bits=6):
    multiplier = rng.integers(-(2**bits), 2**bits, channels)  # a zero among them makes a constant channel
    multiplier[rng.random(channels) < 0.15] = 0
    return Scale(multiplier, rng.integers(-(4**bits), 4**bits, channels), 0)


def random_source(rng):
    lo, hi = int(rng.integers(-300, 0)), int(rng.integers(1, 300))
    return TensorType((1, 1, int(rng.integers(1, 5))), lo, hi)


def quantizer(rng, source, *before):
    """A clip whose levels lie in the range of what comes in."""
    _, type_ = steps_of(before, source)
    shift = max(0, type_.width - int(rng.integers(1, 6)))
    return Clip(shift, int(rng.integers(-8, 0)), int(rng.integers(1, 9)), 0)


@pytest.mark.parametrize("seed", range(20))
def test_a_scale_and_a_quantizer(seed):
    rng = np.random.default_rng(seed)
    source = random_source(rng)
    scale = random_scale(rng, source.channels)
    check([scale, Clip(int(rng.integers(0, 9)), int(rng.integers(-8, 0)), int(rng.integers(1, 9)), 0)], source, seed)


@pytest.mark.parametrize("seed", range(40))
def test_scales_and_functions_one_after_the_other(seed):
    rng = np.random.default_rng(seed)
    source, before = random_source(rng), []
    for _ in range(int(rng.integers(0, 4))):
        slope = Fraction(float(np.float32(rng.choice([0, 0.25, 0.3]))))
        most = [None, Fraction(3, 2), Fraction(6)][rng.integers(3)]
        before.append(random_scale(rng, source.channels) if rng.random() < 0.6 else Relu(most, slope))
    check([*before, quantizer(rng, source, *before)], source, seed)


@pytest.mark.parametrize("seed", range(10))
def test_values_between_that_no_int64_holds(seed):
    rng = np.random.default_rng(seed)
    source, before = random_source(rng), []
    for bits in (24, 30, 40):
        big = [int(rng.integers(1, 2**31)) << int(rng.integers(0, bits)) for _ in range(2 * source.channels)]
        signs = rng.choice([-1, 1], source.channels).astype(object)
        multiplier, offset = np.array(big, dtype=object).reshape(2, -1)
        before.append(Scale(signs * multiplier, offset * 64, 0))
    before.append(Relu(slope=Fraction(float(np.float32(0.3)))))
    _, type_ = steps_of(before, source)
    assert type_.width > 100
    check([*before, quantizer(rng, source, *before)], source, seed)


def test_no_levels_are_no_thresholds():
    steps, _ = steps_of([Clip(0, 3, 3, 0)], TensorType((1, 1, 2), -5, 5))
    table, falling = find_thresholds(steps, -5, 5)
    assert table.shape == (1, 0) and not falling.any()
