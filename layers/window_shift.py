"""Windows out of a stream of columns, and windows of a single pixel: the two cases that need no column banks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwgen.layers.beatwise import delay_cost
from hwgen.layers.block import Resources
from hwgen.layers.compare import at_least
from hwgen.layers.elastic import counter, counter_cost
from hwgen.layers.window_memory import restarting


@dataclass(frozen=True)
class Raster:
    """Which columns go through the shift register for a row of windows, and behind which of them a window is complete.

    Rows follow each other without a gap: while the last windows of a row still wait for padding on their right, the
    first columns of the next row already come in, and are masked. Behind a frame's last row `tail` empty columns push
    them out.

    whole: every column of the frame comes, those that no window needs as well. kernel: columns of a window, of which
    every dilation-th is one of its taps.
    """

    width: int
    kernel: int
    stride: int
    left: int
    windows: int
    whole: bool = False
    dilation: int = 1

    @property
    def taps(self) -> range:
        """The columns of a window that it hands out."""
        return range(0, self.kernel, self.dilation)

    @property
    def first(self) -> int:
        """The first column of a row; negative where whole windows lie in the padding."""
        return min(0, self.kernel - 1 - self.left)

    @property
    def begin(self) -> int:
        """Columns of a row before the one that completes its first window."""
        return self.kernel - 1 - self.left - self.first

    @property
    def span(self) -> int:
        """Columns from a row's first window to its last."""
        return (self.windows - 1) * self.stride

    @property
    def columns(self) -> int:
        """Columns a row; empty ones behind those of the frame where windows would else wait beyond the next row."""
        last = self.width - 1 if self.whole else min(self.width - 1, self.span + self.kernel - 1 - self.left)
        return max(last - self.first, self.span, (self.begin + self.span) // 2) + 1

    @property
    def tail(self) -> int:
        return max(0, self.begin + self.span + 1 - self.columns)

    @property
    def tail_windows(self) -> int:
        """Windows of a frame's last row that empty columns complete."""
        return int((self.ends >= self.columns).sum())

    @property
    def ends(self) -> np.ndarray:
        """(windows,): the column of a row that completes each window; from `columns` on one of the next row."""
        return self.begin + np.arange(self.windows) * self.stride

    def outside(self, j: int) -> np.ndarray:
        """(windows,) bool: whether column j of each window lies in the padding."""
        at = np.arange(self.windows) * self.stride - self.left + j
        return (at < 0) | (at >= self.width)


class ColumnShift(wiring.Component):
    """i: columns of `rows` pixels (rows × lanes values of shape `element`). o: windows of them, in shape `padded`.

    The register in front of the output takes a window in the cycle that its last column comes in, and while it waits
    for the consumer the columns of the next window move up behind it.
    """

    def __init__(self, raster: Raster, out_rows: int, rows: int, lanes: int, element, padded, pad_value: int):
        self.raster, self.out_rows, self.rows, self.lanes = raster, out_rows, rows, lanes
        self.element, self.padded, self.pad_value = element, padded, pad_value
        super().__init__(
            {
                "i": In(stream.Signature(data.ArrayLayout(element, rows * lanes))),
                "o": Out(stream.Signature(data.ArrayLayout(padded, rows * len(raster.taps) * lanes))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        raster = self.raster
        shift, emit, complete, flush = Signal(), Signal(), Signal(), Signal()
        if raster.tail:
            _, last_column = counter(m, raster.columns, shift & ~flush, "column")
            _, last_row = counter(m, self.out_rows, shift & ~flush & last_column, "row")
            left = Signal(range(raster.tail), init=raster.tail - 1)
            with m.If(shift & ~flush & last_column & last_row):
                m.d.sync += flush.eq(1)
            with m.Elif(shift & flush):
                m.d.sync += [flush.eq(left != 0), left.eq(Mux(left == 0, raster.tail - 1, left - 1))]
        window, last_window = counter(m, raster.windows, emit, "window")
        _, last_window_row = counter(m, self.out_rows, emit & last_window, "window_row")

        between = raster.columns - raster.span
        behind = raster.columns + raster.tail - 1 - int(raster.ends[-1])
        waits = Signal(range(max(raster.begin + behind, between, raster.stride) + 1), init=raster.begin)
        with m.If(emit):
            to_next_row = Mux(last_window_row, behind + raster.begin, between - 1)
            m.d.sync += waits.eq(Mux(last_window, to_next_row, raster.stride - 1))
        with m.Elif(shift):
            m.d.sync += waits.eq(waits - 1)

        free = ~self.o.valid | self.o.ready
        m.d.comb += [
            complete.eq(waits == 0),
            shift.eq((self.i.valid | flush) & (~complete | free)),
            emit.eq(shift & complete),
            self.i.ready.eq((~complete | free) & ~flush),
        ]
        m.d.sync += self.o.valid.eq(emit | (self.o.valid & ~self.o.ready))

        columns = [data.ArrayLayout(self.element, self.rows * self.lanes)(self.i.p.as_value())]
        for _ in range(raster.kernel - 1):
            register = Signal(columns[0].shape(), reset_less=True)
            with m.If(shift):
                m.d.sync += register.eq(columns[0])
            columns.insert(0, register)
        for j, at in enumerate(raster.taps):
            column = columns[at]
            # Padding is the reset input of the output register, which takes no LUTs.
            clear = Signal(name=f"clear{j}")
            m.d.comb += clear.eq(emit & self._outside(window, at))
            for i in range(self.rows):
                for k in range(self.lanes):
                    value = Signal(self.padded, reset_less=True)
                    m.d.comb += self.o.p[(i * len(raster.taps) + j) * self.lanes + k].eq(value)
                    with m.If(clear):
                        m.d.sync += value.eq(self.pad_value)
                    with m.Elif(emit):
                        m.d.sync += value.eq(column[i * self.lanes + k])
        return m

    def _outside(self, window, j: int):
        """Whether column j of this window lies in the padding: the first windows, or the last, or both."""
        outside = self.raster.outside(j)
        if outside.all() or not outside.any():
            return Const(int(outside[0]))
        inside = np.flatnonzero(~outside)
        return ~at_least(window, int(inside[0])) | at_least(window, int(inside[-1]) + 1)


class Subsample(wiring.Component):
    """Passes every stride-th pixel of every stride-th row and swallows the rest. No delay, no memory."""

    def __init__(self, height: int, width: int, groups: int, strides: tuple[int, int], shape):
        self.height, self.width, self.groups, self.strides = height, width, groups, strides
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        taken = self.i.valid & self.i.ready
        _, last_group = counter(m, self.groups, taken, "group")
        pixel = taken & last_group
        _, last_column = counter(m, self.width, pixel, "column")
        row = pixel & last_column
        _, last_row = counter(m, self.height, row, "row")
        x, _ = restarting(m, self.strides[1], pixel, row, "x")
        y, _ = restarting(m, self.strides[0], row, row & last_row, "y")
        keep = (x == 0) & (y == 0)
        m.d.comb += [
            self.o.p.eq(self.i.p),
            self.o.valid.eq(self.i.valid & keep),
            self.i.ready.eq(self.o.ready | ~keep),
        ]
        return m


def shift_cost(raster: Raster, out_rows: int, values: int, bits: int, padded_bits: int) -> Resources:
    """A ColumnShift of columns of so many values, bits each, and padded_bits at the output."""
    outsides = [raster.outside(j) for j in raster.taps]
    masked = sum(bool(outside.any() and not outside.all()) for outside in outsides)
    registers = values * len(raster.taps) * padded_bits
    counters = counter_cost(raster.windows) + delay_cost(values * bits, raster.dilation) * (len(raster.taps) - 1)
    between, behind = raster.columns - raster.span, raster.columns + raster.tail - 1 - int(raster.ends[-1])
    if behind + raster.begin != between - 1:  # the step from frame to frame isn't that from row to row
        counters += counter_cost(out_rows)
    if raster.tail:
        counters += counter_cost(raster.columns) + counter_cost(out_rows) + Resources(lut=3, ff=2)
    waits = max(raster.begin + behind, between, raster.stride).bit_length()
    return counters + Resources(lut=6 + 1.5 * waits + 2 * masked, ff=registers + waits + 1)


def subsample_cost(height: int, width: int, groups: int, strides: tuple[int, int]) -> Resources:
    return sum((counter_cost(n) for n in (groups, width, height, *strides)), Resources(lut=4))
