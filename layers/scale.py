"""A constant times the value plus another, per channel: batch normalisation, and scales that are no power of two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Mux, Value

from hwgen import ops
from hwgen.layers import rom
from hwgen.layers.beatwise import (
    Pipelined,
    delayed,
    free_running,
    free_running_cost,
)
from hwgen.layers.block import Resources
from hwgen.layers.elastic import counter, counter_cost
from hwgen.layers.sums import Sum, Term, digits
from hwgen.tensor import TensorType

# A DSP48E1 multiplies signed 25 by signed 18 bits. Yosys makes a product of fewer bits than this in LUTs.
DSP_LONG, DSP_SHORT, DSP_LEAST = 25, 18, 9
MOST_SHIFTS = 4  # different powers of two a lane that a multiplexer chooses from
MOST_DIGITS = 3  # signed digits of a constant that are added rather than multiplied by a DSP


@dataclass(frozen=True, eq=False)
class Scale(Pipelined):
    """raw·multiplier + offset; multiplier, offset: int64 (C,). frac: the fractional bits that the multiplier adds.

    Powers of two, and lanes with one constant of few signed digits, are shifts and adders; all else is DSPs, products
    wider than one in several.
    """

    input: TensorType
    multiplier: np.ndarray
    offset: np.ndarray
    frac: int
    lanes: int

    def __post_init__(self):
        super().__post_init__()
        for name, array in (("multiplier", self.multiplier), ("offset", self.offset)):
            if array.shape != (self.input.channels,):
                raise ValueError(f"{name} of shape {array.shape} for {self.input.channels} channels")
        ops.checked(self.result)

    @cached_property
    def result(self):
        return ops.Scale(self.multiplier, self.offset, self.frac).infer(self.input)

    def evaluate(self, x):
        return x * self.multiplier + self.offset

    # --- the plan -----------------------------------------------------------------------------------------------------

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray]:
        """multiplier and offset as (groups, lanes); one group where all are alike."""
        tables = self.multiplier.reshape(-1, self.lanes), self.offset.reshape(-1, self.lanes)
        alike = all((table == table[:1]).all() for table in tables)
        return tuple(table[:1] for table in tables) if alike else tables

    @property
    def groups(self) -> int:
        """Beats after which the constants recur."""
        return len(self._tables[0])

    @cached_property
    def shifts(self) -> bool:
        """Whether no product is needed."""
        table = self._tables[0]
        if self.groups == 1:
            return max(len(digits(int(m))) for m in table[0]) <= MOST_DIGITS
        single = all(abs(int(m)).bit_count() <= 1 for m in table.reshape(-1))
        return single and all(len(np.unique(column)) <= MOST_SHIFTS for column in table.T)

    @cached_property
    def _limbs(self) -> tuple[list[Term], list[Term]]:
        """The parts in which x and the multipliers are multiplied: each unsigned but the last."""
        x, table = self.input, self._tables[0]
        m = TensorType((1, 1, 1), int(table.min()), int(table.max()))
        wide, narrow = (x.width + (not x.signed), m.width + (not m.signed))
        long_x = wide >= narrow
        if max(wide, narrow) <= DSP_LONG and min(wide, narrow) <= DSP_SHORT:
            return [Term(x.lo, x.hi)], [Term(m.lo, m.hi)]
        sizes = (DSP_LONG - 1, DSP_SHORT - 1) if long_x else (DSP_SHORT - 1, DSP_LONG - 1)
        return _split(x, sizes[0]), _split(m, sizes[1])

    @property
    def _one_dsp(self) -> bool:
        """Whether a lane is one DSP, which takes in the registers around it too."""
        x, m = self._limbs
        return not self.shifts and len(x) == len(m) == 1 and x[0].shape.width + m[0].shape.width >= DSP_LEAST

    @cached_property
    def _sums(self) -> list[Sum]:
        """What is added up, one a lane."""
        multipliers, offsets = self._tables
        sums = []
        for lane in range(self.lanes):
            own = offsets[:, lane]
            if not self.shifts:
                x, m = self._limbs
                terms = [_product(a, b) for a in x for b in m]
            elif self.groups == 1:
                terms = [Term(self.input.lo, self.input.hi, *digit) for digit in digits(int(multipliers[0, lane]))]
            else:
                ends = [int(m) * end for m in multipliers[:, lane] for end in (self.input.lo, self.input.hi)]
                terms = [Term(min(ends), max(ends))]
            if own.any() or not terms:
                terms = [*terms, Term(int(own.min()), int(own.max()))]
            sums.append(Sum(terms))
        return sums

    @cached_property
    def _style(self) -> str:
        return rom.choose_style(self.groups, self.lanes * sum(self._widths))

    @property
    def _widths(self) -> tuple[int, int]:
        """Bits of a multiplier and of an offset in the ROM."""
        return tuple(TensorType((1, 1, 1), int(t.min()), int(t.max())).width for t in self._tables)

    @property
    def _operands(self) -> int:
        """Cycles until x and its constants stand in registers."""
        if self.groups == 1:
            return 0 if self.shifts else 1
        return rom.latency(self._style, self.groups)

    @property
    def _levels(self) -> int:
        return max(total.levels for total in self._sums)

    @property
    def stages(self) -> int:
        """Registers between the streams, without the output's own."""
        product = 0 if self.shifts and self.groups == 1 else 1
        return self._operands + product + self._levels

    # --- the hardware -------------------------------------------------------------------------------------------------

    def build(self, m, ports):
        start, output = free_running(m, ports.i, ports.o, self.stages)
        group, _ = counter(m, self.groups, start, "group")
        constants = self._constants(m, group)
        for lane in range(self.lanes):
            total = self._sums[lane]
            x = delayed(m, ports.i.payload[lane], self._operands)
            multiplier, offset = constants[lane]
            if not self.shifts:
                values = self._products(m, x, multiplier)
            elif self.groups == 1:
                values = [x] * len(digits(int(self._tables[0][0, lane])))
            else:
                values = [delayed(m, self._shifted(x, lane, multiplier), 1)]
            if len(values) < len(total.terms):
                values.append(offset if self.groups == 1 else delayed(m, offset, 1))
            value = total.build(m, values)
            m.d.comb += output.payload[lane].eq(delayed(m, value, self._levels - total.levels))

    def _constants(self, m, group) -> list[tuple[Value, Value]]:
        """(multiplier, offset) of each lane, `_operands` cycles after the group."""
        multipliers, offsets = self._tables
        if self.groups == 1:
            like = _shape(multipliers)
            shapes = [_shape(offsets[:, k]) for k in range(self.lanes)]
            return [(Const(int(a), like), Const(int(b), own)) for a, b, own in zip(multipliers[0], offsets[0], shapes)]
        parts, wide = [], self._widths
        for table, width in zip((multipliers, offsets), wide):
            parts.append(rom.bits_of(table, width))
        words = np.concatenate(parts, axis=2)  # (groups, lanes, bits)
        bits = rom.Rom(words.reshape(self.groups, -1), self._style).build(m, group)
        found = []
        for lane in range(self.lanes):
            own = bits[lane * sum(wide) : (lane + 1) * sum(wide)]
            multiplier, offset = Cat(own[: wide[0]]), Cat(own[wide[0] :])
            shape = _shape(offsets[:, lane])
            offset = offset[: shape.width].as_signed() if shape.signed else offset[: shape.width]
            found.append((multiplier.as_signed() if multipliers.min() < 0 else multiplier, offset))
        return found

    def _shifted(self, x: Value, lane: int, multiplier: Value) -> Value:
        result = Const(0)
        for constant in map(int, np.unique(self._tables[0][:, lane])):
            shifted = x << (abs(constant).bit_length() - 1) if constant else Const(0)
            result = Mux(multiplier == constant, -shifted if constant < 0 else shifted, result)
        return result

    def _products(self, m, x: Value, multiplier: Value) -> list[Value]:
        """The products of the limbs, each in a register."""
        xs, ms = self._limbs
        return [delayed(m, a * b, 1) for a in _parts(x, xs) for b in _parts(multiplier, ms)]

    # --- how much -----------------------------------------------------------------------------------------------------

    def cost(self):
        x, wide, total = self.input, self._widths, Resources()
        for lane_sum in self._sums:
            total += lane_sum.cost
        if self._one_dsp:
            total = Resources()  # the DSP adds the offset
        if self.groups > 1:
            total += rom.cost(self.groups, sum(wide) * self.lanes, self._style) + counter_cost(self.groups)
            total += Resources(ff=x.width * rom.latency(self._style, self.groups) * self.lanes)
        if self._one_dsp:
            # Its own registers hold the operands.
            held = min(total.ff, (x.width + wide[0]) * self.lanes) if self.groups > 1 else 0
            total += Resources(dsp=self.lanes, ff=-held)
        elif not self.shifts:
            total += _product_cost(*self._limbs) * self.lanes
        elif self.groups > 1:
            width = max(lane_sum.terms[0].shape.width for lane_sum in self._sums)
            choosing = sum(len(np.unique(column)) > 1 for column in self._tables[0].T)
            total += Resources(lut=1.5 * width) * choosing + Resources(ff=width) * self.lanes
        return total + free_running_cost(self.result.width * self.lanes, self.stages)

    def describe(self):
        way = "shifts" if self.shifts else "products"
        return f"Scale[{way}, {self.groups} groups, {self.lanes} lanes]"


