"""Constant words read in a cycle, weights above all: in LUTs or in block RAM.

Columns that never change cost nothing; columns that are equal, or each other's complement, are stored once. With a fold of four
there are only seven different columns, however many weights there are.
"""

from __future__ import annotations

import math

import numpy as np
from amaranth.hdl import Const, Module, Signal
from amaranth.lib.memory import Memory

from hwgen.layers.block import Resources

STYLES = ("logic", "block")


def choose_style(depth: int, columns: int) -> str:
    """ "logic" up to 64 words (one LUT a column), or where all of it is a handful of LUTs; "block" beyond."""
    return "logic" if depth <= 64 or depth * columns <= 64 * 64 else "block"


def latency(style: str) -> int:
    """Cycles from address to data. A block RAM is slow to answer: a second register follows it."""
    return 1 if style == "logic" else 2


def distinct_columns(depth: int, columns: int) -> int:
    """At most so many columns are stored."""
    return min(columns, 2 ** (depth - 1) - 1) if depth < 24 else columns


def block_rams(depth: int, columns: int) -> float:
    """RAMB36 (halves: RAMB18) that a ROM of so many columns takes."""
    if depth <= 512:
        return math.ceil(columns / 36) / 2
    best = math.inf
    for size, width in ((1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1)):
        wide, rest = divmod(columns, width)
        pieces = wide + (0.5 if 0 < rest <= width // 2 else 1 if rest else 0)
        best = min(best, math.ceil(depth / size) * pieces)
    return best


def cost(depth: int, columns: int, style: str, delay: float = 0) -> Resources:
    """delay: mean number of cycles by which columns are asked for after the first ones."""
    stored = distinct_columns(depth, columns)
    if depth == 1 or not stored:
        return Resources()
    address = (depth - 1).bit_length()
    if style == "logic":
        # A column of up to 64 words is one LUT6; beyond, one for each 64 words, joined by MUXF7, MUXF8 and LUTs.
        per_column = 1 if depth <= 64 else depth / 64 * 1.05
        if depth == 2:
            per_column = 0
        return Resources(lut=stored * per_column, ff=stored)
    return Resources(ff=stored * (1 + delay), lut=address, bram36=block_rams(depth, stored))


class Rom:
    """words: (depth, columns) bool. delays: (columns,) cycles by which each column is wanted after the earliest."""

    def __init__(self, words: np.ndarray, style: str, delays: np.ndarray | None = None):
        self.words, self.style = np.asarray(words, dtype=bool), style
        self.delays = np.zeros(words.shape[1], dtype=int) if delays is None else np.asarray(delays)

    def build(self, m: Module, address, enable=None) -> list:
        """One value a column, `latency` (and its delay) cycles after its address. enable: for all registers; only without delays."""
        inverted = self.words[0] if len(self.words) else np.zeros(0, dtype=bool)
        normal = self.words ^ inverted
        keys = [column.tobytes() for column in np.packbits(normal, axis=0).T]
        zero = bytes(len(keys[0])) if keys else b""
        values: list = [None] * len(keys)
        # In LUTs a late column reads with a late address: a few address bits wait instead of many data bits.
        parts = sorted(set(self.delays.tolist())) if self.style == "logic" else [None]
        late, waited = address, 0
        for part in parts:
            chosen = [k for k in range(len(keys)) if part in (None, self.delays[k])]
            stored = {}
            for k in chosen:
                if keys[k] != zero:
                    stored.setdefault(keys[k], (len(stored), k))
            if stored:
                while part is not None and waited < part:
                    late, waited = _register(m, late, None), waited + 1
                data = self._memory(m, normal[:, [k for _, k in stored.values()]], late, enable)
            taps = [data] if stored else []
            for k in chosen:
                if keys[k] == zero:
                    values[k] = Const(int(inverted[k]), 1)
                    continue
                wait = 0 if part is not None else int(self.delays[k])
                while len(taps) <= wait:
                    taps.append(_register(m, taps[-1], enable))
                bit = taps[wait][stored[keys[k]][0]]
                values[k] = ~bit if inverted[k] else bit
        return values

    def _memory(self, m: Module, words: np.ndarray, address, enable):
        depth, width = words.shape
        init = [int.from_bytes(row.tobytes(), "little") for row in np.packbits(words, axis=1, bitorder="little")]
        memory = Memory(shape=width, depth=depth, init=init, attrs={"rom_style": self.style})
        m.submodules += memory
        port = memory.read_port()
        m.d.comb += port.addr.eq(address)
        if enable is not None:
            m.d.comb += port.en.eq(enable)
        return port.data if self.style == "logic" else _register(m, port.data, enable)


def _register(m: Module, value, enable):
    register = Signal(value.shape(), reset_less=True)
    if enable is None:
        m.d.sync += register.eq(value)
    else:
        with m.If(enable):
            m.d.sync += register.eq(value)
    return register


def bits_of(values: np.ndarray, width: int) -> np.ndarray:
    """(..., ) integers as (..., width) bool, least significant bit first, two's complement."""
    return (np.asarray(values)[..., None] >> np.arange(width)) & 1 == 1
