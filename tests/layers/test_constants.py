"""Constant weights with shared adders: sums, adders and hardware against W·x, and what they cost."""

import time

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from benchmarks import alone, records
from hwgen.layers import constant_sums
from hwgen.layers.adder_graph import AdderGraph
from hwgen.layers.cells import Cells, Target
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.neuron import Neuron
from hwgen.layers.subexpressions import Sums, plain_sums, shared_sums
from hwgen.layers.taps import Taps
from hwgen.layers.ternary_tree import Term, tree
from hwgen.sim.primitives import primitives
from hwgen.tensor import TensorType
from tests.harness import run_block
from tests.layers.circuits import Case, Icarus

SEEDS = range(300)


def matrix(seed: int) -> np.ndarray:
    """(inputs, lanes) weights of any width and sparsity, with empty, equal, opposite and shifted rows and columns."""
    rng = np.random.default_rng(seed)
    print(f"seed {seed}")
    inputs, lanes, bits = int(rng.integers(1, 25)), int(rng.integers(1, 13)), int(rng.choice([1, 2, 3, 4, 6, 8, 16]))
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1 + (bits == 1)
    weights = rng.integers(least, most, (inputs, lanes), endpoint=True)
    weights[rng.random(weights.shape) < rng.choice([0, 0.3, 0.8, 1], p=[0.4, 0.3, 0.25, 0.05])] = 0
    for axis in (weights, weights.T):
        for _ in range(int(rng.integers(0, 4))):
            axis[rng.integers(len(axis))] = rng.choice([0, 1, -1, 2]) * axis[rng.integers(len(axis))]
        if rng.random() < 0.2:
            axis[rng.integers(len(axis))] = rng.choice([least, most])
    return weights


def values_of(sums: Sums, x: list[int]) -> list[int]:
    values = list(x)
    for terms in sums.sums:
        values.append(sum(sign * values[value] << exponent for value, exponent, sign in terms))
    return [sum(sign * values[value] << exponent for value, exponent, sign in terms) for terms in sums.lanes]


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_are_the_products(seed):
    weights, rng = matrix(seed), np.random.default_rng(seed)
    plain, shared = plain_sums(weights), shared_sums(weights)
    assert shared == shared_sums(weights.copy())
    assert shared.adders <= plain.adders
    for _ in range(4):
        x = rng.integers(-(2**20), 2**20, len(weights))
        assert values_of(plain, x.tolist()) == (x @ weights).tolist()
        assert values_of(shared, x.tolist()) == (x @ weights).tolist()


def raw_values(graph: AdderGraph, x: list[int]) -> list[int]:
    """What stands in the registers, adder by adder, each cut to its width."""
    raws = list(x)
    for operands, carried in list(zip(graph.operands, graph.carried))[graph.inputs :]:
        total = 0
        for value, exponent, sign in operands:
            raw = raws[value] if sign > 0 else (1 << graph.carried[value].width) - 1 - raws[value]
            total += raw << exponent
        raws.append(total % (1 << carried.width))
        assert carried.lo <= raws[-1] <= carried.hi
    return raws


@pytest.mark.parametrize("seed", SEEDS)
def test_adders_make_the_products(seed):
    weights, rng = matrix(seed), np.random.default_rng(seed)
    lo = int(rng.choice([0, 0, 1, 5]))
    hi = lo + int(rng.choice([1, 2, 15, 200, 255]))
    graph = AdderGraph(shared_sums(weights), lo, hi)
    ends = [np.full(len(weights), end) for end in (lo, hi)]
    for x in (
        *ends,
        *(np.where(column > 0, hi, lo) for column in weights.T),
        *rng.integers(lo, hi + 1, (5, len(weights))),
    ):
        raws = raw_values(graph, x.tolist())
        for root, offset, product in zip(graph.roots, graph.offsets, (x @ weights).tolist()):
            assert len(root) <= 2
            ones = [(1 << graph.carried[value].width) - 1 for value, _, _ in root]
            taken = [raws[v] if s > 0 else n - raws[v] for (v, _, s), n in zip(root, ones)]
            assert sum(raw << e for raw, (_, e, _) in zip(taken, root)) + offset == product
    for value, operands in enumerate(graph.operands):
        assert all(graph.levels[term.value] < graph.levels[value] for term in operands)


def test_what_is_shared():
    """5·(a + b), 3·(a + b) and a + b - c: a + b once."""
    weights = np.array([[5, 3, 1], [5, 3, 1], [0, 0, -1]])
    shared = shared_sums(weights)
    assert [[term[:2] for term in terms] for terms in shared.sums] == [[(0, 0), (1, 0)]]
    assert (plain_sums(weights).adders, shared.adders) == (3, 1)
    # Every neuron twice: its adders are there once.
    twice = np.repeat(np.random.default_rng(0).integers(-8, 8, (20, 6)), 2, axis=1)
    once = AdderGraph(shared_sums(twice[:, ::2]), 0, 15)
    assert AdderGraph(plain_sums(twice), 0, 15).cost.lut == AdderGraph(plain_sums(twice[:, ::2]), 0, 15).cost.lut
    assert AdderGraph(shared_sums(twice), 0, 15).cost.lut < 1.25 * once.cost.lut


def test_adders_are_saved():
    """Random 4-bit weights: a third of the adders of three, which are half of those of two already."""
    weights = np.random.default_rng(0).integers(-8, 8, (64, 32))
    plain, shared = plain_sums(weights), shared_sums(weights)
    assert shared.adders < 0.68 * plain.adders
    one, other = (AdderGraph(sums, 0, 15).cost for sums in (plain, shared))
    assert other.lut < 0.8 * one.lut and other.ff < 0.75 * one.ff and other.carry4 < 0.7 * one.carry4


