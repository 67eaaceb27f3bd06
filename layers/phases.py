"""Weights that change from position to position of a frame: which set is whose turn, and the counters that know it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from hwgen.layers.block import Resources
from hwgen.layers.elastic import counter_cost, plus_one


@dataclass(frozen=True)
class Phases:
    """The position at row y, column x has phase ((y + first[0]) mod period[0], (x + first[1]) mod period[1]).

    frame: (rows, columns) of positions. Sets of words are numbered row phase by row phase; in memory a set begins at a
    power of two, so that its address is the phase's, without an adder.
    """

    frame: tuple[int, int]
    period: tuple[int, int]
    first: tuple[int, int]

    @property
    def count(self) -> int:
        """Sets of words."""
        return self.period[0] * self.period[1]

    def sets(self) -> np.ndarray:
        """(rows, columns): the set of each position."""
        rows, columns = ((np.arange(n) + f) % p for n, p, f in zip(self.frame, self.period, self.first))
        return rows[:, None] * self.period[1] + columns

    def addresses(self, words: int) -> np.ndarray:
        """(count · words,): where each word of each set lies, `words` of them a set."""
        row, column, word = np.indices((*self.period, words)).reshape(3, -1)
        return (((row << _bits(self.period[1])) + column) << _bits(words)) + word

    def placed(self, values: np.ndarray, words: int) -> np.ndarray:
        """(count · words, ...) as they lie in memory; what nobody reads is the first."""
        found = np.repeat(values[:1], self.addresses(words)[-1] + 1, axis=0)
        found[self.addresses(words)] = values
        return found

    def counter(self, m: Module, words: int, step, ahead: int = 0) -> Value:
        """The address of the word whose turn it is: each `step` goes on to the next one, position by position.

        ahead: steps that lie behind it at the start.
        """
        rows, columns = self.frame
        position, word = divmod(ahead, words)
        y, x = divmod(position, columns)
        within, last = _cyclic(m, words, step, word)
        _, last_column = _cyclic(m, columns, step & last, x)
        whole_row = step & last & last_column
        # Where periods fill the frame, a phase is at its first again by itself.
        last_row = None
        if rows % self.period[0]:
            _, last_row = _cyclic(m, rows, whole_row, y % rows)
        across = _phase(
            m, self.period[1], self.first[1], x, step & last, last_column if columns % self.period[1] else None
        )
        down = _phase(m, self.period[0], self.first[0], y % rows, whole_row, last_row)
        return Cat(within, across, down)

    def cost(self, words: int) -> Resources:
        """Of `counter`."""
        rows, columns = self.frame
        counts = [words, columns, *self.period] + ([rows] if rows % self.period[0] else [])
        return sum((counter_cost(n) + Resources(lut=1, ff=1) for n in counts if n > 1), Resources())


def _bits(count: int) -> int:
    return (count - 1).bit_length()


def _cyclic(m: Module, modulo: int, step, start: int) -> tuple[Value, Value]:
    """A count from 0 to modulo - 1 that begins at `start`, and whether it is at its end: a register of its own."""
    if modulo == 1:
        return Signal(0), Value.cast(1)
    count, last = Signal(range(modulo), init=start), Signal(init=start == modulo - 1)
    with m.If(step):
        m.d.sync += [count.eq(Mux(last, 0, plus_one(count))), last.eq(count == (modulo - 2) % modulo)]
    return count, last


def _phase(m: Module, period: int, first: int, at: int, step, restart) -> Value:
    """A phase that begins `at` steps behind the first; with a `restart` a step goes back to the first."""
    if period == 1:
        return Signal(0)
    phase = Signal(range(period), init=(first + at) % period)
    following = plus_one(phase) if period == 1 << len(phase) else Mux(phase == period - 1, 0, plus_one(phase))
    with m.If(step):
        m.d.sync += phase.eq(following if restart is None else Mux(restart, first, following))
    return phase
