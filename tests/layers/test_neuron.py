"""The neuron block against Σ w·x + bias written from the definition, in every folding, arithmetic and memory."""

import dataclasses
import itertools

import numpy as np
import pytest

from hwgen.layers.neuron import Neuron
from hwgen.layers.taps import Taps, divisors
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block

KINDS = {
    "binary": [-1, 1],
    "ternary": [-1, 0, 1],
    "power": [-8, -4, -1, 0, 1, 2],
    "positive power": [1, 2, 4],
    "general": list(range(-8, 8)),
    "odd": [-7, -5, -3, -1, 1, 3, 5, 7],
    "positive": [0, 1, 2, 3],
    "even": [-6, -4, 0, 2, 4],
    "zero": [0],
}


def make(rng, kind, taps, count, *, lo=0, hi=15, hw=(1, 2), shift=0, bias=30, **fields) -> Neuron:
    weights = rng.choice(KINDS[kind], (*taps.kernel, taps.channels, count)).astype(np.int64)
    biases = rng.integers(-bias, bias, count, endpoint=True)
    return Neuron(TensorType((*hw, taps.fan_in), lo, hi, 3), taps, weights, biases, 2, shift, **fields)


def expected(block: Neuron, x: np.ndarray) -> np.ndarray:
    """From the definition, value by value in Python integers."""
    order, weights = block.taps.order(), block.weights.reshape(block.taps.fan_in, -1)
    result = np.zeros((*x.shape[:3], weights.shape[1]), dtype=object)
    for position in np.ndindex(*x.shape[:3]):
        for n in range(weights.shape[1]):
            total = sum(int(value) * int(weights[order[k], n]) for k, value in enumerate(x[position]))
            result[(*position, n)] = total * 2**block.shift + int(block.bias[n])
    return result.astype(np.int64)


def check(block: Neuron, rng, frames=2, seed=0, **stalls):
    x = random_raw(rng, block.input, frames)
    truth = expected(block, x)
    assert truth.min() >= block.result.lo and truth.max() <= block.result.hi
    np.testing.assert_array_equal(block.evaluate(x), truth)
    run = run_block(block, x, seed=seed, **stalls)
    np.testing.assert_array_equal(run.outputs[0], truth, err_msg=block.describe())
    return run


def check_time(block: Neuron, run, frames=2):
    (taken,), emitted = block.schedule(np.zeros(frames * block.beats_in(), dtype=np.int64))
    np.testing.assert_array_equal(run.taken[0], taken)
    np.testing.assert_array_equal(run.emitted[0], emitted)
    # Exactly beats · fold cycles a position, frame behind frame.
    assert taken[-1] + 1 == frames * block.interval
    assert block.interval == block.input.pixels * block.taps.beats * block.fold


