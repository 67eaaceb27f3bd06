"""Pooling where windows don't overlap: straight on the raster stream, with one row of partial results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from hwgen.layers import queue
from hwgen.layers.beatwise import THROUGH_CREDIT, BeatwiseComponent, delayed
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.compare import at_least
from hwgen.layers.credit import CreditedOutput, credits_needed
from hwgen.layers.elastic import counter, counter_cost, up_down_cost
from hwgen.layers.reduce import accumulated, check_kind, combine_cost, pooled
from hwgen.layers.stream import element_shape, layout
from hwgen.layers.window_memory import block_ram, line_kind, one_port, restarting
from hwgen.numeric import windows
from hwgen.tensor import TensorType

STAGES = 2  # along the row, then down the columns
SHIFTED = 3  # up to so many partial results go round in registers


@dataclass(frozen=True)
class Pool(Block):
    """Maximum or sum over Kh × Kw windows with strides (Kh, Kw), no padding: (H, W, C) to (H // Kh, W // Kw, C).

    kernel: (Kh, Kw); the whole frame for global pooling. kind, average: as in `Reduce`. Rows and columns that fill no
    window are taken and dropped. A beat a cycle. Raises ValueError for a kernel larger than the frame, or lanes that
    don't divide C.
    """

    input: TensorType
    kernel: tuple[int, int]
    kind: str
    average: bool = False
    lanes: int = 1

    def __post_init__(self):
        check_kind(self.kind, self.average, "pool")
        if any(not 1 <= k <= n for k, n in zip(self.kernel, self.input.shape)):
            raise ValueError(f"pool: a kernel of {self.kernel} does not fit into {self.input.shape}")
        layout(self.input, self.lanes)
        _ = self.result

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        height, width, channels = self.input.shape
        shape = (height // self.kernel[0], width // self.kernel[1], channels)
        return pooled(self.input, self.kind, self.kernel, self.average, shape)

    @property
    def lanes_in(self):
        return (self.lanes,)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def output_room(self):
        return credits_needed(STAGES)

    @property
    def output_lead(self):
        return STAGES + THROUGH_CREDIT

    @property
    def interval(self):
        return self.beats_in()

    @property
    def groups(self) -> int:
        """Beats a pixel."""
        return self.input.channels // self.lanes

    @property
    def line(self) -> int:
        """Partial results of a row of windows, in beats."""
        return self.result.shape[1] * self.groups

    def evaluate(self, x):
        view = windows(x, self.kernel, self.kernel)
        return view.max(axis=(3, 4)) if self.kind == "max" else view.sum(axis=(3, 4))

    def needs(self, port=0):
        rows, columns = ((np.arange(n) + 1) * k - 1 for n, k in zip(self.result.shape, self.kernel))
        pixels = rows[:, None] * self.input.shape[1] + columns
        return (pixels[..., None] * self.groups + np.arange(self.groups)).reshape(-1)

    def schedule(self, arrivals):
        taken = paced(arrivals)
        emitted = taken.reshape(-1, self.beats_in())[:, self.needs()] + STAGES + THROUGH_CREDIT
        return (taken,), emitted.reshape(-1)

    @property
    def _row_shape(self) -> Shape:
        """Of a partial result along a row."""
        return element_shape(pooled(self.input, self.kind, (1, self.kernel[1]), False, self.input.shape))

    def cost(self):
        height, width, _ = self.input.shape
        row, whole = self._row_shape.width, self.result.width
        total = Resources(ff=(row + whole) * self.lanes)
        for size, depth, bits in ((self.kernel[1], self.groups, row), (self.kernel[0], self.line, whole)):
            if size > 1:
                total += combine_cost(self.kind, bits, held=depth == 1) * self.lanes
                total += _delay_cost(depth, bits * self.lanes)
        counters = (self.groups, width, self.kernel[1], height, self.kernel[0])
        control = sum((counter_cost(n) for n in counters), Resources()) + Resources(lut=3, ff=8)
        bits, depth = self.lanes * whole, credits_needed(STAGES)
        fifo = up_down_cost(depth.bit_length()) + queue.cost(bits, depth, queue.cheaper(bits, depth))
        return total + control + fifo

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i = ports.i
        height, width, _ = self.input.shape
        m.submodules.output = output = CreditedOutput(ports.o.payload.shape(), credits_needed(STAGES))
        taken = Signal()
        _, last_group = counter(m, self.groups, taken, "group")
        pixel = taken & last_group
        left, first_column, last_column, row = _place(m, width, self.kernel[1], pixel)
        top, first_row, last_row, _ = _place(m, height, self.kernel[0], row)
        last = last_column & left & top
        ends = taken & last
        # Only the beat that completes a window needs room for its result.
        m.d.comb += [i.ready.eq(output.ready | ~(last & last_row)), taken.eq(i.valid & i.ready)]
        m.d.comb += output.start.eq(ends & last_row)

        # First stage: along the row. The partial results of all channels go round in a delay line.
        value = [i.payload[k] for k in range(self.lanes)]
        value = self._accumulate(m, value, self._row_shape, first_column, self.groups, taken, self.kernel[1] == 1)
        # Second stage: down the columns. The partial results of a row of windows go round.
        ends, first_row = delayed(m, ends, 1, reset_less=False), delayed(m, first_row, 1)
        pushed = delayed(m, output.start, STAGES, reset_less=False)
        shape = element_shape(self.result)
        value = self._accumulate(m, value, shape, first_row, self.line, ends, self.kernel[0] == 1)
        m.d.comb += [output.payload[k].eq(v) for k, v in enumerate(value)]
        m.d.comb += output.push.eq(pushed)
        wiring.connect(m, output.o, wiring.flipped(ports.o))

    def _accumulate(self, m: Module, value: list[Value], shape, first: Value, depth: int, step: Value, single: bool):
        """Registers that take `value`, combined (unless first) with what they took `depth` steps ago."""
        result = [Signal(shape, reset_less=True) for _ in value]
        bits = shape.width
        before = None if single else _ago(m, result, depth, step)
        for k, (register, new) in enumerate(zip(result, value)):
            if before is not None:
                old = before[k * bits : (k + 1) * bits]
                old = old.as_signed() if shape.signed else old
                new = accumulated(self.kind, first, old, new)
            with m.If(step):
                m.d.sync += register.eq(new)
        return result


def _place(m: Module, size: int, kernel: int, step: Value) -> tuple[Value, Value, Value, Value]:
    """Counts along an axis; returns (inside a window, first place in it, last place, the step that ends the axis)."""
    at, last = counter(m, size, step, "at")
    place, last_place = restarting(m, kernel, step, step & last, "place")
    return ~at_least(at, size // kernel * kernel), place == 0, last_place, step & last


def _ago(m: Module, register: list[Signal], depth: int, step: Value) -> Value:
    """What the registers took `depth` steps ago: a delay line, of which they are the first, that moves at each step."""
    value = Cat(register)
    if depth <= SHIFTED:
        for _ in range(depth - 1):
            later = Signal(len(value), reset_less=True)
            with m.If(step):
                m.d.sync += later.eq(value)
            value = later
        return value
    words = depth - 2  # the registers hold one more, the memory's output the last
    kind = line_kind("auto", words, len(value))
    memory = Memory(shape=len(value), depth=words, init=[], attrs={"ram_style": kind})
    m.submodules += memory
    write, read = memory.write_port(), memory.read_port()
    at, _ = counter(m, words, step, "word")
    m.d.comb += [write.addr.eq(at), write.data.eq(value), write.en.eq(step), read.addr.eq(at), read.en.eq(step)]
    return read.data


def _delay_cost(depth: int, bits: int) -> Resources:
    if depth <= SHIFTED:
        return Resources(ff=bits * (depth - 1))
    words = depth - 2
    ram = block_ram(words, bits) if line_kind("auto", words, bits) == "block" else one_port(words, bits)
    return ram + Resources(ff=0 if ram.bram36 else bits) + counter_cost(words)