def test_large_matrices_take_as_long_as_it_is_said():
    """Depth of what isn't built for its cost: `Constants.latency` of large matrices against the adders themselves."""
    for count in range(1, 200):
        graph = AdderGraph(plain_sums(np.ones((count, 1), dtype=np.int64)), 0, 3)
        assert graph.depth == tree(((Term(0, 3), count),)).depth


def test_time():
    """Folding asks for the cost. Processor time; some 0.9 s measured."""
    weights = np.random.default_rng(0).integers(-32, 32, (128, 32))
    start = time.process_time()
    _ = AdderGraph(shared_sums(weights), 0, 15).cost
    assert time.process_time() - start < 2.5


# --- hardware -------------------------------------------------------------------------------------------------------


def neuron(weights: np.ndarray, lo: int, hi: int, **fields) -> Neuron:
    inputs, count = weights.shape
    taps, bias = Taps((1, 1), inputs, lanes=inputs), np.arange(count) * 7 - 20
    x = TensorType((1, 4, inputs), lo, hi)
    return Neuron(x, taps, weights[None, None], bias, neurons=count, arithmetic="constants", **fields)


def check(block, weights: np.ndarray, seed: int):
    rng = np.random.default_rng(seed)
    x = rng.integers(block.input.lo, block.input.hi, (3, *block.input.shape), endpoint=True)
    x[0, 0, :2] = np.array([[block.input.lo], [block.input.hi]])
    run = run_block(block, x, seed=seed, stall_out=0.3 * (seed % 2))
    np.testing.assert_array_equal(run.outputs[0], (x @ weights << block.shift) + block.bias)
    if not seed % 2:
        _, emitted = block.schedule(np.zeros(3 * block.beats_in(), dtype=np.int64))
        np.testing.assert_array_equal(run.emitted[0], emitted)


@pytest.mark.parametrize("seed", range(40))
def test_hardware(seed):
    lo, hi = [(0, 15), (-8, 7), (0, 1), (0, 255), (-128, 127), (-3, 11), (2, 6), (-1, 0)][seed % 8]
    weights = matrix(seed)
    check(neuron(weights, lo, hi, shift=seed % 3), weights, seed)


@pytest.mark.parametrize("seed", range(4))
def test_hardware_of_large_matrices(seed, monkeypatch):
    monkeypatch.setattr(constant_sums, "SHARED_LIMIT", 0)
    weights = matrix(seed + 50)
    block = neuron(weights, -8, 7)
    assert block.plan.arithmetic.large or not weights.any()
    check(block, weights, seed)


def test_depthwise():
    """Each channel has adders of its own; all take as long as those of the channel that takes longest."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-8, 8, (3, 3, 3, 2))
    weights[..., 0, :], weights[1:, :, 1, :] = 0, 0
    taps = Taps((3, 3), 3, 3, 3, 3)
    x = TensorType((1, 4, 27), -8, 7)
    block = DepthwiseNeuron(x, taps, weights, np.arange(6), arithmetic="constants")
    frames = rng.integers(-8, 8, (2, 1, 4, 27))
    np.testing.assert_array_equal(run_block(block, frames).outputs[0], block.evaluate(frames))


class Adders(wiring.Component):
    """Σ w·x of unsigned inputs for each column of weights, modulo 2^24."""

    def __init__(self, graph: AdderGraph):
        self.graph = graph
        ports = {f"x{k}": In(graph.carried[k].width) for k in range(graph.inputs)}
        super().__init__(ports | {f"y{k}": Out(24) for k in range(len(graph.roots))})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += Signal().eq(1)  # there is a clock, whether it is needed or not
        inputs = [getattr(self, f"x{k}") for k in range(self.graph.inputs)]
        sums = self.graph.build(Cells(m, platform), inputs)
        for k, (terms, offset) in enumerate(zip(sums, self.graph.offsets)):
            m.d.comb += getattr(self, f"y{k}").eq(sum((value << e for value, e in terms), start=offset))
        return m


def test_adders_placed_by_hand(tmp_path):
    """The Verilog for 7 series, where complements are in the LUTs."""
    target, cases, texts = Target("xc7"), [], [Target("xc7").library]
    for seed in range(16):
        weights = matrix(seed + 100)
        graph = AdderGraph(shared_sums(weights), 0, 15)
        name = f"adders{seed}"
        texts.append(verilog.convert(Adders(graph), name=name, platform=target, strip_internal_attrs=True))
        inputs, outputs = {f"x{k}": 4 for k in range(len(weights))}, {f"y{k}": 24 for k in range(weights.shape[1])}
        ports = ", ".join(f".{port}({port})" for port in (*inputs, *outputs))

        def expected(*, weights=weights, **x):
            return tuple(int(y) % (1 << 24) for y in np.array(list(x.values())) @ weights)

        body = f"{name} dut ({ports}, .clk(clk), .rst(1'b0));"
        cases.append(Case(body, inputs, outputs, expected, graph.depth, name))
    assert sum("p_INVERT" in text or "INVERT(3'h" in text for text in texts[1:]) > 5
    for case, seen in zip(cases, Icarus(tmp_path, cases, [primitives("xc7")[0]], "\n".join(texts)).run()):
        case.check(seen, "by hand")


def test_cost_as_synthesized(tmp_path):
    weights = np.random.default_rng(0).integers(-4, 4, (24, 8))
    block = neuron(weights, 0, 15)
    made, cost = alone.measure(alone.emitted(block), tmp_path), block.cost()
    print(block.describe(), made, cost, sep="\n")
    for error in records.errors(cost, made):
        assert error.holds, error
