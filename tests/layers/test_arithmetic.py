"""Adder trees add up what they are given, codes fit their delays, DSP slices take what fits and no more."""

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwgen.layers import rom
from hwgen.layers.cells import Cells
from hwgen.layers.products import packings
from hwgen.layers.subexpressions import signed_digits
from hwgen.layers.ternary_tree import Term, Tree
from hwgen.layers.weights import Weights, arithmetics, choose


@pytest.mark.parametrize("seed", range(30))
def test_tree_of_random_terms(seed):
    """Built, simulated, and compared with the plain sum of the terms that went in."""
    rng = np.random.default_rng(seed)
    leaves = tuple(Term(int(rng.integers(0, 5)), int(rng.integers(1, 30))) for _ in range(int(rng.integers(1, 24))))
    tree = Tree(leaves)
    raw = np.array([[int(rng.choice([0, leaf.hi, rng.integers(leaf.hi + 1)])) for leaf in leaves] for _ in range(20)])
    m = Module()
    inputs = [Signal(leaf.width) for leaf in leaves]
    roots = tree.build(Cells(m, None), inputs)
    seen = []

    async def bench(ctx):
        for n in range(len(raw) + tree.depth):
            if n < len(raw):
                for signal, value in zip(inputs, raw[n].tolist()):
                    ctx.set(signal, value)
            if n >= tree.depth:
                values = [ctx.get(root) for root in roots]
                assert all(value <= term.hi for value, term in zip(values, tree.roots))
                seen.append(sum(value << term.exponent for value, term in zip(values, tree.roots)))
            await ctx.tick()

    m.d.sync += Signal().eq(1)
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(roots) == min(len(leaves), 2)
    np.testing.assert_array_equal(seen, (raw << np.array([leaf.exponent for leaf in leaves])).sum(axis=1))


def test_a_tree_adds_three_at_a_time():
    tree = Tree((Term(0, 15),) * 18)
    assert [[step.out.hi for step in level] for level in tree.levels] == [[45] * 6, [135] * 2]
    assert tree.cost.lut == 6 * 4 + 2 * 6
    assert tree.cost.ff == 6 * 6 + 2 * 8
    # Of an odd number two are added where they are narrowest; then three become one, as far as there are three.
    assert [len(level) for level in Tree((Term(0, 15),) * 7).levels] == [4, 2]


@pytest.mark.parametrize("value", [0, 1, -1, 7, -8, 255, -(2**15), 12345, -54321])
def test_signed_digits(value):
    digits = signed_digits(value)
    assert sum(sign << exponent for exponent, sign in digits) == value
    exponents = [exponent for exponent, _ in digits]
    assert all(b - a >= 2 for a, b in zip(exponents, exponents[1:]))


def test_digits_are_counted_as_they_are_made():
    weights = np.random.default_rng(0).integers(-(2**15), 2**15, (20, 5))
    weights[0] = 1  # no common factor
    counted = Weights.of(weights)
    each = [sum(len(signed_digits(int(w))) for w in column) for column in weights.T]
    assert (counted.most, counted.all) == (max(each), sum(each))


@pytest.mark.parametrize(
    "values, kind, twos",
    [
        ([[1, -1]], "binary", 0),
        ([[4, -4]], "binary", 2),
        ([[4, 0]], "ternary", 2),
        ([[0, 0]], "ternary", 0),
        ([[2, -8]], "power", 1),
        ([[3, 1]], "general", 0),
    ],
)
def test_kind_of_weights(values, kind, twos):
    weights = Weights.of(np.array(values, dtype=np.int64))
    assert (weights.kind, weights.twos) == (kind, twos)


def test_codes_are_as_wide_as_their_delays():
    weights = np.random.default_rng(0).integers(-7, 8, (24, 4))
    for words in (1, 4, 16):
        chosen = np.resize(weights[:, None], (words, 4, 6))
        for how in arithmetics(Weights.of(weights), -8, 7, 6, words, 4).values():
            codes, constants = how.encode(chosen)
            assert codes.shape == (words, 4, len(how.delays)) and codes.dtype == bool
            assert constants.shape == (words, 4)


