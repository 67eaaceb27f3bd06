"""Cells placed by hand against Python's integers: each Verilog module, and `Cells` by hand and as plain logic.

The Verilog runs in Icarus with two models of the primitives: hwgen's own (sim/xc7_primitives.v) and Yosys's.
"""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hwgen.layers.cells import Cells, Target
from hwgen.sim.primitives import primitives
from tests.layers.circuits import SEED, Case, Icarus

# Found without importing it: that would make the symbols of all libraries that load later global.
YOSYS = Path(importlib.util.find_spec("pyosys").origin).parent
MODELS = {"hwgen": primitives("xc7")[0], "Yosys": YOSYS / "share" / "xilinx" / "cells_sim.v"}
SLICES = 3  # cycles through a DSP slice
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 13, 16, 31)


# --- the modules of xc7_cells.v -------------------------------------------------------------------------------------


def instance(module: str, expected, inputs: dict[str, int], outputs: dict[str, int], **parameters) -> Case:
    values = ", ".join(f".{name}({value})" for name, value in parameters.items())
    ports = ", ".join(f".{name}({name})" for name in (*inputs, *outputs))
    return Case(f"{module} #({values}) dut ({ports});", inputs, outputs, expected, name=f"{module} {parameters}"[:60])


def carry(width: int) -> Case:
    def expected(s, d):
        total, rest = 0, 0
        for k in range(width):
            total |= ((s >> k & 1) ^ rest) << k
            rest = rest if s >> k & 1 else d >> k & 1
        return total, rest

    return instance("hwgen_carry", expected, {"s": width, "d": width}, {"sum": width, "carry": 1}, WIDTH=width)


def add3(width: int, invert: int) -> Case:
    inputs, flips = dict.fromkeys("abc", width), [(invert >> k & 1) * ((1 << width) - 1) for k in range(3)]
    expected = lambda a, b, c: (sum(v ^ flip for v, flip in zip((a, b, c), flips)),)  # noqa: E731
    return instance("hwgen_add3", expected, inputs, {"o": width + 2}, WIDTH=width, INVERT=f"3'd{invert}")


def two(module: str, width: int, expected, **parameters) -> Case:
    inputs = {"a": width, "b": width, "s": 1, "t": 1}
    return instance(module, expected, inputs, {"o": width + 1}, WIDTH=width, **parameters)


def add_signed(width: int) -> Case:
    ones = (1 << width) - 1
    return two("hwgen_add_signed", width, lambda a, b, s, t: ((a ^ s * ones) + (b ^ t * ones),))


def add_gated(width: int, invert: int) -> Case:
    flip = invert * ((1 << width) - 1)
    return two("hwgen_add_gated", width, lambda a, b, s, t: ((a * s ^ flip) + (b * t ^ flip),), INVERT=invert)


def mux2(width: int) -> Case:
    inputs = {"a": width, "b": width, "s": 1}
    return instance("hwgen_mux2", lambda a, b, s: (b if s else a,), inputs, {"o": width}, WIDTH=width)


def gate(width: int) -> Case:
    ones, inputs = (1 << width) - 1, {"x": width, "gate": 1, "sign": 1}
    return instance("hwgen_gate", lambda x, gate, sign: (x * gate ^ sign * ones,), inputs, {"o": width}, WIDTH=width)


def rom32(width: int) -> Case:
    table = random.Random(SEED + width).getrandbits(32 * width)
    result = lambda a: (sum((table >> 32 * k + a & 1) << k for k in range(width)),)  # noqa: E731
    return instance("hwgen_rom32", result, {"a": 5}, {"o": width}, WIDTH=width, TABLE=f"{32 * width}'h{table:x}")


def signed(value: int, width: int) -> int:
    return value - (value >> width - 1 << width)


def products(a0, b0, a1, b1, constant):
    return ((signed(a0, 25) * b0 + signed(a1, 25) * b1 + constant) % (1 << 48),)


