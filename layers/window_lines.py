"""Delay lines in front of a window's shift register: of each column the newest rows, as the stream brings them.

The cheapest memory that a window can have: every line is read and written at one address, and the rows come out in
order, so that nothing has to be chosen. In exchange reading keeps step with writing: rows that complete no window pass
by themselves, and padding below a frame takes the time of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwgen.layers import queue
from hwgen.layers.block import Resources
from hwgen.layers.compare import at_least, at_least_luts
from hwgen.layers.elastic import counter, counter_cost
from hwgen.layers.window_memory import block_ram, line_kind, one_port
from hwgen.numeric import span

LEAST_WIDTH = 3  # columns of a frame: the line's registers hold one, its memory has at least two words


@dataclass(frozen=True)
class LinePlan:
    """Which rows become columns of windows, in numbers.

    height, width: of a frame. rows: of the kernel. stride, top: output row o begins at row o·stride - top; there are
    out_rows. word: bits of a pixel. memory: as in `Window`. dilation: rows from one of the kernel to the next.
    """

    height: int
    width: int
    rows: int
    stride: int
    top: int
    out_rows: int
    word: int
    memory: str
    dilation: int = 1

    @property
    def first(self) -> int:
        """The row of the stream that completes the first windows."""
        return span(self.rows, self.dilation) - 1 - self.top

    @property
    def passed(self) -> int:
        """Rows a frame that pass through the lines; those beyond `height` are padding, and come from no stream."""
        return max(self.height, self.first + (self.out_rows - 1) * self.stride + 1)

    @cached_property
    def kept(self) -> np.ndarray:
        """(out_rows,): the passing rows that complete windows."""
        return self.first + np.arange(self.out_rows) * self.stride

    @property
    def waiting(self) -> int:
        """Depth of the queue of columns: where not every row completes windows, those of one row wait for the next."""
        return self.width + 2 if self.stride > 1 else 0

    @property
    def bits(self) -> int:
        """Of all lines together: they are one memory."""
        return (self.rows - 1) * self.word

    @property
    def depth(self) -> int:
        """Words of the lines; their registers hold one pixel more."""
        return self.dilation * self.width - 1

    @property
    def kind(self) -> str:
        return line_kind(self.memory, self.depth, self.bits)

    def cost(self) -> Resources:
        depth = self.depth
        if self.kind == "block":
            memory = block_ram(depth, self.bits) + Resources(lut=self.bits if self.top else 0)
        else:
            memory = one_port(depth, self.bits) + Resources(ff=self.bits)
        counters = (depth, self.width, self.passed, self.stride)
        control = sum((counter_cost(n) for n in counters), Resources(lut=5, ff=self.word + 2))
        rows = self.passed.bit_length()
        last = int(self.kept[-1])
        control += Resources(lut=sum(at_least_luts(rows, at, False) for at in (self.first, last + 1, self.height)))
        column = self.bits + self.word
        return memory + control + (queue.cost(column, self.waiting, self.queue_style) if self.waiting else Resources())

    @property
    def queue_style(self) -> str:
        column = self.bits + self.word
        return self.memory if self.memory != "auto" else queue.cheaper(column, self.waiting)


class LineBuffer(wiring.Component):
    """i: pixels, `lanes` values of shape `element`. o: columns of rows × lanes values, those of the kept rows.

    pad_value: stands for pixels above and below the frame; `element` can hold it.
    """

    def __init__(self, plan: LinePlan, lanes: int, element, pad_value: int):
        self.plan, self.element, self.pad_value = plan, element, pad_value
        self.lanes = lanes
        super().__init__(
            {
                "i": In(stream.Signature(data.ArrayLayout(element, lanes))),
                "o": Out(stream.Signature(data.ArrayLayout(element, plan.rows * lanes))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        plan = self.plan
        column = self.o
        if plan.waiting:
            m.submodules.waiting = waiting = queue.Queue(self.o.p.shape(), plan.waiting, plan.queue_style)
            wiring.connect(m, waiting.o, wiring.flipped(self.o))
            column = waiting.i

        step = Signal()
        x, last_x = counter(m, plan.width, step, "x")
        y, last_y = counter(m, plan.passed, step & last_x, "y")
        below = at_least(y, plan.height)
        kept = at_least(y, plan.first) & ~at_least(y, int(plan.kept[-1]) + 1)
        if plan.stride > 1:
            phase = -plan.first % plan.stride
            turn = Signal(range(plan.stride), init=phase)
            with m.If(step & last_x):
                m.d.sync += turn.eq(Mux(last_y, phase, Mux(turn == plan.stride - 1, 0, turn + 1)))
            kept = kept & (turn == 0)

        # A register for the newest pixel; what stands in the lines' registers belongs to the same column.
        full, complete = Signal(), Signal()
        free = ~full | ~complete | column.ready
        m.d.comb += [
            step.eq((self.i.valid | below) & free),
            self.i.ready.eq(free & ~below),
            column.valid.eq(full & complete),
        ]
        with m.If(free):
            m.d.sync += full.eq(step)
        with m.If(step):
            m.d.sync += complete.eq(kept)
        newest = Signal(plan.word, reset_less=True)
        above = Const(0)
        if plan.top:
            above = (y == 0) if plan.dilation == 1 else ~at_least(y, plan.dilation)
        pad = Const(self.pad_value, self.element)[: self.element.width].replicate(self.lanes)
        # Padding is the reset of registers, which takes no LUTs.
        with m.If(step & below):
            m.d.sync += newest.eq(pad)
        with m.Elif(step):
            m.d.sync += newest.eq(self.i.p.as_value())
        lines = self._lines(m, step, newest, above, pad.replicate(plan.rows - 1))
        m.d.comb += column.payload.as_value().eq(Cat(lines, newest))
        return m

    def _lines(self, m: Module, step: Value, newest: Value, above: Value, pad: Value) -> Value:
        """The pixels above the newest one, the uppermost first. above: no row of the frame has passed yet that
        the lines could give.

        What the padding in the first row puts into the lines moves on from line to line, so later rows find it there.
        """
        plan = self.plan
        memory = Memory(shape=plan.bits, depth=plan.depth, init=[], attrs={"ram_style": plan.kind})
        m.submodules.lines = memory
        write = memory.write_port()
        at, _ = counter(m, plan.depth, step, "at")
        if plan.kind == "block":
            read = memory.read_port()
            padded = Signal()
            with m.If(step):
                m.d.sync += padded.eq(above)
            lines = Mux(padded, pad, read.data)
            m.d.comb += read.en.eq(step)
        else:
            read = memory.read_port(domain="comb")
            lines = Signal(plan.bits, reset_less=True)
            with m.If(step & above):
                m.d.sync += lines.eq(pad)
            with m.Elif(step):
                m.d.sync += lines.eq(read.data)
        m.d.comb += [
            read.addr.eq(at),
            write.addr.eq(at),
            write.en.eq(step),
            write.data.eq(Cat(lines[plan.word :], newest)),
        ]
        return lines
