"""Thresholds: any monotone function into few levels, exactly; a scale and an offset before it are in the thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from amaranth.hdl import Cat, Const, Mux, Value

from hwgen.layers import rom
from hwgen.layers.beatwise import (
    Pipelined,
    delay_cost,
    delayed,
    free_running,
    free_running_cost,
)
from hwgen.layers.block import Resources
from hwgen.layers.compare import at_least, at_least_luts, comparator_cost
from hwgen.layers.elastic import counter, counter_cost
from hwgen.tensor import TensorType

MEMORIES = ("auto", *rom.STYLES)
FLIP_FLOPS_PER_LUT = 4  # flip-flops are seldom what is short
LUTS_PER_BRAM36 = 200
MOST_PARALLEL = 31  # thresholds: beyond, all of them at once is never cheaper


class Step(NamedTuple):
    """A step of the search: bit `bit` of the output is (x >= one of these edges) ^ falling.

    edges: (groups · 2^known, lanes), by channel group and the output bits that are known. style: of their ROM.
    """

    bit: int
    edges: np.ndarray
    style: str

    @property
    def latency(self) -> int:
        return 1 if len(self.edges) == 1 else rom.latency(self.style, len(self.edges)) + 1


@dataclass(frozen=True, eq=False)
class Threshold(Pipelined):
    """lo + #{k: x >= T[c, k]}, or for a falling channel lo + L − #{k: x >= T[c, k]}, which never rises with x.

    thresholds: int64 (C, L), or (1, L) for all channels; sorted; may lie outside the range of the input.
    falling: bool (C,) or (1,). memory: "logic", "block" or "auto", where thresholds that differ by channel group lie.

    Few thresholds are all compared at once and the ones counted; many are searched, one bit of the output a step.
    """

    input: TensorType
    thresholds: np.ndarray
    falling: np.ndarray
    lo: int
    frac: int
    lanes: int
    memory: str = "auto"

    def __post_init__(self):
        super().__post_init__()
        for name, array, dims in (("thresholds", self.thresholds, 2), ("falling", self.falling, 1)):
            if array.ndim != dims or array.shape[0] not in (1, self.input.channels):
                raise ValueError(f"{name} of shape {array.shape} for {self.input.channels} channels")
        if (np.diff(self.thresholds, axis=1) < 0).any():
            raise ValueError("thresholds are not sorted")
        if self.memory not in MEMORIES:
            raise ValueError(f"memory must be one of {', '.join(MEMORIES)}, not {self.memory!r}")

    @property
    def levels(self) -> int:
        """L."""
        return self.thresholds.shape[1]

    @property
    def result(self):
        return TensorType(self.input.shape, self.lo, self.lo + self.levels, self.frac)

    def evaluate(self, x):
        channels = self.input.channels
        count = np.empty(x.shape, dtype=np.int64)
        for c, row in enumerate(np.broadcast_to(self.thresholds, (channels, self.levels))):
            count[..., c] = np.searchsorted(row, x[..., c], side="right")
        return self.lo + np.where(self.falling, self.levels - count, count)

    # --- the plan -----------------------------------------------------------------------------------------------------

    @cached_property
    def groups(self) -> int:
        """Beats after which the thresholds recur."""
        shared = len(self.thresholds) == 1 and len(self.falling) == 1
        return 1 if shared else self.input.channels // self.lanes

    @cached_property
    def _falls(self) -> np.ndarray:
        """(groups, lanes)"""
        falling = np.broadcast_to(self.falling, self.input.channels)
        return falling[: self.groups * self.lanes].reshape(self.groups, self.lanes)

    @cached_property
    def _edges(self) -> np.ndarray:
        """(L, groups, lanes): output >= lo + 1 + v where (x >= edge v) ^ falling. x.lo: always, x.hi + 1: never."""
        table = np.broadcast_to(self.thresholds, (self.input.channels, self.levels))[: self.groups * self.lanes]
        table = table.reshape(self.groups, self.lanes, self.levels).clip(self.input.lo, self.input.hi + 1)
        return np.where(self._falls[..., None], table[..., ::-1], table).transpose(2, 0, 1)

    @cached_property
    def _code(self) -> tuple[int, int, int]:
        """(least, greatest, bits that vary) of the output as a code: two's complement with the sign bit inverted."""
        bias = 1 << (self.result.width - 1) if self.result.signed else 0
        least, most = self.result.lo + bias, self.result.hi + bias
        return least, most, (least ^ most).bit_length()

    def _columns(self, edges: np.ndarray) -> tuple[np.ndarray, int, bool]:
        """Edges (words, lanes) as (words, lanes, bits) bool, and how to read them: bits, signed."""
        like = TensorType((1, 1, 1), int(edges.min()), int(edges.max()))
        return rom.bits_of(edges, like.width), like.width, like.signed

    def _style(self, depth: int, columns: int) -> str:
        return rom.choose_style(depth, columns) if self.memory == "auto" else self.memory

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The search, most significant bit first."""
        least, most, bits = self._code
        steps = []
        for bit in reversed(range(bits)):
            known = np.arange(1 << (bits - 1 - bit))
            # The least code with this bit set, for all bits that are known by then.
            target = (least >> bits << bits) + (2 * known + 1 << bit) - least
            chosen = self._edges[np.clip(target - 1, 0, self.levels - 1)]
            always = np.where(self._falls, self.input.hi + 1, self.input.lo)
            never = np.where(self._falls, self.input.lo, self.input.hi + 1)
            pick = target[:, None, None]
            chosen = np.where(pick <= 0, always, np.where(pick > self.levels, never, chosen))
            edges = chosen.transpose(1, 0, 2).reshape(-1, self.lanes)
            _, width, _ = self._columns(edges)
            steps.append(Step(bit, edges, self._style(len(edges), self.lanes * width)))
        return tuple(steps)

    @cached_property
    def searches(self) -> bool:
        """Whether the output is searched bit by bit: where that is cheaper than all thresholds at once."""
        if self.levels > MOST_PARALLEL:
            return True

        def worth(cost):
            return cost.lut + cost.ff / FLIP_FLOPS_PER_LUT + cost.bram36 * LUTS_PER_BRAM36

        return self.levels > 1 and worth(self._search_cost) < worth(self._parallel_cost)

    @cached_property
    def _parallel_style(self) -> str:
        _, width, _ = self._columns(self._edges.reshape(1, -1)) if self.levels else (None, 1, False)
        return self._style(self.groups, self.levels * self.lanes * width)

    @cached_property
    def stages(self) -> int:
        """Registers between the streams, without the output's own."""
        if not self.levels:
            return 0
        if self.searches:
            return sum(step.latency for step in self.steps)
        return 1 if self.groups == 1 else rom.latency(self._parallel_style, self.groups) + 1

    @property
    def is_wires(self):
        return not self.stages

    # --- the hardware -------------------------------------------------------------------------------------------------

    def build(self, m, ports):
        i, o = ports.i, ports.o
        if not self.stages:
            m.d.comb += [o.valid.eq(i.valid), i.ready.eq(o.ready)]
            m.d.comb += [lane.eq(self.lo) for lane in o.payload]
            return
        start, output = free_running(m, i, o, self.stages)
        group, _ = counter(m, self.groups, start, "group")
        values = self._search(m, i.payload, group) if self.searches else self._parallel(m, i.payload, group)
        m.d.comb += [lane.eq(value) for lane, value in zip(output.payload, values)]

    def _rom(self, m, edges: np.ndarray, falls: np.ndarray | None, style: str, address) -> tuple[list, list]:
        """(edges, falling bits), one each a lane, read from a ROM; edges: (words, lanes); falls alike or None."""
        columns, width, signed = self._columns(edges)
        words = columns.reshape(len(edges), -1)
        if falls is not None:
            words = np.concatenate([words, falls], axis=1)
        bits = rom.Rom(words, style).build(m, address)
        joined = [Cat(bits[k * width : (k + 1) * width]) for k in range(edges.shape[1])]
        read = [value.as_signed() if signed else value for value in joined]
        return read, bits[edges.shape[1] * width :] if falls is not None else [Const(0)] * edges.shape[1]

    def _compared(self, m, x: list, edges: np.ndarray, style: str, address) -> list:
        """(x >= edge) ^ falling, a register for each column of edges (words, lanes or a multiple); x: one each."""
        repeat = edges.shape[1] // self.lanes
        falls = np.repeat(np.tile(self._falls, (1, repeat)), len(edges) // self.groups, axis=0)
        if len(edges) == 1:
            bits = [at_least(v, int(edge)) ^ int(fall) for v, edge, fall in zip(x, edges[0], falls[0])]
        else:
            wait = rom.latency(style, len(edges))
            read, flips = self._rom(m, edges, falls if falls.any() else None, style, address)
            bits = [(v >= edge) ^ flip for v, edge, flip in zip((delayed(m, v, wait) for v in x), read, flips)]
        return [delayed(m, bit, 1) for bit in bits]

    def _parallel(self, m, x, group) -> list[Value]:
        edges = self._edges.transpose(1, 0, 2).reshape(self.groups, -1)
        reached = self._compared(m, list(x) * self.levels, edges, self._parallel_style, group)
        least, _, bits = self._code
        results = []
        for lane in range(self.lanes):
            own = reached[lane :: self.lanes]
            first = least >> bits << bits
            codes = [Const(1) if c <= least else own[c - least - 1] if c - least <= len(own) else Const(0)
                     for c in range(first, first + (1 << bits))]  # fmt: skip
            results.append(self._value(_encode(codes[1:])))
        return results

    def _search(self, m, x, group) -> list[Value]:
        x, known, latency = list(x), [[] for _ in x], 0
        for step in self.steps:
            # Every lane looks its edge up by its own known bits.
            if len(step.edges) == 1:
                found = self._compared(m, x, step.edges, step.style, group)
            else:
                found = [self._lane_step(m, step, lane, x[lane], known[lane], group) for lane in range(self.lanes)]
            known = [[bit, *(delayed(m, b, step.latency) for b in bits)] for bit, bits in zip(found, known)]
            latency += step.latency
            if step.bit:
                x = [delayed(m, v, step.latency) for v in x]
                group = delayed(m, group, step.latency)
        return [self._value(bits) for bits in known]

    def _lane_step(self, m, step: Step, lane: int, x, known: list, group) -> Value:
        edges = step.edges[:, lane : lane + 1]
        falls = np.repeat(self._falls[:, lane : lane + 1], 1 << len(known), axis=0)
        if (falls == falls[0]).all():
            read, flips = self._rom(m, edges, None, step.style, Cat(known, group))[0], [Const(int(falls[0, 0]))]
        else:
            read, flips = self._rom(m, edges, falls, step.style, Cat(known, group))
        return delayed(m, (delayed(m, x, rom.latency(step.style, len(step.edges))) >= read[0]) ^ flips[0], 1)

    def _value(self, bits: list) -> Value:
        """The output from the bits of its code that vary, least significant first."""
        least, _, varying = self._code
        width = self.result.width
        code = Cat(*bits, Const(least >> varying, width - varying) if width > varying else Const(0, 0))
        if self.result.signed:
            return Cat(code[: width - 1], ~code[width - 1]).as_signed()
        return code

    # --- how much -----------------------------------------------------------------------------------------------------

    @cached_property
    def _parallel_cost(self) -> Resources:
        x, total = self.input, Resources()
        flat = self._edges.reshape(self.levels, self.groups, self.lanes)
        if self.groups == 1:
            luts = sum(at_least_luts(x.width, int(edge), x.signed) for edge in flat.reshape(-1))
            total += Resources(lut=luts, ff=self.levels * self.lanes)
        else:
            _, width, _ = self._columns(flat.reshape(1, -1))
            style, many = self._parallel_style, self.levels * self.lanes
            total += rom.cost(self.groups, many * width, style) + counter_cost(self.groups)
            total += comparator_cost(max(width, x.width)) * many
            total += Resources(ff=many + x.width * self.lanes * rom.latency(style, self.groups))
        encode = self.levels * 0.6 if self.levels > 1 else 0
        return total + Resources(lut=encode * self.lanes)

    @cached_property
    def _search_cost(self) -> Resources:
        x, total = self.input, counter_cost(self.groups)
        known = 0
        for step in self.steps:
            if len(step.edges) == 1:
                luts = sum(at_least_luts(x.width, int(edge), x.signed) for edge in step.edges[0])
                total += Resources(lut=luts)
            else:
                _, width, _ = self._columns(step.edges)
                one = rom.cost(len(step.edges), width, step.style)
                total += (one + comparator_cost(max(width, x.width))) * self.lanes
            # x stands in registers from one comparison to the next; a bit's own register is the comparison's.
            held = delay_cost(x.width, step.latency - (not known)) + Resources(ff=1)
            total += (held + delay_cost(known, step.latency)) * self.lanes
            if step.bit:
                total += delay_cost((self.groups - 1).bit_length(), step.latency)
            known += 1
        return total

    def cost(self):
        if not self.stages:
            return Resources()
        own = self._search_cost if self.searches else self._parallel_cost
        return own + free_running_cost(self.result.width * self.lanes, self.stages)

    def describe(self):
        way = "searched" if self.searches else "at once"
        return f"Threshold[{self.levels} levels {way}, {self.groups} groups, {self.lanes} lanes]"


def _encode(reached: list) -> list:
    """Bits, least significant first, of the number of ones in a thermometer code of 2^n − 1 bits."""
    if not reached:
        return []
    middle = len(reached) // 2
    high = reached[middle]
    low, above = reached[:middle], reached[middle + 1 :]
    return [*_encode([Mux(high, a, b) for a, b in zip(above, low)]), high]
