"""Constant words read in a cycle, weights above all: in LUTs or in block RAM.

Columns that never change cost nothing; columns that are equal, or each other's complement, are stored once. With a fold of four
there are only seven different columns, however many weights there are.
"""

from __future__ import annotations

import math
from functools import lru_cache

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


@lru_cache(maxsize=4096)
def block_rams(depth: int, columns: int) -> tuple[float, int]:
    """(RAMB36, halves being RAMB18; words beside each other in a row) of a memory, as Yosys makes it.

    It takes the shape that needs the fewest RAMs: words that don't fit below each other lie side by side in one wide
    row, across the RAMs, and are picked by LUTs.
    """
    best = None
    for size, width in ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)):
        words = math.ceil(depth / size)
        found = (math.ceil(words * columns / width), words)
        best = min(best or found, found)
    return best[0] / 2, best[1]


def cost(depth: int, columns: int, style: str, delay: float = 0) -> Resources:
    """delay: mean number of cycles by which columns are asked for after the first ones."""
    stored = distinct_columns(depth, columns)
    if depth == 1 or not stored:
        return Resources()
    if style == "logic":
        # A LUT6 for each 64 words of a column, joined by MUXF7 and MUXF8, beyond 256 words by more LUTs.
        per_column = 0 if depth == 2 else math.ceil(depth / 64) * (1 if depth <= 256 else 1.3)
        return Resources(lut=stored * per_column, ff=stored)
    rams, words = block_rams(depth, stored)
    pick = stored * math.ceil((words - 1) / 3.5)
    return Resources(lut=pick, ff=stored * (1 + delay) + (words - 1).bit_length(), bram36=rams)


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
