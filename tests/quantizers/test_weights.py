"""Quantized weights are QKeras's own, bit for bit, in both flavours."""

import functools

import numpy as np
import pytest

from hwgen.quantizers import UnsupportedQuantizer, parse
from tests.quantizers.truth import FLAVOURS, qkeras_results

SEED = 20
# Column sums in TensorFlow go four rows and eight columns at a time: shapes on and off those, vectors, one channel.
SHAPES = [(3, 3, 4, 8), (24, 10), (3, 3, 5, 1), (7,), (40, 16), (1, 1, 17, 9), (66, 20), (5, 5, 1, 3), (64, 1), (1, 6)]
UNSETTLED = np.repeat(np.float32(2.0) ** -np.arange(7, dtype=np.float32), 6 ** np.arange(7)).reshape(-1, 1)


def _latents(rng, shape):
    """Random weights; halves between grid points; zero channels, tiny and large values, both zeros."""
    spread = rng.normal(size=shape) * 2.0 ** rng.integers(-4, 3)
    yield spread.astype(np.float32)
    yield (rng.integers(-48, 49, size=shape) / 2.0 ** rng.integers(3, 7)).astype(np.float32)
    odd = spread * rng.choice([1e-30, 1e-5, 1.0, 1.0, 0.0, -0.0, 6.0], size=shape)
    if len(shape) > 1:
        odd[..., 0] = 0
        odd[..., -1] *= 1e-6
    yield odd.astype(np.float32)


def _quantizers(flavour, channels):
    alphas = [None, 1.0, 0.5, 0.3, 4, "auto", "auto_po2"]
    for alpha in alphas:
        for bits, integer in [(4, 0), (2, 0), (8, 2), (6, 1), (3, 3)]:
            for extra in [{}, {"symmetric": 1}, {"keep_negative": False}]:
                yield "quantized_bits", {"bits": bits, "integer": integer, "alpha": alpha, **extra}
                if flavour == "v3":
                    yield "quantized_linear", {"bits": bits, "integer": integer, "alpha": alpha, **extra}
        if flavour == "v3":
            yield "quantized_linear", {"bits": 4, "integer": 0, "alpha": alpha, "symmetric": 0}
            yield "quantized_linear", {"bits": 1, "integer": 0, "alpha": alpha}
            yield "quantized_linear", {"bits": 1, "integer": 1, "alpha": alpha, "keep_negative": False}
        for name in ("binary", "ternary", "stochastic_binary", "stochastic_ternary"):
            yield name, {"alpha": alpha}
        yield "binary", {"alpha": alpha, "use_01": True}
        if not isinstance(alpha, str):
            yield "quantized_bits", {"bits": 1, "integer": 0, "alpha": alpha}
            yield "quantized_bits", {"bits": 1, "integer": 2, "alpha": alpha, "symmetric": 1}
            for threshold in (0.5, 0.1, 0.0):
                yield "ternary", {"alpha": alpha, "threshold": threshold}
        else:
            yield "ternary", {"alpha": alpha, "number_of_unrolls": 2}
    yield "quantized_bits", {"bits": 4, "alpha": [0.5 + k / 3 for k in range(channels)]}
    yield "quantized_bits", {"bits": 4, "alpha": [2.0**-k for k in range(channels)]}
    if flavour == "v3":
        yield "quantized_bits", {"bits": 4, "alpha": "auto", "post_training_scale": [0.5]}
        yield "quantized_bits", {"bits": 5, "integer": 1, "alpha": "auto_po2", "post_training_scale": [0.25]}
        for scales in ([2.0 ** (k % 5 - 3) for k in range(channels)], [0.2 + k / 7 for k in range(channels)]):
            yield "quantized_bits", {"bits": 4, "alpha": "auto", "post_training_scale": scales}
    yield "quantized_bits", {"bits": 4, "use_stochastic_rounding": True, "alpha": None}
    yield "quantized_bits", {"bits": 12, "integer": 4}
    yield "quantized_bits", {"bits": 8, "use_ste": False, "var_name": "x", "qnoise_factor": 1.0}
    for bits in (3, 4, 5, 6):
        for max_value in (None, 1.0, 0.5, 0.3, 4.0):
            yield "quantized_po2", {"bits": bits, "max_value": max_value}
            for slope in (0, 0.25):
                yield "quantized_relu_po2", {"bits": bits - 1, "max_value": max_value, "negative_slope": slope}


