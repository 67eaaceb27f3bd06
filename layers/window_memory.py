"""Small memories for windows and pools: which kind of RAM, what it costs, and a bank with a registered read.

Sizes are those of Xilinx 7 series: a slice of LUTRAM (4 LUTs) holds 32 × 6 or 64 × 3 bits with a separate read port, a
RAMB18 512 × 36 and narrower.
"""

from __future__ import annotations

import math

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from hwgen.layers.block import Resources
from hwgen.layers.elastic import counter

MEMORIES = ("auto", "distributed", "block")
RAMB18 = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
LUTS_PER_RAMB18 = 125  # the ratio of the two on a small Zynq: beyond it "auto" takes a block RAM


def mux_luts(ways: int) -> int:
    """LUTs a bit of a ways:1 multiplexer: a LUT6 holds 4:1, and F7 and F8 join two and four of them."""
    return 0 if ways < 2 else math.ceil(ways / 4)


def lutram(depth: int, width: int) -> Resources:
    """A LUTRAM with one write port and one read port: RAM32M or RAM64M, and a multiplexer behind several of them."""
    options = []
    for deep, wide in ((64, 3), (32, 6)):
        pieces = math.ceil(depth / deep)
        luts = 4 * pieces * math.ceil(width / wide)
        decode = pieces + 2 if pieces > 1 else 0
        options.append(Resources(lut=luts + width * mux_luts(pieces) + decode, lutram=luts))
    return min(options, key=lambda cost: cost.lut)


def block_ram(depth: int, width: int) -> Resources:
    halves = min(math.ceil(depth / deep) * math.ceil(width / wide) for deep, wide in RAMB18)
    return Resources(bram36=halves / 2)


def ram_kind(memory: str, depth: int, width: int) -> str:
    """ "distributed" or "block": what `memory` says, for "auto" the cheaper."""
    if memory != "auto":
        return memory
    return "block" if lutram(depth, width).lut > 2 * LUTS_PER_RAMB18 * block_ram(depth, width).bram36 else "distributed"


def ram_cost(kind: str, depth: int, width: int) -> Resources:
    """With the registers of `Bank`."""
    ram = lutram(depth, width) if kind == "distributed" else block_ram(depth, width)
    return ram + Resources(ff=width)


def ram_latency(kind: str) -> int:
    """Cycles from the read address to the registered data: a block RAM has a register of its own in front of ours."""
    return 1 if kind == "distributed" else 2


def ram(m: Module, kind: str, depth: int, width: int):
    """(write port, read address, read data `ram_latency` cycles later) of a new memory in module m."""
    memory = Memory(shape=width, depth=max(depth, 2), init=[], attrs={"ram_style": kind})
    m.submodules += memory
    read = memory.read_port(domain="comb" if kind == "distributed" else "sync")
    data = Signal(width, reset_less=True)
    m.d.sync += data.eq(read.data)
    return memory.write_port(), read.addr, data


def one_port(words: int, bits: int) -> Resources:
    """A LUTRAM that is read and written at one address: a LUT for 64 bits, with multiplexers of their own up to 256.

    Up to 32 words four LUTs hold eight bits of each (RAM32M).
    """
    luts = bits * math.ceil(words / 64)
    if words <= 32:
        luts = 4 * (bits // 8) + min(bits % 8, 4)
    decode = math.ceil(words / 128) if words > 64 else 0
    return Resources(lut=luts + bits * mux_luts(math.ceil(words / 256)) + decode, lutram=luts)


def line_kind(memory: str, words: int, bits: int) -> str:
    """ "distributed" or "block" for a delay line, as `ram_kind`."""
    if memory != "auto":
        return memory
    halves = 2 * block_ram(words, bits).bram36
    return "block" if one_port(words, bits).lut > LUTS_PER_RAMB18 * halves else "distributed"


def lookup(m: Module, index: Value, values: list[int], shape) -> Signal:
    """values[index], a table in logic; the commonest value stands for the rest."""
    result = Signal(shape)
    default = max(set(values), key=values.count)
    m.d.comb += result.eq(default)
    if any(value != default for value in values):
        with m.Switch(index):
            for value in sorted(set(values) - {default}):
                with m.Case(*(k for k, v in enumerate(values) if v == value)):
                    m.d.comb += result.eq(value)
    return result


def select(index: Value, values: list[Value]) -> Value:
    """values[index] as a tree of two-way multiplexers, which pack into LUT6 and F7; index below len(values)."""
    if len(values) == 1:
        return values[0]
    half = 1 << ((len(values) - 1).bit_length() - 1)
    top = half.bit_length() - 1
    return Mux(index[top], select(index[:top], values[half:]), select(index[:top], values[:half]))


def restarting(m: Module, modulo: int, step: Value, restart: Value, name: str) -> tuple[Value, Value]:
    """`elastic.counter` that starts again at a step which is also a `restart`: (the count, whether it is the last)."""
    at, last = counter(m, modulo, step & ~restart, name)
    if modulo > 1:
        with m.If(restart):
            m.d.sync += at.eq(0)
    return at, last