def test_choice():
    rng = np.random.default_rng(0)

    def chosen(weights, words, taps=32, lanes=4, lo=0, hi=15):
        return type(choose(Weights.of(weights), lo, hi, taps, words, lanes, lanes, "auto")).__name__

    assert chosen(rng.choice([-1, 1], (64, 8)), 16) == "Signs"
    assert chosen(rng.choice([-1, 0, 1], (64, 8)), 16) == "Gates"
    assert chosen(rng.integers(-7, 8, (49, 32)), 4, 49, 8) == "Tables"
    assert chosen(rng.integers(-7, 8, (49, 32)), 16, 49, 8) == "BitPlanes"
    assert chosen(rng.integers(-(2**15), 2**15, (64, 8)), 64, 1, 1, -(2**15), 2**15 - 1) == "Packed"


@pytest.mark.parametrize(
    "x, w, fields, chain, spacing",
    [
        ((0, 15), (-7, 7), 3, 4, 10),  # three 4-bit products, sums of four of them
        ((0, 15), (-8, 7), 3, 4, 10),
        ((0, 255), (-127, 127), 2, 2, 17),  # two 8-bit products, sums of two
        ((-128, 127), (-127, 127), 2, 2, 17),
        ((0, 255), (-128, 127), 2, 1, 16),  # -128 in the upper field of a sum of two would leave the 25 bits
    ],
)
def test_packing(x, w, fields, chain, spacing):
    """The most products a slice, and how far cascades then reach before a field would overflow."""
    found = packings(*x, 9, *w, 8)
    best = found[max(found)]
    assert (best.fields, best.chain, best.spacing) == (fields, chain, spacing)


@pytest.mark.parametrize("style", rom.STYLES)
@pytest.mark.parametrize("depth", [1, 2, 3, 8, 20, 72])
def test_rom(style, depth, monkeypatch):
    """Columns that are equal, complementary or constant, each with its delay; nine banks of eight words."""
    monkeypatch.setattr(rom, "BANK_BITS", 3)
    monkeypatch.setattr(rom, "BANK", 8)
    rng = np.random.default_rng(depth)
    words = rng.integers(0, 2, (depth, 12)).astype(bool)
    words[:, 3], words[:, 4], words[:, 5] = words[:, 2], ~words[:, 2], True
    delays = np.array([0, 0, 0, 0, 2, 0, 1, 1, 3, 0, 2, 2])

    class Reader(wiring.Component):
        address: In(range(depth))
        data: Out(12)

        def elaborate(self, platform):
            m = Module()
            m.d.comb += self.data.eq(Cat(*rom.Rom(words, style, delays).build(m, self.address)))
            m.d.sync += Signal().eq(1)
            return m

    reader, addresses = Reader(), rng.integers(0, depth, 40).tolist()
    simulator, seen = Simulator(reader), []

    async def bench(ctx):
        for address in addresses:
            ctx.set(reader.address, address)
            seen.append(ctx.get(reader.data))
            await ctx.tick()

    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    for cycle in range(9, 40):
        for column in range(12):
            address = addresses[cycle - rom.latency(style, depth) - delays[column]]
            assert seen[cycle] >> column & 1 == words[address, column]


def test_columns_are_stored_once():
    assert rom.distinct_columns(4, 1000) == 7
    assert rom.cost(4, 1000, "logic").lut == 7
    assert rom.cost(1, 1000, "logic").lut == 0


@pytest.mark.parametrize(
    "depth, columns, rams, words",
    # Measured with Yosys 0.70.
    [(513, 36, 1, 1), (700, 18, 0.5, 1), (1500, 20, 1, 3), (2000, 100, 6, 1), (3000, 72, 6, 3), (5222, 24, 4, 3)],
)
def test_block_rams(depth, columns, rams, words):
    assert rom.block_rams(depth, columns) == (rams, words)