FOLDINGS = [
    (Taps((1, 1), 6, lanes=lanes), count, q)
    for lanes, (count, q) in itertools.product([1, 2, 3, 6], [(4, 1), (4, 2), (4, 4), (3, 1), (1, 1)])
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_folding_of_every_kind_of_weights(kind):
    rng = np.random.default_rng(sorted(KINDS).index(kind))
    ranges = [(0, 15), (-8, 7), (0, 1), (-1, 0), (-3, 11), (2, 6), (0, 255)]
    for number, (taps, count, q) in enumerate(FOLDINGS):
        lo, hi = ranges[number % len(ranges)]
        block = make(rng, kind, taps, count, lo=lo, hi=hi, neurons=q, shift=(0, 2)[number % 2])
        check_time(block, check(block, rng))


@pytest.mark.parametrize("lo, hi", [(0, 1), (0, 3), (0, 255), (-1, 0), (-2, 1), (-128, 127), (-5, 3), (3, 9)])
@pytest.mark.parametrize("words", [1, 2, 6])
def test_every_arithmetic(lo, hi, words):
    rng = np.random.default_rng(words)
    tried = set()
    for kind in ("binary", "ternary", "power", "general", "odd", "positive", "even"):
        taps = Taps((1, 1), 10, lanes=5 if words == 6 else 10)
        count = {1: 2, 2: 4, 6: 6}[words]
        block = make(rng, kind, taps, count, lo=lo, hi=hi, neurons=2, hw=(1, 1))
        for name in block.arithmetics():
            if name not in tried or kind == "general":
                tried.add(name)
                check(dataclasses.replace(block, arithmetic=name), rng)
    assert {"signs", "gates", "shifts", "planes", "tables", "dsp", "dsp2"} <= tried
    assert ("constants" in tried) == (words == 1)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_extreme_weights_and_inputs(bits):
    """Every arithmetic at the ends of its ranges, with inputs at theirs; together they are all that there are."""
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    tried = set()
    kinds = [
        [least, most, 0, 1],
        [least + 1, most, -1, 1],
        [least, 2 ** (bits - 2), 0, -1],
        [-1, 1, 0, 0],
        [0, 2, 3, 1],
    ]
    for number, values in enumerate(kinds):
        rng = np.random.default_rng(number)
        for parallel, q in ((2, 2), (4, 4), (4, 2)):
            weights = rng.choice(values, (1, 1, 4, 4)).astype(np.int64)
            weights[0, 0, :, 0], weights[0, 0, :, 1] = values[0], values[1]
            bias = np.array([2**20, -(2**20), 0, 1])
            for lo, hi in ((-(2**3), 2**3 - 1), (0, 2**4 - 1), (0, 2**8 - 1)):
                frame = np.array([[lo] * 4, [hi] * 4, [lo, hi, lo, hi], [0 if lo <= 0 else lo] * 4]).reshape(1, 1, 4, 4)
                taps = Taps((1, 1), 4, lanes=parallel)
                block = Neuron(TensorType((1, 4, 4), lo, hi), taps, weights, bias, 0, 0, q)
                for name in block.arithmetics():
                    folded = dataclasses.replace(block, arithmetic=name)
                    np.testing.assert_array_equal(
                        run_block(folded, frame).outputs[0], expected(block, frame), err_msg=folded.describe()
                    )
                    tried.add(name)
    assert tried == {"signs", "gates", "shifts", "planes", "tables", "constants", "serial", "dsp", "dsp2", "dsp3"}


@pytest.mark.parametrize("seed", range(12))
def test_serial(seed):
    """A few bits of every input a cycle, with stalls between the steps of a position."""
    rng = np.random.default_rng(seed)
    bits = int(rng.choice([2, 4, 6, 8]))
    turns = int(rng.choice([t for t in divisors(bits) if t > 1]))
    lo, hi = (-(1 << bits - 1), (1 << bits - 1) - 1) if seed % 3 == 0 else (0, (1 << bits) - 1 - seed % 2)
    kernel, channels = (int(rng.integers(1, 4)), int(rng.integers(1, 4))), int(rng.integers(1, 4))
    taps = Taps(kernel, channels, *kernel, channels)
    kind, q = str(rng.choice([*KINDS])), int(rng.integers(1, 4))
    block = make(rng, kind, taps, turns * q, lo=lo, hi=hi, neurons=q, shift=seed % 3, arithmetic="serial")
    check_time(block, check(block, rng, frames=3), 3)
    check(block, rng, seed=seed, stall_in=0.5, stall_out=0.5)
    check(block, rng, seed=seed, stall_out=0.7)


@pytest.mark.parametrize("memory", ["logic", "block"])
@pytest.mark.parametrize("kind", ["binary", "general", "power"])
@pytest.mark.parametrize("stall_in, stall_out", [(0, 0), (0.3, 0), (0, 0.3), (0.7, 0.3), (0.3, 0.7)])
def test_memories_and_stalls(memory, kind, stall_in, stall_out):
    rng = np.random.default_rng(5)
    for taps, count, q in (
        (Taps((1, 1), 8, lanes=4), 6, 2),
        (Taps((3, 2), 2, 3, 1, 2), 5, 1),
        (Taps((1, 1), 4, lanes=4), 3, 3),
    ):
        block = make(rng, kind, taps, count, lo=-8, hi=7, neurons=q, memory=memory)
        run = check(
            block, rng, frames=3, seed=int(10 * stall_in + 100 * stall_out), stall_in=stall_in, stall_out=stall_out
        )
        if not stall_in and not stall_out:
            check_time(block, run, 3)


def test_window_orders():
    rng = np.random.default_rng(11)
    for rows, columns, lanes in itertools.product(divisors(2), divisors(3), divisors(4)):
        check(make(rng, "general", Taps((2, 3), 4, rows, columns, lanes), 2, neurons=2), rng, frames=1)


@pytest.mark.parametrize("fold", [33, 65, 66, 70, 300])
def test_long_delay_lines(fold):
    """Shift registers, rings in LUTRAM, rings in block RAM."""
    rng = np.random.default_rng(fold)
    block = make(rng, "binary", Taps((1, 1), 4, lanes=2), fold, neurons=1, hw=(1, 3))
    check_time(block, check(block, rng))
    check(block, rng, frames=1, stall_in=0.3, stall_out=0.3)


def test_gaps_in_the_input_follow_the_schedule():
    rng = np.random.default_rng(3)
    block = make(rng, "general", Taps((1, 1), 6, lanes=2), 4, neurons=2, hw=(2, 2))
    run = check(block, rng, stall_in=0.6, seed=8)
    # Offered, at the latest, when taken less the turns; so the schedule of those arrivals must be what was seen.
    arrivals = run.taken[0] - (block.fold - 1)
    (taken,), emitted = block.schedule(arrivals)
    np.testing.assert_array_equal(taken, run.taken[0])
    np.testing.assert_array_equal(emitted, run.emitted[0])


def test_needs():
    rng = np.random.default_rng(3)
    block = make(rng, "general", Taps((1, 1), 6, lanes=2), 4, neurons=2, hw=(1, 2))
    assert block.needs().tolist() == [2, 2, 5, 5]
    assert len(block.needs()) == block.beats_out


def test_result_type_is_tight():
    block = Neuron(
        TensorType((1, 1, 2), -1, 3, frac=2), Taps((1, 1), 2), np.array([[[[2, -1], [1, 0]]]]), np.array([1, 0]), 3, 1
    )
    assert str(block.result) == "1×1×2 s6.6 [-6,19]"


def test_kinds():
    rng = np.random.default_rng(0)
    kinds = {kind: make(rng, kind, Taps((1, 1), 12), 6).kind for kind in KINDS}
    assert kinds == {
        "binary": "binary",
        "ternary": "ternary",
        "power": "power",
        "positive power": "power",
        "general": "general",
        "odd": "general",
        "positive": "general",
        "even": "general",
        "zero": "ternary",
    }


def test_a_common_factor_of_two_costs_nothing():
    rng = np.random.default_rng(0)
    block = make(rng, "binary", Taps((1, 1), 12, lanes=6), 6, neurons=2, bias=0)
    scaled = dataclasses.replace(block, weights=block.weights * 8)
    assert scaled.kind == "binary"
    check(scaled, rng)
    assert scaled.cost().lut < block.cost().lut + 30


def test_refusals():
    rng = np.random.default_rng(0)
    block = make(rng, "general", Taps((1, 1), 6, lanes=2), 4)
    with pytest.raises(ValueError, match="3 neurons in parallel do not divide 4"):
        dataclasses.replace(block, neurons=3)
    with pytest.raises(ValueError, match="arithmetic 'gates' can't be used here; choose one of auto, planes"):
        dataclasses.replace(block, arithmetic="gates")
    with pytest.raises(ValueError, match="memory must be one of auto, logic, block, not 'distributed'"):
        dataclasses.replace(block, memory="distributed")
    with pytest.raises(ValueError, match="bias of shape"):
        dataclasses.replace(block, bias=np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match="values a position"):
        dataclasses.replace(block, input=TensorType((1, 1, 5), 0, 1))


def test_random():
    rng = np.random.default_rng(2024)
    for number in range(40):
        kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
        channels, count = (int(n) for n in rng.integers(1, 9, 2))
        parts = [int(rng.choice(divisors(n))) for n in (*kernel, channels)]
        lo = int(rng.choice([0, 0, -1, -8, -100]))
        hi = max(lo, int(rng.choice([0, 1, 3, 15, 255])))
        block = make(
            rng,
            str(rng.choice(list(KINDS))),
            Taps(kernel, channels, *parts),
            count,
            lo=lo,
            hi=hi,
            shift=int(rng.integers(0, 3)),
            bias=int(rng.choice([0, 5, 1000])),
            neurons=int(rng.choice(divisors(count))),
            memory=str(rng.choice(["auto", "logic", "block"])),
        )
        stalls = rng.choice([0, 0.3, 0.7], 2)
        check(block, rng, seed=number, stall_in=float(stalls[0]), stall_out=float(stalls[1]))


def test_cost_is_quick():
    """Folding asks for the cost of a block in thousands of foldings."""
    import time

    rng = np.random.default_rng(0)
    block = make(rng, "general", Taps((3, 3), 64), 96, hw=(8, 8))
    foldings = [(lanes, q) for lanes in divisors(64) for q in divisors(96)]
    for _ in range(2):
        start = time.perf_counter()
        for lanes, q in foldings:
            dataclasses.replace(block, taps=Taps((3, 3), 64, 3, 3, lanes), neurons=q).cost()
        spent = (time.perf_counter() - start) / len(foldings)
    assert spent < 1e-3  # seconds; some 20 µs measured