OPERANDS = {"a0": 25, "b0": 17, "a1": 25, "b1": 17}


def multiply_add(constant: int) -> Case:
    """Two slices in a cascade, the second one's operands a cycle later."""
    text = f"""
      wire [47:0] cascade;
      reg [24:0] late_a = 0;
      reg [16:0] late_b = 0;
      always @(posedge clk) begin late_a <= a1; late_b <= b1; end
      hwgen_multiply_add #(.FIRST(1), .CONSTANT(48'd{constant})) first (
        .clk(clk), .a(a0), .b(b0), .pcin(48'd0), .p(), .pcout(cascade));
      hwgen_multiply_add #(.FIRST(0)) second (.clk(clk), .a(late_a), .b(late_b), .pcin(cascade), .p(o), .pcout());
    """
    expected = lambda **x: products(**x, constant=constant)  # noqa: E731
    return Case(text, OPERANDS, {"o": 48}, expected, SLICES + 1, f"multiply_add {constant}")


MODULES: dict[str, Iterable[Case]] = {
    "carry": [carry(width) for width in WIDTHS],
    "add3": [add3(width, invert) for width in WIDTHS for invert in range(8 if width in (1, 4) else 1)],
    "add_signed": [add_signed(width) for width in WIDTHS],
    "add_gated": [add_gated(width, invert) for width in WIDTHS for invert in (0, 1)],
    "mux2": [mux2(width) for width in WIDTHS],
    "gate": [gate(width) for width in WIDTHS],
    "rom32": [rom32(width) for width in (1, 2, 3, 6, 11)],
    "multiply_add": [multiply_add(constant) for constant in (0, 1, 2**47 + 12345)],
}