def _shape(values: np.ndarray):
    return Term(int(values.min()), int(values.max())).shape


def _split(type: TensorType, size: int) -> list[Term]:
    """Limbs of `size` bits, unsigned, and what remains above them."""
    limbs, low = [], 0
    while type.width - low > size + type.signed:
        limbs.append(Term(0, (1 << size) - 1, low))
        low += size
    return [*limbs, Term(type.lo >> low, type.hi >> low, low)]


def _parts(value: Value, limbs: list[Term]) -> list[Value]:
    parts = []
    for limb, after in zip(limbs, [*(limb.exponent for limb in limbs[1:]), len(value)]):
        part = value[limb.exponent : after]
        parts.append(part.as_signed() if after == len(value) and value.shape().signed else part)
    return parts


def _product(a: Term, b: Term) -> Term:
    ends = [p * q for p in (a.lo, a.hi) for q in (b.lo, b.hi)]
    return Term(min(ends), max(ends), a.exponent + b.exponent)


def _product_cost(xs: list[Term], ms: list[Term]) -> Resources:
    total = Resources()
    for a in xs:
        for b in ms:
            wide, narrow = a.shape.width, b.shape.width
            if wide + narrow >= DSP_LEAST:
                total += Resources(dsp=1)
            else:
                total += Resources(lut=0.8 * wide * narrow, ff=wide + narrow, carry4=min(wide, narrow) - 1)
    return total
