"""Multiplying by table and by DSP: the products of LUTs that know the weights, and of real multipliers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import C, Cat, Signal

from hwgen.layers.adder_tree import Operand
from hwgen.layers.arithmetic import Arithmetic
from hwgen.layers.block import Resources
from hwgen.layers.rom import bits_of


@dataclass(frozen=True)
class Tables(Arithmetic):
    """Distributed arithmetic: a LUT6 takes the same bit of several inputs, and the number of the word if words are few.

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
