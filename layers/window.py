"""The sliding window: from a stream of pixels to the windows that convolution and pooling look at, padding included."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring

from hwgen.layers.block import Block, Resources
from hwgen.layers.stream import element_shape, layout
from hwgen.layers.taps import Taps
from hwgen.layers.window_memory import MEMORIES
from hwgen.layers.window_plan import RingPlan
from hwgen.layers.window_ring import Ring
from hwgen.layers.window_schedule import ring_interval, ring_schedule, stream_schedule
from hwgen.layers.window_shift import ColumnShift, Raster, Subsample, shift_cost, subsample_cost
from hwgen.numeric import pad, window_count, windows
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Window(Block):
    """Every window of a Kh × Kw kernel, its values in `taps` order: (H, W, C) to (Ho, Wo, Kh·Kw·C), each beat once.

    strides: (rows, columns). padding: (top, bottom, left, right), made while reading: it costs no cycles of its own.
    pad_value: what stands in the padding. memory: "distributed" (LUTRAM), "block" (block RAM) or "auto", the cheaper.

    spare: rows of the ring beyond kernel + stride.

    Writing and reading are apart, with a ring of rows between them, so that input bursts and output bursts don't wait
    for each other. Raises ValueError for a window that doesn't fit, or that changes nothing (1×1, stride 1, no
    padding).
    """

    input: TensorType
    taps: Taps
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_value: int = 0
    memory: str = "auto"
    spare: int = 0

    def __post_init__(self):
        if self.taps.channels != self.input.channels:
            raise ValueError(f"window: taps over {self.taps.channels} channels, the input has {self.input.channels}")
        if min(self.strides) < 1:
            raise ValueError(f"window: strides must be positive, not {self.strides}")
        if min(self.padding) < 0:
            raise ValueError(f"window: padding can't be negative: {self.padding}")
        if self.spare < 0:
            raise ValueError(f"window: spare rows can't be negative: {self.spare}")
        if self.memory not in MEMORIES:
            raise ValueError(f"window: memory is one of {', '.join(MEMORIES)}, not {self.memory!r}")
        if min(self._out_shape) < 1:
            raise ValueError(
                f"window: a kernel of {self.taps.kernel} does not fit into {self.input.shape} padded by {self.padding}"
            )
        if self.taps.kernel == (1, 1) and self.strides == (1, 1) and not any(self.padding):
            raise ValueError("window: a 1×1 window of stride 1 changes nothing: leave it out")

    @cached_property
    def _out_shape(self) -> tuple[int, int]:
        top, bottom, left, right = self.padding
        height, width, _ = self.input.shape
        return (
            window_count(height + top + bottom, self.taps.kernel[0], self.strides[0]),
            window_count(width + left + right, self.taps.kernel[1], self.strides[1]),
        )

    @property
    def style(self) -> str:
        """How it is built.

        "subsample": 1×1, no memory.
        "stream":    a kernel of one row, whole windows out of a shift register that the stream itself feeds.
        "columns":   whole windows out of a shift register that the ring feeds with columns.
        "banks":     boxes straight out of the ring.
        """
        taps = self.taps
        if taps.kernel == (1, 1) and not any(self.padding):
            return "subsample"
        if taps.parallel < taps.fan_in or taps.kernel[1] == 1:
            return "banks"
        direct = self._raster(whole=True)
        if (
            taps.kernel[0] == 1
            and self.padding[:2] == (0, 0)
            and direct.first == 0
            and direct.columns == self.input.shape[1]
        ):
            return "stream"
        return "columns"

    def _raster(self, whole: bool) -> Raster:
        return Raster(
            self.input.shape[1], self.taps.kernel[1], self.strides[1], self.padding[2], self._out_shape[1], whole
        )

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        shape = (*self._out_shape, self.taps.fan_in)
        lo, hi = self.input.lo, self.input.hi
        if any(self.padding):
            lo, hi = min(lo, self.pad_value), max(hi, self.pad_value)
        return self.input.with_shape(shape).with_range(lo, hi)

    @property
    def lanes_in(self):
        return (self.taps.lanes,)

    @property
    def lanes_out(self):
        return self.taps.parallel

    def evaluate(self, x):
        view = windows(pad(x, self.padding, self.pad_value), self.taps.kernel, self.strides)
        return view.reshape(*view.shape[:3], -1)[..., self.taps.order()]

    @cached_property
    def raster(self) -> Raster | None:
        """The columns that pass through the shift register, in the styles "columns" and "stream"."""
        return self._raster(self.style == "stream") if self.style in ("columns", "stream") else None

    @cached_property
    def plan(self) -> RingPlan | None:
        """The ring, in the styles "banks" and "columns"; for a shift register it reads one column after the other."""
        taps, raster = self.taps, self.raster
        if self.style in ("subsample", "stream"):
            return None
        height, width, _ = self.input.shape
        common = dict(
            height=height,
            width=width,
            groups=taps.groups,
            rows=taps.rows,
            stride=self.strides[0],
            top=self.padding[0],
            out_rows=self._out_shape[0],
            word=taps.lanes * self.input.width,
            memory=self.memory,
            spare=self.spare,
        )
        if raster is not None:
            return RingPlan(
                kernel=(taps.kernel[0], 1),
                columns=1,
                first=raster.first,
                step=1,
                count=raster.columns,
                masked=False,
                **common,
            )
        return RingPlan(
            kernel=taps.kernel,
            columns=taps.columns,
            first=-self.padding[2],
            step=self.strides[1],
            count=self._out_shape[1],
            masked=True,
            **common,
        )

    @property
    def interval(self):
        return self.interval_at(1)

    def interval_at(self, pace: int) -> int:
        """Cycles a frame in front of a consumer that takes `pace` cycles for each beat.

        The greater of the beats written and the beats read (with a shift register: columns, and some that push out a
        frame's end), and more where the ring holds too few rows to bridge the frame boundary: see `full_spare`.
        """
        plan, raster = self.plan, self.raster
        if plan is None:
            taken, _ = self._without_ring(np.zeros(2 * self.beats_in(), dtype=np.int64), pace)
            return int(taken[0][-1] - taken[0][self.beats_in() - 1])
        if pace not in self._intervals:
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

    def needs(self, port=0):
        """A position is read once all of it is there; behind a shift register, once the column that completes it is."""
        height, width, _ = self.input.shape
        groups = self.taps.groups
        if self.style == "subsample":
            columns = np.arange(self._out_shape[1]) * self.strides[1]
            pixels = self._kept_rows[:, None] * width + columns
            return (pixels[..., None] * groups + np.arange(groups)).reshape(-1)
        rows = self._kept_rows if self.plan is None else self.plan.needed_rows
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

    @property
    def _kept_rows(self) -> np.ndarray:
        """(Ho,): the rows of the frame that a kernel of one row looks at."""
        return np.arange(self._out_shape[0]) * self.strides[0]

    def schedule(self, arrivals, pace: int = 1):
        """As in Block. pace: cycles that the consumer takes for each beat, which stands in front meanwhile."""
        if self.plan is None:
            return self._without_ring(arrivals, pace)
        taken, emitted = ring_schedule(self.plan, self.raster, arrivals, pace)
        return (taken,), emitted

    def _without_ring(self, arrivals, pace):
        if self.raster is not None:
            rows = np.isin(np.arange(self.input.shape[0]), self._kept_rows)
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
            total += subsample_cost(height, width, self.taps.groups, self._kept)
        if self.style == "columns":
            total, bits = self.plan.cost(rows * lanes * padded), padded
        if self.raster is not None:
            total += shift_cost(self.raster, self._out_shape[0], rows * lanes, bits, padded)
        return total

    @property
    def _kept(self) -> tuple[int, int]:
        """What a kernel of one pixel, or of one row, lets through: every so-manieth row and column."""
        return self.strides if self.style == "subsample" else (self.strides[0], 1)

    def _subsample(self) -> Subsample:
        height, width, _ = self.input.shape
        return Subsample(height, width, self.taps.groups, self._kept, layout(self.input, self.taps.lanes))

    def _shift(self) -> ColumnShift:
        shapes = element_shape(self.input if self.plan is None else self.result), element_shape(self.result)
        return ColumnShift(self.raster, self._out_shape[0], self.taps.rows, self.taps.lanes, *shapes, self.pad_value)

    def component(self):
        return _Component(self)

    def describe(self):
        (kh, kw), t = self.taps.kernel, self.taps
        return f"Window[{kh}×{kw} s{self.strides} p{self.padding}, {t.rows}×{t.columns}×{t.lanes} a beat, {self.style}]"


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
        if block.raster is not None:
            parts.append(block._shift())
        source = wiring.flipped(self.i)
        for part in parts:
            m.submodules += part
            wiring.connect(m, source, part.i)
            source = part.o
        wiring.connect(m, source, wiring.flipped(self.o))
        return m