@functools.cache
def _cases(flavour):
    rng = np.random.default_rng(SEED)
    cases = []
    for k, shape in enumerate(SHAPES):
        latents = list(_latents(rng, shape))
        for j, (name, parameters) in enumerate(_quantizers(flavour, shape[-1])):
            automatic = isinstance(parameters.get("alpha"), str)
            # Every quantizer of every kind meets every shape; automatic scales all latents too.
            for latent in latents if automatic else [latents[(j + k) % len(latents)]]:
                cases.append((name, parameters, latent))
    # Five rounds leave this scale unsettled: only here does it matter that v3 quantizes once more than 0.9.
    cases.append(("quantized_bits", {"bits": 2, "alpha": "auto_po2"}, UNSETTLED))
    return cases, *qkeras_results(flavour, cases)


def _spec(name, parameters):
    return {"class_name": name, "config": parameters}


FAMILIES = ["quantized_bits", "quantized_linear", "binary", "ternary", "stochastic_binary", "stochastic_ternary"]


@pytest.mark.parametrize("name", [*FAMILIES, "quantized_po2", "quantized_relu_po2"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_weights_are_qkeras_own(flavour, name):
    cases, results, _ = _cases(flavour)
    checked = 0
    for (kind, parameters, latent), seen in zip(cases, results):
        if kind != name:
            continue
        weights = parse(_spec(kind, parameters), flavour).weights(latent)
        assert weights.raw.dtype == np.int64 and weights.raw.shape == latent.shape
        exact = weights.raw * 2.0**-weights.frac
        if weights.scale is not None:
            assert weights.scale.shape in ((1,), (latent.shape[-1],)) and (weights.scale > 0).all()
            assert np.array_equal(weights.scale, weights.scale.astype(np.float32))
            exact = exact * weights.scale
        value = exact.astype(np.float32)
        # QKeras adds and subtracts the latent weight for its gradient; where that rounds, it rounds so.
        noisy = latent + (value - latent)
        same = (value == seen) | (noisy == seen)
        where = np.unravel_index(np.argmin(same), same.shape)
        assert same.all(), (
            f"{kind}({parameters}) of {latent.shape}: {latent[where]!r} is {seen[where]!r} in QKeras, "
            f"here {value[where]!r}"
        )
        checked += 1
    assert checked or (name, flavour) == ("quantized_linear", "0.9")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_qkeras_stores_parses_to_the_same_quantizer(flavour):
    cases, _, configs = _cases(flavour)
    for (name, parameters, _), config in zip(cases, configs):
        assert str(parse(_spec(name, config), flavour).for_kernel()) == str(
            parse(_spec(name, config | _saved(parameters)), flavour).for_kernel()
        )


def _saved(parameters):
    # quantized_bits stores the symmetric that an automatic alpha forces.
    return {k: v for k, v in parameters.items() if k not in ("symmetric", "use_ste", "var_name")}


def test_flavours_differ_where_the_scale_is_unsettled():
    raws = [parse("quantized_bits(2,0,alpha='auto_po2')", f).weights(UNSETTLED).raw for f in FLAVOURS]
    assert not np.array_equal(*raws)


def test_scales_that_are_one_power_of_two_become_frac():
    latent = np.array([[0.3, -0.6], [0.1, 0.7]], np.float32)
    weights = parse("quantized_bits(4, 0, alpha=0.25)", "0.9").weights(latent)
    assert weights.scale is None and weights.frac == 5
    assert weights.raw.tolist() == [[2, -5], [1, 6]]


def test_powers_of_two_that_differ_stay_in_the_scale():
    latent = np.array([[1.0, 0.1], [-1.0, 0.1]], np.float32)
    weights = parse("binary(alpha='auto_po2')", "0.9").weights(latent)
    assert weights.scale.tolist() == [1.0, 0.125] and weights.raw.tolist() == [[1, 1], [-1, 1]]


def test_an_all_zero_channel_is_zero():
    latent = np.array([[0.5, 0.0], [-0.5, 0.0]], np.float32)
    weights = parse("binary(alpha='auto')", "0.9").weights(latent)
    assert weights.raw.tolist() == [[1, 0], [-1, 0]]


def test_depthwise_scales_follow_the_named_axes():
    latent = np.random.default_rng(SEED).normal(size=(3, 3, 2, 3)).astype(np.float32)
    quantizer = parse({"class_name": "quantized_bits", "config": {"bits": 4, "alpha": [1.0, 0.3, 0.7]}}, "0.9")
    scale = quantizer.weights(latent, channel_axis=(-2, -1)).scale
    assert np.array_equal(scale, np.float32([1.0, 0.3, 0.7, 1.0, 0.3, 0.7]))
    with pytest.raises(UnsupportedQuantizer, match="scales weights of one output channel differently"):
        quantizer.weights(latent, channel_axis=-2)


@pytest.mark.parametrize("name", ["quantized_bits", "binary", "ternary"])
def test_powers_of_two_along_another_axis_go_into_the_integers(name):
    """A kernel whose output channels aren't its last axis: (Kh, Kw, N, C) of a transposed convolution."""
    latent = np.random.default_rng(SEED).normal(size=(3, 3, 2, 5)) * 2.0 ** np.arange(-3, 2)
    latent = latent.astype(np.float32)
    (seen,), _ = qkeras_results("0.9", [(name, {"alpha": "auto_po2"}, latent)])
    weights = parse(_spec(name, {"alpha": "auto_po2"}), "0.9").weights(latent, channel_axis=-2)
    scale = np.ones(1) if weights.scale is None else weights.scale
    assert scale.size in (1, 2) and (np.frexp(scale)[0] == 0.5).all()
    value = weights.raw * 2.0**-weights.frac * (scale[:, None] if scale.size > 1 else scale)
    # Exact but for the rounding noise of QKeras's own w + (q - w).
    assert np.allclose(value, seen, rtol=0, atol=1e-6) and len(np.unique(np.abs(seen).max(axis=(0, 1, 2)))) > 2
    with pytest.raises(UnsupportedQuantizer, match="scales weights of one output channel differently; use one alpha"):
        parse(_spec(name, {"alpha": "auto"}), "0.9").weights(latent, channel_axis=-2)


def test_powers_of_two_too_far_apart():
    quantizer = parse(_spec("quantized_bits", {"bits": 4, "alpha": [2.0**-8, 2.0**60]}), "0.9")
    with pytest.raises(UnsupportedQuantizer, match=r"of one output channel by up to 2\^68; use one alpha"):
        quantizer.weights(np.full((2, 2), 0.5, np.float32), channel_axis=0)


def test_scale_axis():
    """Given as the last axis it is the default; to QKeras 0.9 -1 is no axis at all, and the tensor has one scale."""
    latent = np.random.default_rng(SEED).normal(size=(3, 3, 2, 4)).astype(np.float32)
    cases = [("quantized_bits", {"bits": 4, "alpha": "auto", "scale_axis": axis}, latent) for axis in (3, None, -1)]
    last, default, none = qkeras_results("0.9", cases)[0]
    assert np.array_equal(last, default) and not np.array_equal(none, default)
    weights = parse(_spec(*cases[0][:2]), "0.9").weights(latent)
    value = (weights.raw * 2.0**-weights.frac * weights.scale).astype(np.float32)
    assert np.allclose(value, last, rtol=1e-5)
    with pytest.raises(UnsupportedQuantizer, match="scale_axis=-1 isn't supported for a tensor of 4 axes"):
        parse(_spec(*cases[2][:2]), "0.9").weights(latent)


@pytest.mark.parametrize(
    ("spec", "latent", "message"),
    [
        ("quantized_bits(4,0,alpha=-0.5)", 0.5, "has an alpha that isn't positive; use a positive alpha"),
        ("quantized_bits(1,0,alpha='auto')", 0.5, "divides by zero in QKeras; use binary"),
        ("ternary(alpha='auto',threshold=0.1)", 0.5, "both an automatic alpha and a threshold"),
        ("quantized_bits(4,0)", 1e9, "so far outside the range of quantized_bits.* clip the weights"),
        ("quantized_relu(4,0)", 0.5, "can't be a quantizer of weights; use quantized_bits"),
        ("relu", 0.5, "relu can't be a quantizer of weights"),
        ("quantized_bits(4,0,alpha='auto',scale_axis=0)", 0.5, "scale_axis=0 isn't supported"),
        ("quantized_po2(10)", 0.5, "exponents beyond float32; use fewer bits"),
    ],
)
def test_refused_weights(spec, latent, message):
    with pytest.raises(UnsupportedQuantizer, match=message):
        parse(spec, "0.9").weights(np.full((2, 3), latent, np.float32))
