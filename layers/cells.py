"""Adders, multiplexers and tables that are placed in LUTs by hand on Xilinx 7 series, and plain logic elsewhere.

Yosys finds neither the ternary adder (three numbers at one LUT a bit) nor the LUT with two outputs. Both are instances
of the modules in xc7_cells.v where the target has them. Everywhere else, Amaranth's own simulator included, the same
functions are plain arithmetic; tests hold the two against each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value, signed

from hwgen.layers.block import Resources

LIBRARIES = {"xc7": Path(__file__).with_name("xc7_cells.v")}


@dataclass(frozen=True)
class Target:
    """What Verilog is made for: Amaranth's `platform` while components are elaborated. family: as in `boards.Board`."""

    family: str

    @property
    def library(self) -> str:
        """Verilog of the modules that the netlist has instances of."""
        path = LIBRARIES.get(self.family)
        return path.read_text(encoding="utf-8") if path else ""


class Cells:
    """Makes cells in module m; all are combinational. platform: what `elaborate` was given; None for plain logic."""

    def __init__(self, m: Module, platform):
        self.m = m
        self.by_hand = isinstance(platform, Target) and platform.family == "xc7"

    def _instance(self, name: str, width: int, bits: int, **ports) -> Signal:
        result = Signal(bits)
        parameters = {k: v for k, v in ports.items() if k.startswith("p_")}
        inputs = {f"i_{k}": v for k, v in ports.items() if not k.startswith("p_")}
        self.m.submodules += Instance(name, p_WIDTH=width, **parameters, **inputs, o_o=result)
        return result

    def add3(self, a: Value, b: Value, c: Value, bits: int, invert: tuple[bool, bool, bool] = (False,) * 3) -> Value:
        """a + b + c of unsigned numbers, the low `bits` bits. invert: which come as their complements in their own width."""
        width = max(len(a), len(b), len(c))
        if not self.by_hand:
            a, b, c = ((~v)[: len(v)] if inverted else v for v, inverted in zip((a, b, c), invert))
            return _cut(a + b + c, bits)
        width = min(width, bits)
        # Above a number there are zeros, so ones where they will be inverted.
        a, b, c = (_cut(v, width, inverted) for v, inverted in zip((a, b, c), invert))
        which = Const(sum(inverted << k for k, inverted in enumerate(invert)), 3)
        return _cut(self._instance("hwgen_add3", width, width + 2, a=a, b=b, c=c, p_INVERT=which), bits)

    def add_signed(self, a: Value, b: Value, s: Value, t: Value) -> Value:
        """(a ^ s) + (b ^ t) of unsigned numbers of one width, each bit inverted where the bits s, t are 1."""
        width = len(a)
        if not self.by_hand:
            return _cut((a ^ s.replicate(width)) + (b ^ t.replicate(width)), width + 1)
        return self._instance("hwgen_add_signed", width, width + 1, a=a, b=b, s=s, t=t)

    def add_gated(self, a: Value, b: Value, s: Value, t: Value, invert: bool) -> Value:
        """(a & s) + (b & t), or with `invert` ~(a & s) + ~(b & t), of unsigned numbers of one width."""
        width = len(a)
        if not self.by_hand:
            terms = [value & gate.replicate(width) for value, gate in ((a, s), (b, t))]
            return _cut(sum((~term if invert else term)[:width] for term in terms), width + 1)
        return self._instance("hwgen_add_gated", width, width + 1, a=a, b=b, s=s, t=t, p_INVERT=int(invert))

    def gate(self, x: Value, gate: Value, sign: Value) -> Value:
        """(x & gate) ^ sign."""
        width = len(x)
        if not self.by_hand:
            return ((x & gate.replicate(width)) ^ sign.replicate(width))[:width]
        return self._instance("hwgen_gate", width, width, x=x, gate=gate, sign=sign)

    def mux(self, select: Value, a: Value, b: Value) -> Value:
        """b where `select` is 1, else a; of one width."""
        if not self.by_hand or len(a) < 2:
            return Mux(select, b, a)
        return self._instance("hwgen_mux2", len(a), len(a), a=a, b=b, s=select)

    def table(self, words: np.ndarray, address: Value) -> Value:
        """words[address]; words: (at most 32, columns) bool."""
        depth, columns = words.shape
        if not self.by_hand or columns < 2:
            raise ValueError("only where the target has LUTs of two outputs, and for two columns or more")
        padded = np.zeros((32, columns), dtype=bool)
        padded[:depth] = words
        bits = int.from_bytes(np.packbits(padded.T.reshape(-1), bitorder="little").tobytes(), "little")
        table = Const(bits, 32 * columns)
        return self._instance("hwgen_rom32", columns, columns, a=_cut(address, 5), p_TABLE=table)

    def multiply_add(self, a: Value, b: Value, carry: Value | None, constant: int) -> tuple[Value, Value]:
        """(sum, cascade to the next slice): a · b + carry three cycles after a and b, in a DSP slice.

        a: 25 bits, two's complement. b: 17 bits, unsigned. carry: the cascade of the slice before, whose sum is a cycle
        ahead; where there is none, `constant` (at least 0, 48 bits) is added.
        """
        m = self.m
        if self.by_hand:
            total, cascade = Signal(48), Signal(48)
            ends = dict(i_pcin=Const(0, 48) if carry is None else carry, o_p=total, o_pcout=cascade)
            first = dict(p_FIRST=int(carry is None), p_CONSTANT=Const(constant, 48))
            m.submodules += Instance("hwgen_multiply_add", **first, i_clk=ClockSignal(), i_a=a, i_b=b, **ends)
            return total, cascade
        held, product, total = (Signal(signed(n), reset_less=True) for n in (25, 43, 48))
        other = Signal(17, reset_less=True)
        m.d.sync += [held.eq(a), other.eq(b), product.eq(held * other)]
        m.d.sync += total.eq(product + (constant if carry is None else carry))
        return total.as_unsigned(), total


def _cut(value: Value, bits: int, ones: bool = False) -> Value:
    """The low bits of an unsigned value; where it has fewer, zeros or ones above it."""
    return value[:bits] if len(value) >= bits else Cat(value, Const(-ones, bits - len(value)))


def add3_cost(width: int) -> Resources:
    return Resources(lut=width, carry4=math.ceil((width + 1) / 4))


def add2_cost(width: int) -> Resources:
    """Of `add_signed` and `add_gated`."""
    return Resources(lut=width, carry4=math.ceil(width / 4))


def gate_cost(width: int) -> Resources:
    return Resources(lut=math.ceil(width / 2))


def mux_cost(width: int) -> Resources:
    return Resources(lut=math.ceil(width / 2))


def table_cost(columns: int) -> Resources:
    return Resources(lut=math.ceil(columns / 2))
