"""What a window block is made of: from its fields to the plans of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hwgen.layers.block import Block
from hwgen.layers.stream import element_shape
from hwgen.layers.taps import Taps
from hwgen.layers.window_lines import LEAST_WIDTH, LinePlan
from hwgen.layers.window_memory import MEMORIES
from hwgen.layers.window_plan import RingPlan
from hwgen.layers.window_shift import Raster
from hwgen.numeric import span, window_count
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class WindowShape(Block):
    """The fields of a `Window`, and what follows from them: its style, the ring or lines, the shift register."""

    input: TensorType
    taps: Taps
    strides: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_value: int = 0
    memory: str = "auto"
    spare: int = 0
    lines: bool = False
    dilation: tuple[int, int] = (1, 1)

    def __post_init__(self):
        if self.taps.channels != self.input.channels:
            raise ValueError(f"window: taps over {self.taps.channels} channels, the input has {self.input.channels}")
        if min(self.strides) < 1:
            raise ValueError(f"window: strides must be positive, not {self.strides}")
        if min(self.padding) < 0:
            raise ValueError(f"window: padding can't be negative: {self.padding}")
        if any(d < 1 or (d > 1 and size == 1) for d, size in zip(self.dilation, self.taps.kernel)):
            raise ValueError(f"window: a dilation of {self.dilation} does not suit a kernel of {self.taps.kernel}")
        if self.dilation[1] > 1 and not self.takes(self.taps):
            raise ValueError("window: with dilated columns a beat holds one column, or the whole window")
        if self.spare < 0:
            raise ValueError(f"window: spare rows can't be negative: {self.spare}")
        if self.memory not in MEMORIES:
            raise ValueError(f"window: memory is one of {', '.join(MEMORIES)}, not {self.memory!r}")
        if min(self.out_shape) < 1:
            raise ValueError(
                f"window: a kernel of {self.spans} does not fit into {self.input.shape} padded by {self.padding}"
            )
        if self.taps.kernel == (1, 1) and self.strides == (1, 1) and not any(self.padding):
            raise ValueError("window: a 1×1 window of stride 1 changes nothing: leave it out")
        if self.lines and not self.fits_lines:
            raise ValueError("window: delay lines want whole windows of several rows and columns, and little padding")

    @cached_property
    def out_shape(self) -> tuple[int, int]:
        top, bottom, left, right = self.padding
        height, width, _ = self.input.shape
        return (
            window_count(height + top + bottom, self.spans[0], self.strides[0]),
            window_count(width + left + right, self.spans[1], self.strides[1]),
        )

    @property
    def spans(self) -> tuple[int, int]:
        """Rows and columns from the first tap to the last."""
        return span(self.taps.kernel[0], self.dilation[0]), span(self.taps.kernel[1], self.dilation[1])

    def takes(self, taps: Taps) -> bool:
        """Whether these taps' box can be had: of dilated columns banks give one at a time, a shift register all."""
        return self.dilation[1] == 1 or taps.columns == 1 or taps.beats == 1

    @property
    def style(self) -> str:
        """How it is built.

        "subsample": 1×1, no memory.
        "stream":    a kernel of one row, whole windows out of a shift register that the stream itself feeds.
        "columns":   whole windows out of a shift register that the ring feeds with columns.
        "lines":     whole windows out of a shift register that delay lines feed with columns.
        "banks":     boxes straight out of the ring.
        """
        taps = self.taps
        if self.lines:
            return "lines"
        if taps.kernel == (1, 1) and not any(self.padding):
            return "subsample"
        if taps.parallel < taps.fan_in or taps.kernel[1] == 1:
            return "banks"
        alone = taps.kernel[0] == 1 and self.padding[:2] == (0, 0) and self._streams_columns
        return "stream" if alone else "columns"

    @property
    def _streams_columns(self) -> bool:
        """Whether the columns of the stream, without any others, make all windows of a row."""
        direct = self._raster(whole=True)
        return direct.first == 0 and direct.columns == self.input.shape[1]

    @property
    def fits_lines(self) -> bool:
        taps, (top, bottom, *_) = self.taps, self.padding
        width = self.input.shape[1]
        whole = taps.beats == 1 and min(taps.kernel) > 1 and width >= LEAST_WIDTH
        narrow = top < self.spans[0] and self._streams_columns and self._raster(whole=True).begin < width
        shape = element_shape(self.input)
        held = not (top or bottom) or shape == element_shape(self.input.with_range(*self.padded_range))
        return whole and narrow and held

    def _raster(self, whole: bool) -> Raster:
        place = self.strides[1], self.padding[2], self.out_shape[1], whole, self.dilation[1]
        return Raster(self.input.shape[1], self.spans[1], *place)

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        shape = (*self.out_shape, self.taps.fan_in)
        return self.input.with_shape(shape).with_range(*self.padded_range)

    @property
    def padded_range(self) -> tuple[int, int]:
        lo, hi = self.input.lo, self.input.hi
        return (min(lo, self.pad_value), max(hi, self.pad_value)) if any(self.padding) else (lo, hi)

    @property
    def lanes_in(self):
        return (self.taps.lanes,)

    @property
    def lanes_out(self):
        return self.taps.parallel

    @cached_property
    def raster(self) -> Raster | None:
        """The columns that pass through the shift register, in all styles that have one."""
        return self._raster(self.style != "columns") if self.style in ("columns", "lines", "stream") else None

    @cached_property
    def plan(self) -> RingPlan | None:
        """The ring, in the styles "banks" and "columns"; for a shift register it reads one column after the other."""
        taps, raster = self.taps, self.raster
        if self.style not in ("banks", "columns"):
            return None
        height, width, _ = self.input.shape
        common = dict(
            height=height,
            width=width,
            groups=taps.groups,
            rows=taps.rows,
            stride=self.strides[0],
            top=self.padding[0],
            out_rows=self.out_shape[0],
            word=taps.lanes * self.input.width,
            memory=self.memory,
            spare=self.spare,
            row_dilation=self.dilation[0],
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
            count=self.out_shape[1],
            masked=True,
            column_dilation=self.dilation[1],
            **common,
        )

    @cached_property
    def line_plan(self) -> LinePlan | None:
        """The delay lines, in the style "lines"."""
        if self.style != "lines":
            return None
        height, width, _ = self.input.shape
        kernel, word = self.taps.kernel[0], self.taps.lanes * self.input.width
        place = self.strides[0], self.padding[0], self.out_shape[0], word, self.memory, self.dilation[0]
        return LinePlan(height, width, kernel, *place)

    @property
    def kept_rows(self) -> np.ndarray:
        """(Ho,): the rows of the frame that a kernel of one row looks at."""
        return np.arange(self.out_shape[0]) * self.strides[0]

    @property
    def kept(self) -> tuple[int, int]:
        """What a kernel of one pixel, or of one row, lets through: every so-manieth row and column."""
        return self.strides if self.style == "subsample" else (self.strides[0], 1)
