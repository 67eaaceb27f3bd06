"""The codes of each arithmetic mean what they say, and the adder tree's plan is as wide as it must be."""

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwgen.layers import rom
from hwgen.layers.adder_tree import Operand, outline, plan
from hwgen.layers.constant_sums import signed_digits
from hwgen.layers.weights import Weights, arithmetics, choose


@pytest.mark.parametrize("seed", range(30))
def test_tree_of_random_operands(seed):
    """Built, simulated, and compared with the plain sum of the operands that went in."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 12))
    leaves = tuple(
        Operand(0, int(rng.integers(1, 30)), int(rng.integers(0, 5)), int(rng.integers(-1, 2))) for _ in range(count)
    )
    tree = plan(leaves)
    raw = np.array([[int(rng.choice([0, leaf.hi, rng.integers(leaf.hi + 1)])) for leaf in leaves] for _ in range(20)])
    signs = np.array([[leaf.sign or int(rng.choice([-1, 1])) for leaf in leaves] for _ in raw])
    offsets = rng.integers(-9, 9, raw.shape)
    bits, sign, offset = tree.encode(signs, offsets)
    true = (signs * (raw + offsets) << np.array([leaf.exponent for leaf in leaves])).sum(axis=1)

    m = Module()
    inputs = [Signal(leaf.width) for leaf in leaves]
    slots = [Signal() for _ in tree.slots]
    late = []
    for slot, delay in zip(slots, tree.slots):
        for _ in range(delay):
            slot, before = Signal(), slot
            m.d.sync += slot.eq(before)
        late.append(slot)
    root = tree.build(m, inputs, late)
    seen = []

    async def bench(ctx):
        for n in range(len(raw) + tree.depth):
            if n < len(raw):
                for signal, value in zip(inputs, raw[n].tolist()):
                    ctx.set(signal, value)
                for signal, bit in zip(slots, bits[n].tolist()):
                    ctx.set(signal, bit)
            if n >= tree.depth:
                seen.append(ctx.get(root))
            await ctx.tick()

    m.d.sync += Signal().eq(1)
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    seen = np.array(seen)
    assert seen.min() >= tree.root.lo and seen.max() <= tree.root.hi
    np.testing.assert_array_equal(sign * (seen + offset) << tree.root.exponent, true)


def test_a_tree_of_like_operands_is_one_bit_wider_a_level():
    tree = plan((Operand(0, 15, sign=0),) * 8)
    assert [[step.out.width for step in level] for level in tree.levels] == [[5] * 4, [6] * 2, [7]]
    assert tree.slots == [0, 0, 0, 0, 1, 1, 2]
    # A LUT a bit, and one for the lowest bit of each sum that is a plain operand after.
    assert outline(((Operand(0, 15, sign=0), 8),)).cost.lut == (4 * 4 + 2) + (2 * 5 + 1) + (6 + 1)


@pytest.mark.parametrize("seed", range(10))
def test_outline_is_that_of_the_tree(seed):
    rng = np.random.default_rng(seed)
    runs = tuple(
        (
            Operand(0, int(rng.integers(1, 30)), int(rng.integers(0, 4)), int(rng.integers(-1, 2))),
            int(rng.integers(1, 9)),
        )
        for _ in range(4)
    )
    tree, found = plan(tuple(leaf for leaf, count in runs for _ in range(count))), outline(runs)
    assert (found.root, found.depth) == (tree.root, tree.depth)
    assert found.bits == tuple(tree.slots.count(level) for level in range(tree.depth))
    assert found.cost.ff == sum(step.out.width for level in tree.levels for step in level)


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


def test_bits_and_delays_are_those_of_the_codes():
    weights = np.random.default_rng(0).integers(-7, 8, (24, 4))
    for words in (1, 4, 16):
        for how in arithmetics(Weights.of(weights), -8, 7, 6, words).values():
            assert how.bits == (len(how.delays), sum(how.delays))


def test_choice():
    rng = np.random.default_rng(0)

    def chosen(weights, words, taps=32, lanes=4, lo=0, hi=15):
        return type(choose(Weights.of(weights), lo, hi, taps, words, lanes, lanes, "auto")).__name__

    assert chosen(rng.choice([-1, 1], (64, 8)), 16) == "SignDigits"
    assert chosen(rng.choice([-1, 0, 1], (64, 8)), 16) == "Ternary"
    assert chosen(rng.integers(-7, 8, (49, 32)), 4, 49, 8) == "Tables"
    assert chosen(rng.integers(-7, 8, (49, 32)), 16, 49, 8) == "SignDigits"
    assert chosen(rng.integers(-(2**15), 2**15, (64, 8)), 64, 1, 1, -(2**15), 2**15 - 1) == "Multiply"


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
