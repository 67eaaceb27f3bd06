"""Distributed arithmetic: products by tables in LUTs that know the weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import C, Cat, Signal

from hwgen.layers.arithmetic import Lanewise
from hwgen.layers.block import Resources
from hwgen.layers.rom import bits_of
from hwgen.layers.ternary_tree import Term


@dataclass(frozen=True)
class Tables(Lanewise):
    """A LUT6 takes the same bit of several inputs, and the number of the word if words are few.

    bound: greatest |weight|. words: how many (1 to 16); a table then has 6 - log2(words) inputs.
    """

    bound: int = 1
    words: int = 1

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
            (Term(k, inputs * self.bound), count)
            for k in range(self.x_width)
            for inputs, count in ((size, whole), (rest, 1))
            if inputs and count
        )

    @property
    def delays(self):
        return (0,) * self.phase_bits

    def encode(self, weights):
        words, lanes, _ = weights.shape
        constant = -self.offset * weights.sum(axis=-1)
        for chunk in self.chunks:
            part = weights[..., chunk.start : chunk.stop]
            constant = constant + np.where(part < 0, part, 0).sum(axis=-1) * self.mask
        phase = np.broadcast_to(bits_of(np.arange(words), self.phase_bits)[:, None], (words, lanes, self.phase_bits))
        return phase, constant

    def lane_leaves(self, shared, x, bits, words):
        tables = []
        for chunk in self.chunks:
            subsets = bits_of(np.arange(1 << len(chunk)), len(chunk))  # (subsets, inputs)
            part = words[:, chunk.start : chunk.stop]
            tables.append(part @ subsets.T.astype(np.int64) - np.where(part < 0, part, 0).sum(axis=1)[:, None])
        result = []
        for k in range(self.x_width):
            for chunk, sums in zip(self.chunks, tables):
                address = Cat(*(x[i][k] for i in chunk), *bits)
                register = Signal(Term(0, len(chunk) * self.bound).width, reset_less=True)
                for j in range(len(register)):
                    table = sum(int(bit) << n for n, bit in enumerate(((sums.reshape(-1) >> j) & 1).tolist()))
                    shared.m.d.sync += register[j].eq(C(table, sums.size).bit_select(address, 1))
                result.append(register)
        return result

    def leaf_cost(self, lanes):
        width = sum(leaf.width * count for leaf, count in self.runs)
        return Resources(lut=width, ff=width) * lanes