# --- what Cells makes of them ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """A use of `Cells`. build: from cells and the signals of the inputs to the result, of `bits` bits.

    by_hand: whether it is an instance of a module where the target has it.
    """

    build: Callable
    inputs: dict[str, int]
    bits: int
    expected: Callable[..., tuple[int, ...]]
    latency: int = 0
    by_hand: bool = True

    @property
    def case(self) -> Case:
        return Case("", self.inputs, {"o": self.bits}, self.expected, self.latency, "use")


def used_add3(a: int, b: int, c: int, bits: int, *invert: bool) -> Use:
    """Numbers of different widths, or their complements; the sum cut or extended to `bits`."""
    flips = [(1 << width) - 1 if inverted else 0 for width, inverted in zip((a, b, c), invert or (False,) * 3)]
    return Use(
        lambda cells, a, b, c: cells.add3(a, b, c, bits, *(invert and [invert])),
        {"a": a, "b": b, "c": c},
        bits,
        lambda a, b, c: (sum(v ^ flip for v, flip in zip((a, b, c), flips)) % (1 << bits),),
    )


def used_table(depth: int, columns: int) -> Use:
    words = np.random.default_rng(SEED + depth).integers(0, 2, (depth, columns)).astype(bool)
    bits = (depth - 1).bit_length()

    def expected(a):
        return (sum(int(bit) << k for k, bit in enumerate(words[a])) if a < depth else 0,)

    def build(cells, a):
        return cells.table(words, a) if cells.by_hand else sum_of_words(words, a)

    return Use(build, {"a": bits}, columns, expected)


def sum_of_words(words: np.ndarray, address):
    """The same table without cells: callers have a memory instead."""
    return sum((address == k) * sum(int(bit) << n for n, bit in enumerate(row)) for k, row in enumerate(words))


def used_multiply_add(constant: int) -> Use:
    def build(cells, a0, b0, a1, b1):
        _, cascade = cells.multiply_add(a0, b0, None, constant)
        late = [Signal(len(value)) for value in (a1, b1)]
        cells.m.d.sync += [register.eq(value) for register, value in zip(late, (a1, b1))]
        return cells.multiply_add(*late, cascade, 0)[0]

    return Use(build, OPERANDS, 48, lambda **x: products(**x, constant=constant), SLICES + 1)


def of_module(case: Case, build, by_hand: bool = True) -> Use:
    (bits,) = case.outputs.values()
    return Use(build, case.inputs, bits, case.expected, by_hand=by_hand)


USES: dict[str, list[Use]] = {
    "add3": [used_add3(*widths) for widths in ((4, 4, 4, 6), (1, 5, 3, 4), (3, 1, 2, 9), (7, 6, 7, 7), (2, 2, 2, 1))]
    + [used_add3(*widths, *(bool(which >> k & 1) for k in range(3)))
       for which in range(1, 8) for widths in ((4, 4, 4, 6), (1, 5, 3, 4), (3, 1, 2, 9))],
    "add_signed": [of_module(add_signed(w), lambda cells, a, b, s, t: cells.add_signed(a, b, s, t)) for w in WIDTHS],
    "add_gated": [of_module(add_gated(w, i), lambda cells, a, b, s, t, i=i: cells.add_gated(a, b, s, t, bool(i)))
                  for w in WIDTHS for i in (0, 1)],
    "mux": [of_module(mux2(w), lambda cells, a, b, s: cells.mux(s, a, b), w > 1) for w in WIDTHS],
    "gate": [of_module(gate(w), lambda cells, x, gate, sign: cells.gate(x, gate, sign)) for w in WIDTHS],
    "table": [used_table(depth, columns) for depth, columns in ((3, 2), (8, 5), (20, 3), (32, 4))],
    "multiply_add": [used_multiply_add(constant) for constant in (0, 99, 2**40)],
}  # fmt: skip


class Bench(wiring.Component):
    def __init__(self, use: Use):
        self.use = use
        super().__init__({**{name: In(bits) for name, bits in use.inputs.items()}, "o": Out(use.bits)})

    def elaborate(self, platform):
        m = Module()
        value = self.use.build(Cells(m, platform), *(getattr(self, name) for name in self.use.inputs))
        m.d.comb += self.o.eq(value)
        m.d.sync += Signal().eq(1)  # there is a clock, whether it is needed or not
        return m


# --- running them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", MODULES)
def test_modules(name, model, tmp_path):
    print(f"seed {SEED}")
    cases = list(MODULES[name])
    (tmp_path / "cells.v").write_text(Target("xc7").library)
    for case, seen in zip(cases, Icarus(tmp_path, cases, [tmp_path / "cells.v", MODELS[model]]).run()):
        case.check(seen, model)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", USES)
def test_cells_by_hand(name, model, tmp_path):
    print(f"seed {SEED}")
    target, cases, texts = Target("xc7"), [], [Target("xc7").library]
    for k, use in enumerate(USES[name]):
        texts.append(verilog.convert(Bench(use), name=f"use{k}", platform=target, strip_internal_attrs=True))
        ports = ", ".join(f".{port}({port})" for port in (*use.inputs, "o"))
        case = use.case
        body = f"use{k} dut ({ports}, .clk(clk), .rst(1'b0));"
        cases.append(Case(body, case.inputs, case.outputs, case.expected, case.latency, f"{name} {k}"))
        assert ("hwgen_" in texts[-1]) == use.by_hand
    for case, seen in zip(cases, Icarus(tmp_path, cases, [MODELS[model]], "\n".join(texts)).run()):
        case.check(seen, model)


@pytest.mark.parametrize("name", USES)
def test_cells_as_plain_logic(name):
    print(f"seed {SEED}")
    for use in USES[name]:
        bench, seen, case = Bench(use), [], use.case

        async def run(ctx, bench=bench, case=case, seen=seen):
            for vector in case.vectors():
                for port, value in zip(case.inputs, vector):
                    ctx.set(getattr(bench, port), value)
                await ctx.tick()
                seen.append((ctx.get(bench.o),))

        simulator = Simulator(bench)
        simulator.add_clock(1e-6)
        simulator.add_testbench(run)
        simulator.run()
        case.check(seen, "plain logic")
