"""Ways to compute Σ w·x over the inputs of a beat, one class each, all with the same interface.

What a way of multiplying needs each cycle is a code: the bits that stand for the weights of one word, in the form that
the hardware wants them (signs pulled out of sums, gates, multiplexer settings). `encode` makes the codes and counts, for
each word, the constant by which the hardware's sum differs from the true one; that constant goes into the bias. The
hardware then has no corrections at all.

Signed inputs come in offset binary, as unsigned x + 2^(width - 1): unsigned adders are a bit narrower.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from amaranth.hdl import Array, C, Cat, Module, Signal, Value

from hwgen.layers.adder_tree import Operand, Outline, Tree, outline, plan
from hwgen.layers.block import Resources
from hwgen.layers.rom import bits_of


@dataclass(frozen=True)
class Arithmetic(ABC):
    """Σ over `taps` inputs, each in x_lo..x_hi. Subclasses say how.

    halve:  1 where the hardware's sum is twice the true one.
    stages: cycles between the inputs and the leaves of the adder tree.
    """

    x_lo: int
    x_hi: int
    taps: int

    halve = 0
    stages = 0
    offset_binary = True
    dsp_per_tap = 0

    @property
    def offset(self) -> int:
        """What is added to a signed input to make it unsigned."""
        return 1 << max(self.x_hi.bit_length(), (~self.x_lo).bit_length()) if self.x_lo < 0 else 0

    @property
    def x(self) -> Operand:
        """An input as the hardware gets it."""
        return Operand(self.x_lo + self.offset, self.x_hi + self.offset)

    @property
    @abstractmethod
    def runs(self) -> tuple[tuple[Operand, int], ...]:
        """The leaves of the adder tree, as runs of like ones: (leaf, how many)."""

    @abstractmethod
    def digits(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(words, lanes, taps) weights as signs (±1) and offsets of the leaves, and the bits that make the leaves.

        All (words, lanes, ...), the bits bool.
        """

    @abstractmethod
    def operands(self, m: Module, x: list, bits: list, words: np.ndarray) -> list:
        """The leaves, `stages` cycles after the inputs x. bits: those of `digits`. words: the lane's weights, (words, taps)."""

    @property
    def code_bits(self) -> int:
        """Bits that make the leaves, a word."""
        return 0

    # --- common to all: leaves, tree, sign of the root -------------------------------------------------------------

    @property
    def tree(self) -> Tree:
        return plan(tuple(leaf for leaf, count in self.runs for _ in range(count)))

    @property
    def outline(self) -> Outline:
        return outline(self.runs)

    @property
    def latency(self) -> int:
        """Cycles from the inputs to the sum."""
        return self.stages + self.outline.depth

    @property
    def bits(self) -> tuple[int, int]:
        """(bits of a lane's code, the sum of their delays): what `delays` comes to."""
        late = self.outline.bits
        delays = sum((self.stages + level) * count for level, count in enumerate(late)) + self.latency
        return self.code_bits + sum(late) + 1, delays

    @property
    def delays(self) -> tuple[int, ...]:
        """For each bit of a lane's code how many cycles after the inputs it is wanted. The last bit is the root's sign."""
        return (0,) * self.code_bits + tuple(self.stages + slot for slot in self.tree.slots) + (self.latency,)

    def encode(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(words, lanes, taps) weights as codes (words, lanes, bits) and constants (words, lanes): sum · 2^halve = hardware + constant."""
        signs, offsets, bits = self.digits(weights)
        slots, sign, offset = self.tree.encode(signs, offsets)
        return _close(np.concatenate([bits, slots], axis=-1), sign, offset, self.tree.root)

    def build(self, m: Module, x: list, bits: list, words: np.ndarray, shared: dict):
        """One lane: its sum, `latency` cycles after the inputs x. bits: its code, each with its delay.

        shared: a dict for what lanes of the same inputs can share.
        """
        leaves = self.operands(m, x, bits[: self.code_bits], words)
        root = self.tree.build(m, leaves, bits[self.code_bits : -1])
        return Sum(root, bits[-1], self.tree.root.sign, self.tree.root.exponent)

    def cost(self, lanes: int) -> Resources:
        """Adders and their operands for lanes that have the same inputs; without the weights' memory."""
        return self.outline.cost * lanes


def _close(bits, sign, offset, root: Operand):
    """Appends the bit that adds the root rather than subtract it; moves sign and exponent of the root into the constant.

    Where that bit is not known beforehand, adding is subtracting the complement: root - (2^width - 1).
    """
    positive = sign > 0
    mask = (1 << root.width) - 1 if root.sign == 0 else 0
    constant = np.where(positive, offset + mask, -offset) << root.exponent
    return np.concatenate([bits, positive[..., None]], axis=-1), constant


@dataclass(frozen=True)
class Sum:
    """What a lane's tree delivers, ±value · 2^exponent. sign: +1, -1, or 0 where the bit `positive` says it."""

    value: Value
    positive: Value
    sign: int
    exponent: int


@dataclass(frozen=True)
class SignDigits(Arithmetic):
    """Weights as digits ±1, one plane of x a digit: binary weights, and odd ones, at one LUT an adder bit.

    An odd w in ±(2^digits - 1) is Σ 2^j·d_j with d_j = ±1. With even ones among them, 2·w + 1 is written so, and Σ x, which
    lanes share, is taken off again.
    """

    count: int = 1
    odd: bool = True

    @property
    def halve(self):
        return 0 if self.odd else 1

    @property
    def runs(self):
        return tuple((replace(self.x, exponent=j, sign=0), self.taps) for j in range(self.count))

    def digits(self, weights):
        odd = weights if self.odd else 2 * weights + 1
        bits = bits_of((odd + (1 << self.count) - 1) >> 1, self.count)  # (words, lanes, taps, count)
        signs = np.where(np.moveaxis(bits, -1, -2).reshape(*weights.shape[:-1], -1), 1, -1)
        return signs, np.full_like(signs, -self.offset), np.zeros((*weights.shape[:-1], 0), dtype=bool)

    def operands(self, m, x, bits, words):
        return x * self.count

    # Where not all weights are odd, one more adder joins the tree's root with the shared -Σ x.

    @property
    def total(self) -> tuple[tuple[Operand, int], ...]:
        return ((self.x, self.taps),)

    @property
    def join(self) -> tuple[tuple[Operand, int], ...]:
        return (replace(outline(self.total).root, sign=-1), 1), (replace(self.outline.root, sign=0), 1)

    @property
    def latency(self):
        return self.outline.depth + (0 if self.odd else 1)

    @property
    def bits(self):
        if self.odd:
            return super().bits
        late = self.outline.bits
        return sum(late) + 2, sum(level * count for level, count in enumerate(late)) + 2 * len(late) + 1

    @property
    def delays(self):
        if self.odd:
            return super().delays
        return tuple(self.tree.slots) + (self.tree.depth, self.latency)

    def encode(self, weights):
        if self.odd:
            return super().encode(weights)
        signs, offsets, _ = self.digits(weights)
        bits, sign, offset = self.tree.encode(signs, offsets)
        minus = np.full_like(sign, -1), np.full_like(offset, -self.offset * self.taps)
        join = plan(tuple(leaf for leaf, _ in self.join))
        slot, sign, offset = join.encode(np.stack([minus[0], sign], -1), np.stack([minus[1], offset], -1))
        return _close(np.concatenate([bits, slot], axis=-1), sign, offset, join.root)

    def build(self, m, x, bits, words, shared):
        if self.odd:
            return super().build(m, x, bits, words, shared)
        key = tuple(id(value) for value in x)
        if key not in shared:
            tree = plan((self.x,) * self.taps)
            total = tree.build(m, x, [])
            for _ in range(self.tree.depth - tree.depth):
                total = registered(m, total)
            shared[key] = total
        root = self.tree.build(m, x * self.count, bits[:-2])
        join = plan(tuple(leaf for leaf, _ in self.join))
        return Sum(join.build(m, [shared[key], root], bits[-2:-1]), bits[-1], join.root.sign, join.root.exponent)

    def cost(self, lanes):
        cost = self.outline.cost * lanes
        if self.odd:
            return cost
        total = outline(self.total)
        waiting = Resources(ff=(self.outline.depth - total.depth) * total.root.width)
        return cost + total.cost + waiting + outline(self.join).cost * lanes


@dataclass(frozen=True)
class Ternary(Arithmetic):
    """Weights -1, 0, 1: a gate and a sign."""

    @property
    def runs(self):
        return ((Operand(0, self.x.hi, 0, 0, gated=True), self.taps),)

    @property
    def code_bits(self):
        return self.taps

    def digits(self, weights):
        gates = weights != 0
        return np.where(weights < 0, -1, 1), np.where(gates, -self.offset, 0), gates

    def operands(self, m, x, bits, words):
        return [value & bit.replicate(len(value)) for value, bit in zip(x, bits)]


@dataclass(frozen=True)
class BitPlanes(Arithmetic):
    """Weights in two's complement, a plane of gated x each bit, the sign's plane subtracted. Shares nothing between lanes."""

    count: int = 1
    negative: bool = True  # whether there is a sign bit, the last of `count`

    @property
    def signs(self) -> list[int]:
        return [1] * (self.count - self.negative) + [-1] * self.negative

    @property
    def runs(self):
        return tuple((Operand(0, self.x.hi, j, sign, gated=True), self.taps) for j, sign in enumerate(self.signs))

    @property
    def code_bits(self):
        return self.taps * self.count

    def digits(self, weights):
        gates = np.moveaxis(bits_of(weights, self.count), -1, -2).reshape(*weights.shape[:-1], -1)
        signs = np.repeat(self.signs, self.taps)
        return np.broadcast_to(signs, gates.shape), np.where(gates, -self.offset, 0), gates

    def operands(self, m, x, bits, words):
        return [value & bit.replicate(len(value)) for value, bit in zip(x * self.count, bits)]


@dataclass(frozen=True)
class Shifts(Arithmetic):
    """Weights ±2^k or 0: a multiplexer of shifted inputs, registered, then signs. exponents: every k that occurs."""

    exponents: tuple[int, ...] = (0,)
    zero: bool = False

    stages = 1

    @property
    def leaf(self) -> Operand:
        return Operand(0, self.x.hi << self.exponents[-1], 0, 0)

    @property
    def runs(self):
        return ((self.leaf, self.taps),)

    @property
    def select_bits(self) -> int:
        return (len(self.exponents) + self.zero - 1).bit_length()

    @property
    def code_bits(self):
        return self.taps * self.select_bits

    def digits(self, weights):
        sizes = np.abs(weights)
        choice = np.searchsorted(1 << np.array(self.exponents), sizes)
        choice = np.where(sizes == 0, len(self.exponents), choice)
        codes = bits_of(choice, self.select_bits).reshape(*weights.shape[:-1], -1)
        return np.where(weights < 0, -1, 1), -self.offset * sizes, codes

    def operands(self, m, x, bits, words):
        leaf, result = self.leaf, []
        for k, value in enumerate(x):
            choices = [value << e for e in self.exponents] + [C(0, 1)] * self.zero
            select = bits[k * self.select_bits : (k + 1) * self.select_bits]
            register = Signal(leaf.shape, reset_less=True)
            m.d.sync += register.eq(Array(choices)[Cat(*select)] if select else choices[0])
            result.append(register)
        return result

    def cost(self, lanes):
        width = self.leaf.width
        # Each bit chooses among as many input bits as there are exponents, but at most among all of x.
        inputs = min(len(self.exponents), self.x.width) + self.select_bits
        per_bit = 0 if not self.select_bits else 1 if inputs <= 6 else math.ceil((inputs - 1) / 5)
        return super().cost(lanes) + Resources(lut=0.9 * per_bit * width, ff=width) * (self.taps * lanes)


@dataclass(frozen=True)
class Tables(Arithmetic):
    """Distributed arithmetic: one LUT6 an output bit takes the same bit of several inputs, and the word's number where words are few.

    bound: greatest |weight|. words: how many (1 to 16); a table then has 6 - log2(words) inputs.
    """

    bound: int = 1
    words: int = 1

    stages = 1

    @property
    def phase_bits(self) -> int:
        return (self.words - 1).bit_length()

    @property
    def chunks(self) -> list[range]:
        size = 6 - self.phase_bits
        return [range(k, min(k + size, self.taps)) for k in range(0, self.taps, size)]

    @property
    def runs(self):
        size = 6 - self.phase_bits
        whole, rest = divmod(self.taps, size)
        return tuple(
            (Operand(0, inputs * self.bound, k), count)
            for k in range(self.x.width)
            for inputs, count in ((size, whole), (rest, 1))
            if inputs and count
        )

    @property
    def code_bits(self):
        return self.phase_bits

    def digits(self, weights):
        words, lanes, _ = weights.shape
        parts = [weights[..., chunk.start : chunk.stop] for chunk in self.chunks]
        least = [np.where(part < 0, part, 0).sum(axis=-1) for part in parts]
        first = [low - self.offset * part.sum(axis=-1) for low, part in zip(least, parts)]
        offsets = first + least * (self.x.width - 1)
        phase = np.broadcast_to(bits_of(np.arange(words), self.phase_bits)[:, None], (words, lanes, self.phase_bits))
        offsets = np.stack(offsets, axis=-1)
        return np.ones_like(offsets), offsets, phase

    def operands(self, m, x, bits, words):
        tables = []
        for chunk in self.chunks:
            subsets = bits_of(np.arange(1 << len(chunk)), len(chunk))  # (subsets, inputs)
            part = words[:, chunk.start : chunk.stop]
            tables.append(part @ subsets.T.astype(np.int64) - np.where(part < 0, part, 0).sum(axis=1)[:, None])
        result = []
        for k in range(self.x.width):
            for chunk, sums in zip(self.chunks, tables):
                address = Cat(*(x[i][k] for i in chunk), *bits)
                register = Signal(Operand(0, len(chunk) * self.bound).shape, reset_less=True)
                for j in range(len(register)):
                    table = sum(int(bit) << n for n, bit in enumerate(((sums.reshape(-1) >> j) & 1).tolist()))
                    m.d.sync += register[j].eq(C(table, sums.size).bit_select(address, 1))
                result.append(register)
        return result

    def cost(self, lanes):
        width = sum(leaf.width * count for leaf, count in self.runs)
        return super().cost(lanes) + Resources(lut=width, ff=width) * lanes


@dataclass(frozen=True)
class Multiply(Arithmetic):
    """One DSP48E1 a product, its register inside, and adders after."""

    w_lo: int = -1
    w_hi: int = 1

    stages = 1
    offset_binary = False
    dsp_per_tap = 1

    @property
    def offset(self):
        return 0

    @property
    def weight(self) -> Operand:
        return Operand(self.w_lo, self.w_hi)

    @property
    def leaf(self) -> Operand:
        ends = [w * x for w in (self.w_lo, self.w_hi) for x in (self.x_lo, self.x_hi)]
        return Operand(min(ends), max(ends))

    @property
    def runs(self):
        return ((self.leaf, self.taps),)

    @property
    def code_bits(self):
        return self.taps * self.weight.width

    def digits(self, weights):
        codes = bits_of(weights, self.weight.width).reshape(*weights.shape[:-1], -1)
        return np.ones_like(weights), np.zeros_like(weights), codes

    def operands(self, m, x, bits, words):
        width, result = self.weight.width, []
        for k, value in enumerate(x):
            weight = Cat(*bits[k * width : (k + 1) * width])
            register = Signal(self.leaf.shape, reset_less=True)
            m.d.sync += register.eq(value * (weight.as_signed() if self.weight.signed else weight))
            result.append(register)
        return result

    def cost(self, lanes):
        # The first level of adders, their registers and those of the weights go into the DSPs.
        pairs, leaf = self.taps // 2, self.leaf.width
        inside = Resources(
            lut=pairs * leaf,
            ff=pairs * (leaf + 1) + self.taps * self.x.width / lanes,
            carry4=pairs * math.ceil((leaf + 1) / 4),
        )
        return (super().cost(lanes) + inside * -lanes) + Resources(dsp=self.taps * lanes)


@dataclass(frozen=True)
class Constants(Arithmetic):
    """Weights that never change: shift and add by canonical signed digits, a tree for each neuron.

    most: digits of the neuron that has most; all: of all neurons together.
    """

    most: int = 1
    all: int = 1

    @property
    def runs(self):
        return ((self.x, self.taps),)  # for the interface alone: each neuron has its own leaves

    @property
    def bits(self):
        return 1, self.latency

    @property
    def latency(self):
        return max(self.most - 1, 0).bit_length()

    @property
    def delays(self):
        return (self.latency,)

    def digits(self, weights):
        raise NotImplementedError("each neuron has its own digits")

    operands = digits

    def _terms(self, weights: np.ndarray) -> tuple[list[int], tuple[Operand, ...]]:
        x, source, leaves = self.x, [], []
        for k, weight in enumerate(weights.tolist()):
            for exponent, sign in signed_digits(weight):
                source.append(k)
                leaves.append(Operand(x.lo, x.hi, exponent, sign))
        return source, tuple(leaves)

    def encode(self, weights):
        positive, constants = [], []
        for lane in weights[0]:
            _, leaves = self._terms(lane)
            if not leaves:
                positive.append(False)
                constants.append(0)
                continue
            tree, signs = plan(leaves), np.array([leaf.sign for leaf in leaves])
            bits, constant = _close(*tree.encode(signs, np.full_like(signs, -self.offset)), tree.root)
            positive.append(bits[-1])
            constants.append(int(constant))
        return np.array(positive)[None, :, None], np.array(constants, dtype=np.int64)[None]

    def build(self, m, x, bits, words, shared):
        source, leaves = self._terms(words[0])
        if not leaves:
            return Sum(C(0, 1), bits[-1], 1, 0)
        tree = plan(leaves)
        root = tree.build(m, [x[k] for k in source], [])
        for _ in range(self.latency - tree.depth):
            root = registered(m, root)
        return Sum(root, bits[-1], tree.root.sign, tree.root.exponent)

    def cost(self, lanes):
        # As many adders as digits, less one. Shifts leave an adder little more than the input's bits to add.
        adders, width = max(self.all - lanes, 0), self.x.width
        return Resources(
            lut=adders * (width - 0.5), ff=adders * (width + 2), carry4=adders * math.ceil((width + 3) / 4)
        )


def signed_digits(value: int) -> list[tuple[int, int]]:
    """The canonical signed digits of an integer: (exponent, ±1), no two neighbours, as few as can be."""
    digits, exponent = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((exponent, digit))
            value -= digit
        value, exponent = value >> 1, exponent + 1
    return digits


def registered(m: Module, value) -> Signal:
    register = Signal(value.shape(), reset_less=True)
    m.d.sync += register.eq(value)
    return register


# --- which of them can be used, and which is best ---------------------------------------------------------------------

DSP_PRICE = 220  # LUTs: their ratio on the small chips of the 7 series


@dataclass(frozen=True)
class Weights:
    """What arithmetic needs to know of a layer's weights, once their common power of two is taken out.

    exponents: where all are ±2^k or 0, every k; else empty. most, all: canonical signed digits of the neuron that has most, and of all.
    """

    twos: int
    lo: int
    hi: int
    odd: bool
    zero: bool
    exponents: tuple[int, ...]
    most: int
    all: int

    @classmethod
    def of(cls, weights: np.ndarray) -> Weights:
        """weights: (fan-in, neurons)."""
        every = int(np.bitwise_or.reduce(np.abs(weights), axis=None))
        twos = (every & -every).bit_length() - 1 if every else 0
        weights = weights >> twos
        sizes = np.unique(np.abs(weights))
        positive = [int(size) for size in sizes if size]
        powers = all(size & (size - 1) == 0 for size in positive)
        # The nonadjacent form has a digit wherever w and 3·w differ.
        form = np.ascontiguousarray(weights ^ (3 * weights))
        digits = np.unpackbits(form.view(np.uint8).reshape(*form.shape, 8), axis=-1).sum(axis=(0, 2), dtype=np.int64)
        return cls(
            twos,
            int(weights.min()),
            int(weights.max()),
            bool((weights & 1).all()),
            bool(sizes[0] == 0),
            tuple(size.bit_length() - 1 for size in positive) if powers else (),
            int(digits.max()),
            int(digits.sum()),
        )

    @property
    def kind(self) -> str:
        """binary, ternary, power or general: the least general one that they are."""
        if self.lo >= -1 and self.hi <= 1:
            return "ternary" if self.zero else "binary"
        return "power" if self.exponents else "general"

    @property
    def bits(self) -> int:
        """Least width that holds them: two's complement where one is negative."""
        return Operand(self.lo, self.hi).width


@lru_cache(maxsize=4096)
def arithmetics(weights: Weights, x_lo: int, x_hi: int, taps: int, words: int) -> dict[str, Arithmetic]:
    """Every arithmetic, by name, that can do these weights over `taps` inputs a cycle with `words` words in turn."""
    x, count = (x_lo, x_hi, taps), weights.bits
    magnitude = max(weights.hi, -weights.lo)
    found: dict[str, Arithmetic] = {}
    if weights.odd:
        found["digits"] = SignDigits(*x, magnitude.bit_length(), True)
    else:
        found["digits"] = SignDigits(*x, max(2 * weights.hi + 1, -2 * weights.lo - 1, 1).bit_length(), False)
    if weights.kind in ("binary", "ternary"):
        found["ternary"] = Ternary(*x)
    if weights.exponents and weights.kind != "binary":
        found["shifts"] = Shifts(*x, weights.exponents, weights.zero)
    found["planes"] = BitPlanes(*x, count, weights.lo < 0)
    if words <= 8:
        found["tables"] = Tables(*x, max(magnitude, 1), words)
    if words == 1:
        found["constants"] = Constants(*x, weights.most, weights.all)
    wide, narrow = sorted((count + (weights.lo >= 0), Operand(x_lo, x_hi).width + (x_lo >= 0)), reverse=True)
    # Yosys makes a DSP only of products of 9 bits and more; a larger one would take several.
    if wide <= 25 and 2 <= narrow <= 18 and Multiply(*x, weights.lo, weights.hi).leaf.width >= 9:
        found["dsp"] = Multiply(*x, weights.lo, weights.hi)
    return found


@lru_cache(maxsize=65536)
def choose(
    weights: Weights, x_lo: int, x_hi: int, taps: int, words: int, lanes: int, sharing: int, name: str
) -> Arithmetic:
    """The arithmetic of that name, or for "auto" the cheapest: in LUTs and half of the bits to store, a DSP at DSP_PRICE LUTs.

    sharing: how many of the lanes have the same inputs. Raises ValueError where the name isn't one that can be used here.
    """
    found = arithmetics(weights, x_lo, x_hi, taps, words)
    if name != "auto":
        if name not in found:
            raise ValueError(f"arithmetic {name!r} can't be used here; choose one of auto, {', '.join(found)}")
        return found[name]

    def price(arithmetic):
        cost = arithmetic.cost(sharing) * (lanes / sharing)
        return cost.lut + DSP_PRICE * cost.dsp + (arithmetic.bits[0] * lanes / 2 if words > 4 else 0)

    return min(found.values(), key=price)
