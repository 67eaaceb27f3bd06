"""Constant words read in a cycle, weights above all: in LUTs or in block RAM.

Columns that never change cost nothing; columns that are equal, or each other's complement, are stored once. With four
words there are only seven different columns, however many weights there are.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import lru_cache

import numpy as np
from amaranth.hdl import Array, Const, Module, Signal
from amaranth.lib.memory import Memory

from hwgen.layers.beatwise import delay_cost
from hwgen.layers.block import Resources
from hwgen.layers.cells import Cells

STYLES = ("logic", "block")
PAIRED = 32  # words of a column that fit into half a LUT6
# Words of a block RAM that are read as one memory. Beyond, its multiplexer would be too slow without registers inside.
BANK_BITS = 12
BANK = 1 << BANK_BITS


def choose_style(depth: int, columns: int) -> str:
    """ "logic" up to 64 words (one LUT a column), or where all of it is a handful of LUTs; "block" beyond."""
    return "logic" if depth <= 64 or depth * columns <= 64 * 64 else "block"


def latency(style: str, depth: int) -> int:
    """Cycles from address to data. A block RAM is slow to answer: a register follows it, several behind banks."""
    return 1 if style == "logic" else 1 + max(1, mux_levels(depth))


def mux_levels(depth: int) -> int:
    """Registered four-to-one multiplexers from the banks of a block RAM to its data."""
    levels, reach = 0, BANK
    while reach < depth:
        levels, reach = levels + 1, reach * 4
    return levels


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


def cost(depth: int, columns: int, style: str, delays: tuple[int, ...] = (0,), paired: bool = False) -> Resources:
    """delays: cycles by which columns are asked for after the first ones, in turn. paired: see `Rom`, cells."""
    stored = distinct_columns(depth, columns)
    if depth == 1 or not stored:
        return Resources()
    if style == "logic":
        # A LUT6 for each 64 words of a column, joined by MUXF7 and MUXF8, beyond 256 words by more LUTs.
        per_column = 0 if depth == 2 else math.ceil(depth / 64) * (1 if depth <= 256 else 1.3)
        if paired and stored > 1 and 2 < depth <= PAIRED:
            per_column = 0.5
        return Resources(lut=stored * per_column, ff=stored)
    banks, rest = divmod(depth, BANK)
    total = Resources()
    for delay, count in Counter(delays).items():
        total += delay_cost(1, 1 + delay) * (stored * count / len(delays))
    for count, size in ((banks, BANK), (1, rest)):
        if count and size:
            rams, words = block_rams(size, stored)
            total += Resources(stored * math.ceil((words - 1) / 3.5), 0, (words - 1).bit_length(), rams) * count
    muxes = math.ceil(depth / BANK)
    for _ in range(mux_levels(depth)):
        lut, muxes = stored * (muxes // 4 + (muxes % 4 > 1)), math.ceil(muxes / 4)
        total += Resources(lut=lut, ff=stored * (muxes if muxes > 1 else 0) + 2)
    return total


class Rom:
    """words: (depth, columns) bool. delays: (columns,) cycles by which each column is wanted after the earliest.

    cells: where they can, two columns of up to 32 words share a LUT.
    """

    def __init__(self, words: np.ndarray, style: str, delays: np.ndarray | None = None, cells: Cells | None = None):
        self.words, self.style, self.cells = np.asarray(words, dtype=bool), style, cells
        self.delays = np.zeros(words.shape[1], dtype=int) if delays is None else np.asarray(delays)

    def build(self, m: Module, address, enable=None) -> list:
        """One value a column, `latency` (and its delay) cycles after its address.

        enable: of the registers; only in LUTs and without delays.
        """
        inverted = self.words[0] if len(self.words) else np.zeros(0, dtype=bool)
        keys = [column.tobytes() for column in np.packbits(self.words ^ inverted, axis=0).T]
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
                    late, waited = _register(m, late), waited + 1
                data = self._stored(m, self.words[:, [k for _, k in stored.values()]], late, enable)
            taps = [data] if stored else []
            for k in chosen:
                if keys[k] == zero:
                    values[k] = Const(int(inverted[k]), 1)
                    continue
                wait = 0 if part is not None else int(self.delays[k])
                while len(taps) <= wait:
                    taps.append(_register(m, taps[-1], enable))
                # Stored as the first of its equals wants it: an inverter in front of a LUT placed by hand is a LUT.
                at, first = stored[keys[k]]
                values[k] = taps[wait][at] if inverted[k] == inverted[first] else ~taps[wait][at]
        return values

    def _stored(self, m: Module, words: np.ndarray, address, enable):
        if self.style == "logic":
            by_hand = self.cells is not None and self.cells.by_hand
            if by_hand and 2 < len(words) <= PAIRED and words.shape[1] > 1:
                return _register(m, self.cells.table(words, address), enable)
            return _memory(m, words, address, "logic", enable)
        banks = [_memory(m, words[k : k + BANK], address[:BANK_BITS], "block") for k in range(0, len(words), BANK)]
        select = address[BANK_BITS:]
        for _ in range(max(1, mux_levels(len(words)))):
            select = _register(m, select)
            banks = [_register(m, Array(banks[k : k + 4])[select[:2]]) for k in range(0, len(banks), 4)]
            select = select[2:]
        return banks[0]


def _memory(m: Module, words: np.ndarray, address, style: str, enable=None):
    """A memory's registered data."""
    depth, width = words.shape
    init = [int.from_bytes(row.tobytes(), "little") for row in np.packbits(words, axis=1, bitorder="little")]
    memory = Memory(shape=width, depth=depth, init=init, attrs={"rom_style": style})
    m.submodules += memory
    port = memory.read_port()
    m.d.comb += port.addr.eq(address)
    if enable is not None:
        m.d.comb += port.en.eq(enable)
    return port.data


def _register(m: Module, value, enable=None):
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
