"""The sliding window: from a stream of pixels to the windows that convolution and pooling look at, padding included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring

from hwgen.layers.block import Resources
from hwgen.layers.stream import element_shape, layout
from hwgen.layers.window_lines import LineBuffer
from hwgen.layers.window_lines_schedule import line_interval, line_needs, line_schedule
from hwgen.layers.window_ring import Ring
from hwgen.layers.window_schedule import ring_interval, ring_schedule, stream_schedule
from hwgen.layers.window_shape import WindowShape
from hwgen.layers.window_shift import ColumnShift, Subsample, shift_cost, subsample_cost
from hwgen.numeric import pad, windows


@dataclass(frozen=True)
class Window(WindowShape):
    """Every window of a Kh × Kw kernel, its values in `taps` order: (H, W, C) to (Ho, Wo, Kh·Kw·C), each beat once.

    strides: (rows, columns). padding: (top, bottom, left, right), made while reading: it costs no cycles of its own.
    pad_value: what stands in the padding. dilation: rows and columns from one tap to the next. memory: "distributed"
    (LUTRAM), "block" (block RAM) or "auto", the cheaper.

    spare: rows of the ring beyond kernel + stride. lines: delay lines instead of a ring (see `with_lines`).

    Writing and reading are apart, with a ring of rows between them, so that input bursts and output bursts don't wait
    for each other. Delay lines are a fraction of that; but with them rows that complete no windows, and padding below
    the frame, take cycles of their own. Raises ValueError for a window that doesn't fit, or that changes nothing (1×1,
    stride 1, no padding).
    """

    @property
    def with_lines(self) -> Window | None:
        """This window with delay lines, where they can make it."""
        return replace(self, lines=True, spare=0) if self.fits_lines else None

    def evaluate(self, x):
        view = windows(pad(x, self.padding, self.pad_value), self.taps.kernel, self.strides, self.dilation)
        return view.reshape(*view.shape[:3], -1)[..., self.taps.order()]

    @property
    def interval(self):
        return self.interval_at(1)

    def interval_at(self, pace: int) -> int:
        """Cycles a frame in front of a consumer that takes `pace` cycles for each beat.

        The greater of the beats written and the beats read (with a shift register: columns, and some that push out a
        frame's end), and more where the ring holds too few rows to bridge the frame boundary: see `full_spare`.
        """
        plan, raster = self.plan, self.raster
        if pace in self._intervals:
            return self._intervals[pace]
        if self.lines:
            self._intervals[pace] = line_interval(self.line_plan, raster, pace)
        elif plan is None:
            taken, _ = self._without_ring(np.zeros(2 * self.beats_in(), dtype=np.int64), pace)
            self._intervals[pace] = int(taken[0][-1] - taken[0][self.beats_in() - 1])
        else:
            self._intervals[pace] = max(ring_interval(plan, raster, pace), self.beats_in())
        return self._intervals[pace]

    @cached_property
    def _intervals(self) -> dict[int, int]:
        return {}

    @property
    def full_spare(self) -> int:
        """The `spare` with which a frame's first windows can wait in the ring while the last before them are read.

        One row of it is for the cycles that it takes until a released row is written to.
        """
        if self.plan is None:
            return 0
        return max(0, self.plan.released[-1] + int(self.plan.needed_rows[0]) + 2 + self.spare - self.plan.least_slots)

    def variants(self) -> Iterator[Window]:
        """What can stand for this window, ports and values being the same: they differ in cost and in `interval_at`."""
        plain = replace(self, lines=False, spare=0)
        shapes = [plain, replace(plain, spare=plain.full_spare)] if plain.full_spare else [plain]
        if self.fits_lines:
            shapes.append(self.with_lines)
        for shape in shapes:
            yield shape
            for memory in ("distributed", "block"):
                if shape.line_plan is not None and memory != shape.line_plan.kind:
                    yield replace(shape, memory=memory)

    def needs(self, port=0):
        """A position is read once all of it is there; behind a shift register, once the column that completes it is."""
        height, width, _ = self.input.shape
        groups = self.taps.groups
        if self.lines:
            return line_needs(self.line_plan, self.raster)
        if self.style == "subsample":
            columns = np.arange(self.out_shape[1]) * self.strides[1]
            pixels = self.kept_rows[:, None] * width + columns
            return (pixels[..., None] * groups + np.arange(groups)).reshape(-1)
        rows = self.kept_rows if self.plan is None else self.plan.needed_rows
        if self.raster is None:
            pixels = rows[:, None] * width + self.plan.needed_columns
        else:
            raster, last = self.raster, len(rows) - 1
            behind = raster.ends // raster.columns  # 1 where the next row's columns complete the window
            at = np.arange(len(rows))[:, None] + behind
            columns = np.where(at > last, raster.columns - 1, raster.ends % raster.columns) + raster.first
            pixels = rows[np.minimum(at, last)] * width + np.clip(columns, 0, width - 1)
        pixels = np.maximum.accumulate(pixels.reshape(-1))
        return np.repeat((pixels + 1) * groups - 1, self.taps.beats)

    def schedule(self, arrivals, pace: int = 1):
        """As in Block. pace: cycles that the consumer takes for each beat, which stands in front meanwhile."""
        if self.lines:
            taken, emitted = line_schedule(self.line_plan, self.raster, arrivals, pace)
            return (taken,), emitted
        if self.plan is None:
            return self._without_ring(arrivals, pace)
        taken, emitted = ring_schedule(self.plan, self.raster, arrivals, pace)
        return (taken,), emitted

    def _without_ring(self, arrivals, pace):
        if self.raster is not None:
            rows = np.isin(np.arange(self.input.shape[0]), self.kept_rows)
            taken, emitted = stream_schedule(
                self.needs(), np.repeat(rows, self.input.shape[1]), self.raster, arrivals, pace
            )
            return (taken,), emitted
        frames = len(arrivals) // self.beats_in()
        kept = (np.arange(frames)[:, None] * self.beats_in() + self.needs()).reshape(-1)
        # The consumer works on a kept beat while it stands in front, `pace` cycles, and takes it in the last.
        spacing, ready = np.ones(len(arrivals), dtype=np.int64), arrivals.copy()
        spacing[kept] = pace
        ready[kept] += pace - 1
        steps = np.cumsum(spacing)
        taken = np.maximum.accumulate(ready - steps) + steps
        return (taken,), taken[kept] - (pace - 1)

    def cost(self):
        bits, padded = self.input.width, self.result.width
        height, width, _ = self.input.shape
        rows, lanes = self.taps.kernel[0], self.taps.lanes
        if self.style == "banks":
            return self.plan.cost(self.taps.parallel * padded)
        total = Resources()
        if self.style == "subsample" or self.strides[0] > 1 and self.style == "stream":
            total += subsample_cost(height, width, self.taps.groups, self.kept)
        if self.lines:
            total = self.line_plan.cost()
        elif self.style == "columns":
            total, bits = self.plan.cost(rows * lanes * padded), padded
        if self.raster is not None:
            total += shift_cost(self.raster, self.out_shape[0], rows * lanes, bits, padded)
        return total

    def _subsample(self) -> Subsample:
        height, width, _ = self.input.shape
        return Subsample(height, width, self.taps.groups, self.kept, layout(self.input, self.taps.lanes))

    def _shift(self) -> ColumnShift:
        shapes = element_shape(self.input if self.plan is None else self.result), element_shape(self.result)
        return ColumnShift(self.raster, self.out_shape[0], self.taps.rows, self.taps.lanes, *shapes, self.pad_value)

    def component(self):
        return _Component(self)

    def describe(self):
        (kh, kw), t = self.taps.kernel, self.taps
        dilated = f" d{self.dilation}" if self.dilation != (1, 1) else ""
        place = f"s{self.strides} p{self.padding}{dilated}"
        return f"Window[{kh}×{kw} {place}, {t.rows}×{t.columns}×{t.lanes} a beat, {self.style}]"


class _Component(wiring.Component):
    def __init__(self, block: Window):
        self.block = block
        super().__init__(block.ports())

    def elaborate(self, platform):
        m = Module()
        block = self.block
        parts = []
        if block.style == "subsample" or (block.style == "stream" and block.strides[0] > 1):
            parts.append(block._subsample())
        if block.plan is not None:
            shapes = element_shape(block.input), element_shape(block.result)
            parts.append(Ring(block.plan, block.taps.lanes, *shapes, block.pad_value))
        if block.lines:
            shape = element_shape(block.input)
            parts.append(LineBuffer(block.line_plan, block.taps.lanes, shape, block.pad_value))
        if block.raster is not None:
            parts.append(block._shift())
        source = wiring.flipped(self.i)
        for part in parts:
            m.submodules += part
            wiring.connect(m, source, part.i)
            source = part.o
        wiring.connect(m, source, wiring.flipped(self.o))
        return m
