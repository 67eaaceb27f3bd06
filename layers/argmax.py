"""The index of the greatest value of a frame: the top-1 class."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from hwgen.layers.beatwise import delayed
from hwgen.layers.block import Resources
from hwgen.layers.compare import comparator_cost
from hwgen.layers.elastic import counter, counter_cost
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Argmax:
    """The first of the greatest of `type.channels` values that arrive `lanes` at a time, as part of a free-running
    pipeline.

    A tree over the lanes, a register each level, then a running maximum.
    """

    type: TensorType
    lanes: int

    @property
    def levels(self) -> int:
        """Of the tree."""
        return (self.lanes - 1).bit_length()

    @property
    def latency(self) -> int:
        """Cycles from a beat to the index of the greatest value so far; after the last beat that of the frame."""
        return self.levels + 1

    @property
    def beats(self) -> int:
        return self.type.channels // self.lanes

    @property
    def index_width(self) -> int:
        return max((self.type.channels - 1).bit_length(), 1)

    def build(self, m: Module, start, values) -> Value:
        """start: a beat of values (one a lane) enters the pipeline in this cycle."""
        level = [(value, Value.cast(0)[:0]) for value in values]
        for _ in range(self.levels):
            level = [_greater(m, *level[k : k + 2]) for k in range(0, len(level), 2)]
        value, lane = level[0]
        start = delayed(m, start, self.levels, reset_less=False)
        beat, last = counter(m, self.beats, start, "beat")
        first, best, index = (
            Signal(init=1),
            Signal(value.shape(), reset_less=True),
            Signal(self.index_width, reset_less=True),
        )
        power = self.lanes & (self.lanes - 1) == 0
        here = Cat(lane, beat) if power else beat * self.lanes + lane
        with m.If(start):
            m.d.sync += first.eq(last)
            with m.If(first | (value > best)):
                m.d.sync += [best.eq(value), index.eq(here)]
        return index

    def cost(self) -> Resources:
        width, total = self.type.width, counter_cost(self.beats)
        compare = comparator_cost(width)
        nodes, bits = self.lanes, 0
        for _ in range(self.levels):
            total += (compare + Resources(lut=width + bits + 1)) * (nodes // 2)
            nodes, bits = -(-nodes // 2), bits + 1
            total += Resources(ff=(width + bits) * nodes)
        index = 0 if self.lanes & (self.lanes - 1) == 0 else 2 * self.index_width
        return total + compare + Resources(lut=2 + index, ff=width + self.index_width + 1 + self.levels)


def _greater(m: Module, left, right=None) -> tuple[Value, Value]:
    """(value, index bits) of the greater of two neighbours, the left one on ties; registers."""
    value, lane = left
    right_wins = Value.cast(0)
    if right is not None:
        right_wins = right[0] > value
        value, lane = Mux(right_wins, right[0], value), Mux(right_wins, right[1], lane)[: len(lane)]
    return delayed(m, value, 1), delayed(m, Cat(lane, right_wins), 1)
