"""Multiplying in DSP slices, several narrow products in one.

A DSP48E1 multiplies 25 × 18 bits. With two or three weights side by side in its wide operand, spaced so that sums of
products don't overlap, one multiplication by an input gives the products with all of them; slices in a cascade add up over
several inputs before anything has to be taken apart (Xilinx WP486 for two 8-bit products). All fields are made
non-negative by a constant that the first slice of a cascade adds, so that taking them apart is wires.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const

from hwgen.layers.arithmetic import Trees, registered
from hwgen.layers.block import Resources
from hwgen.layers.rom import bits_of
from hwgen.layers.ternary_tree import Term

WIDE, NARROW, SUM = 25, 17, 48  # bits of the operands (the narrow one unsigned) and of the result
LATENCY = 3  # operand register, product register, sum register
LONGEST = 8  # slices in a cascade: operands wait a cycle longer in each


@dataclass(frozen=True)
class Packed(Trees):
    """`fields` weights a DSP slice, sums over `chain` slices in a cascade, fields `spacing` bits apart.

    w_lo, w_hi: range of the weights. Made by `packings`, which checks that everything fits.
    """

    w_lo: int = -1
    w_hi: int = 1
    fields: int = 1
    chain: int = 1
    spacing: int = SUM

    @property
    def stages(self):
        return LATENCY + self.chain - 1

    @property
    def _span(self) -> int:
        """Difference of the greatest and the least product."""
        return (max(self.w_hi, 0) - min(self.w_lo, 0)) * (self.x_hi + self.offset)

    @property
    def chains(self) -> list[range]:
        """The inputs of each cascade."""
        return [range(k, min(k + self.chain, self.taps)) for k in range(0, self.taps, self.chain)]

    @property
    def runs(self):
        whole, rest = divmod(self.taps, self.chain)
        return (Term(0, self._span * self.chain), whole), (Term(0, self._span * max(rest, 1)), int(rest > 0))

    @property
    def code_width(self) -> int:
        """Bits of a weight, less one where the field below it is negative."""
        return _signed_bits(self.w_lo - (self.fields > 1), self.w_hi)

    @property
    def delays(self):
        return tuple(delay for delay in self.waits for _ in range(self.code_width))

    @property
    def waits(self):
        """Cascades end together; each slice is a cycle behind the one before."""
        return tuple(self.chain - len(chain) + j for chain in self.chains for j in range(len(chain)))

    def encode(self, weights):
        codes = np.empty_like(weights)
        for lane in range(weights.shape[1]):
            borrow = codes[:, lane - 1] < 0 if lane % self.fields else 0
            codes[:, lane] = weights[:, lane] - borrow
        bits = bits_of(codes, self.code_width).reshape(*weights.shape[:-1], -1)
        least = min(self.w_lo, 0) * (self.x_hi + self.offset) * self.taps
        return bits, least - self.offset * weights.sum(axis=-1)

    def leaves(self, shared, x, bits, words):
        late = self._late_inputs(shared, x)
        for first in range(0, len(bits), self.fields):
            group = bits[first : first + self.fields]
            sums = [self._cascade(shared, chain, late, group) for chain in self.chains]
            for i in range(len(group)):
                start = i * self.spacing
                runs = [Term(0, self._span * len(chain)) for chain in self.chains]
                yield [total[start : start + run.width] for total, run in zip(sums, runs)]

    def _late_inputs(self, shared, x) -> list:
        """Each input with the delay of its slice."""
        late = []
        for value, cycles in zip(x, self.waits):
            for _ in range(cycles):
                value = registered(shared.m, value)
            late.append(value)
        return late

    def _cascade(self, shared, chain: range, x: list, lanes: list):
        """The sum of a cascade: for each of its slices a product of an input and the weights of all lanes."""
        least = min(self.w_lo, 0) * (self.x_hi + self.offset) * len(chain)
        constant = sum(-least << i * self.spacing for i in range(len(lanes)))
        carry, width = None, self.code_width
        for k in chain:
            codes = [lane[k * width : (k + 1) * width] for lane in lanes]
            ends = [self.spacing] * (len(lanes) - 1) + [WIDE - self.spacing * (len(lanes) - 1)]
            wide = Cat(Cat(*code, *[code[-1]] * (end - width))[:end] for code, end in zip(codes, ends))
            total, carry = shared.cells.multiply_add(wide, Cat(x[k], Const(0, NARROW - len(x[k]))), carry, constant)
        return total

    def leaf_cost(self, lanes):
        return Resources(dsp=-(-lanes // self.fields) * self.taps)

    @property
    def stored(self):
        return self.taps * self.code_width


def packings(x_lo: int, x_hi: int, taps: int, w_lo: int, w_hi: int, lanes: int) -> dict[str, Packed]:
    """The ways to use DSP slices for these ranges, by name: "dsp", "dsp2" and "dsp3" with as many products each."""
    found = {}
    for fields in range(1, min(3, lanes) + 1):
        for chain in range(min(LONGEST, taps), 0, -1):
            one = Packed(x_lo, x_hi, taps, w_lo, w_hi, fields, chain)
            bits = max((one._span * chain).bit_length(), 1)
            top = bits if fields > 1 else 0
            ends = [sum(w << i * top for i in range(fields)) for w in (w_lo, w_hi)]
            if (
                fields * bits <= SUM
                and one.x_width <= NARROW
                and -(1 << WIDE - 1) <= ends[0]
                and ends[1] < 1 << WIDE - 1
                and one.code_width <= (bits if fields > 1 else WIDE)
            ):
                spacing = bits if fields > 1 else SUM
                name = "dsp" if fields == 1 else f"dsp{fields}"
                found[name] = Packed(x_lo, x_hi, taps, w_lo, w_hi, fields, chain, spacing)
                break
    return found


def _signed_bits(lo: int, hi: int) -> int:
    return max(hi.bit_length(), (~lo).bit_length() if lo < 0 else 0) + 1
