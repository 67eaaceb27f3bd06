"""Dot products of a stream with weights that come round in a cycle: the hardware of neuron and depthwise blocks.

Three nested loops, of which the words of the weight memory are the iterations:

    for group in groups:            channel groups of a depthwise block, groups of a convolution; else 1
        for beat in beats:          an input beat each: its products are added up
            for turn in turns:      the input beat stays, another `lanes` neurons take their turn

An iteration a cycle, without a bubble. The beat stays on the input stream until its last turn, and is taken then:
nothing but the first pipeline register holds it. The partial sums of the `turns` go round in a delay line. Results
appear during the last beat of a group.

Where words change from position to position, their `phases` choose among as many sets of them.

    input, address -> register, weights -> adder tree -> accumulator -> output register -> FIFO

Nothing after the input has a clock enable but the accumulator, whose enable is a register. An iteration that will push
a result is started only while the FIFO has a credit for it.
"""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from hwgen.layers import rom
from hwgen.layers.arithmetic import Shared, registered
from hwgen.layers.cells import Cells
from hwgen.layers.credit import CreditedOutput
from hwgen.layers.dot_plan import SHIFT_LIMIT, Plan, ring_style
from hwgen.layers.elastic import plus_one
from hwgen.layers.stream import element_shape, layout
from hwgen.tensor import TensorType


class DotProducts(wiring.Component):
    """result[sum] = initial[sum] + Σ (hardware sums) << shift, `lanes` of them a beat.

    ports: the block's. input, result: types of the two streams. picks: for each lane the indices of its inputs in a
    beat, the same for `plan.sharing` neighbours. weights: (words, lanes, taps). initial: (sums, lanes) Python integers,
    the arithmetic's constants not yet in. shift: left shift of the sums on the result's grid.
    """

    def __init__(self, ports, input: TensorType, result: TensorType, plan: Plan, picks, weights, initial, shift: int):
        super().__init__(ports)
        self._input, self._result, self._plan, self._picks = input, result, plan, picks
        self._weights, self._shift = weights, shift
        encoded = [plan.arithmetic.encode(weights[:, lanes]) for lanes in self._shared_lanes]
        self._codes, constants = (np.concatenate(parts, axis=1) for parts in zip(*encoded))
        loops = plan.loops
        constants = constants.reshape(loops.sets, loops.beats, loops.turns, -1).sum(axis=1).reshape(loops.sums, -1)
        modulus = 1 << result.width
        self._initial = [
            [((int(c) << shift) + int(b)) % modulus for c, b in zip(*rows)] for rows in zip(constants, initial)
        ]

    @property
    def _shared_lanes(self) -> list[slice]:
        """Lanes that have the same inputs."""
        return [slice(k, k + self._plan.sharing) for k in range(0, self._plan.lanes, self._plan.sharing)]

    def elaborate(self, platform):
        m = Module()
        plan, loops = self._plan, self._plan.loops
        m.submodules.output = output = CreditedOutput(layout(self._result, plan.lanes), plan.fifo_depth)
        wiring.connect(m, output.o, wiring.flipped(self.o))

        # Which iteration is next; each step of the counters starts one.
        address, last_beat, last_turn = self._counters(m, step := Signal())
        m.d.comb += [
            step.eq(self.i.valid & (output.ready | ~last_beat)),
            self.i.ready.eq((output.ready | ~last_beat) & last_turn),
            output.start.eq(step & last_beat),
        ]

        # Inputs and weights meet behind their registers.
        arithmetic = plan.arithmetic
        codes = self._codes.reshape(loops.words, -1)
        if loops.phases:
            codes = loops.phases.placed(codes, loops.beats * loops.turns)
        weights = rom.Rom(codes, plan.style, np.tile(arithmetic.delays, plan.lanes), Cells(m, platform))
        bits = weights.build(m, address)
        x = [self.i.payload[k] for k in range(plan.inputs)]
        # Offset binary: the sign bit of two's complement, inverted.
        x = [Cat(v[:-1], ~v[-1]) if self._input.signed else v for v in x]
        for _ in range(rom.latency(plan.style, loops.depth)):
            x = [registered(m, v) for v in x]
        each, sums = len(arithmetic.delays), []
        for lanes in self._shared_lanes:
            picked = [x[k] for k in self._picks[lanes.start]]
            own = [bits[q * each : (q + 1) * each] for q in range(lanes.start, lanes.stop)]
            sums += arithmetic.build(Shared(m, platform), picked, own, self._weights[:, lanes])
        arrived = step
        for _ in range(plan.push_latency - 1):
            arrived, before = Signal(), arrived
            m.d.sync += arrived.eq(before)
        totals, complete = self._accumulate(m, Cells(m, platform), sums, arrived)

        # Results.
        pushed = Signal()
        m.d.sync += pushed.eq(arrived & complete)
        m.d.comb += output.push.eq(pushed)
        for q, total in enumerate(totals):
            result = Signal(element_shape(self._result), reset_less=True)
            m.d.sync += result.eq(total)
            m.d.comb += output.payload[q].eq(result)
        return m

    def _counters(self, m: Module, step):
        """The word's number, whether the iteration is of a group's last beat, whether it is the beat's last turn."""
        loops = self._plan.loops
        turn, last_turn = _counter(m, loops.turns, step)
        beat, last_beat = _counter(m, loops.beats, step & last_turn)
        if loops.phases:
            address = loops.phases.counter(m, loops.beats * loops.turns, step)
        elif loops.words == loops.turns:
            address = turn
        elif loops.words == loops.beats:
            address = beat
        else:
            address, _ = _counter(m, loops.words, step)
        return address, last_beat, last_turn

    @property
    def _first_sum(self) -> int:
        """The sum that comes first."""
        phases = self._plan.loops.phases
        return int(phases.sets()[0, 0]) * self._plan.loops.turns if phases else 0

    def _accumulate(self, m: Module, cells: Cells, sums, arrived):
        """The totals up to this iteration, and whether they are complete."""
        plan, loops = self._plan, self._plan.loops
        width = self._result.width
        # Low bits that nobody ever sets need no adder, no register and no delay line.
        every = 0
        for row in self._initial:
            for value in row:
                every |= value
        low = min(self._shift, (every & -every).bit_length() - 1 if every else width, width - 1)
        shift, width = self._shift - low, width - low
        initial = np.array(
            [[(value >> low >> k) & 1 for value in row for k in range(width)] for row in self._initial], dtype=bool
        )
        if loops.beats == 1:
            addends, complete = self._initial_values(m, cells, initial, arrived, 0), Const(1)
            totals = [_added(cells, Cat(*a), s, shift, width) for a, s in zip(_split(addends, width), sums)]
        else:
            _, last_turn = _counter(m, loops.turns, arrived)
            beat, complete = _counter(m, loops.beats, arrived & last_turn)
            # The iteration after this one starts a sum: its initial value takes the place of a partial sum.
            if loops.turns == 1:
                fresh = complete
            else:
                fresh = Mux(last_turn, complete, beat == 0)
            values = self._initial_values(m, cells, initial, arrived & fresh, 1)
            first = initial[self._first_sum].reshape(-1, width)
            totals, partials = [], Signal(plan.lanes * width)
            lines = _delayed(m, partials, plan.line, arrived)
            for q, value in enumerate(_split(values, width)):
                addend = Signal(width, init=sum(int(bit) << k for k, bit in enumerate(first[q])))
                total = _added(cells, addend, sums[q], shift, width)
                m.d.comb += partials[q * width : (q + 1) * width].eq(total)
                totals.append(partials[q * width : (q + 1) * width])
                delayed = lines[q * width : (q + 1) * width]
                with m.If(arrived):
                    m.d.sync += addend.eq(Mux(fresh, Cat(*value), delayed))
        return [Cat(Const(0, low), total) for total in totals], complete

    def _initial_values(self, m: Module, cells: Cells, initial: np.ndarray, advance, first: int) -> list:
        """Columns of the initial values, one after the other at each `advance`, from `first` on.

        The ROM's register is filled in the first cycle after reset, long before the first sum arrives.
        """
        count, phases = len(initial), self._plan.loops.phases
        primed = Signal()
        m.d.sync += primed.eq(1)
        enable = Signal()
        m.d.comb += enable.eq(advance | ~primed)
        if phases:
            turns = self._plan.loops.turns
            initial, address = phases.placed(initial, turns), phases.counter(m, turns, enable, first)
        else:
            address, _ = _counter(m, count, enable, first % count)
        return rom.Rom(initial, "logic", cells=cells).build(m, address, enable)


def _counter(m: Module, modulo: int, step, init: int = 0):
    """A counter of `step`s, and whether it is at its last value: a register, as much hangs on it in the same cycle."""
    if modulo == 1:
        return Const(0, 1), Const(1, 1)
    value, last = Signal(range(modulo), init=init), Signal(init=init == modulo - 1)
    with m.If(step):
        m.d.sync += [value.eq(Mux(last, 0, plus_one(value))), last.eq(value == modulo - 2)]
    return value, last


def _delayed(m: Module, value, steps: int, step):
    """The value of so many steps ago: shift registers up to SHIFT_LIMIT, beyond a ring in memory."""
    if steps <= SHIFT_LIMIT:
        for _ in range(steps):
            stage = Signal(value.shape(), reset_less=True)
            with m.If(step):
                m.d.sync += stage.eq(value)
            value = stage
        return value
    ring = Memory(shape=len(value), depth=steps, init=[], attrs={"ram_style": ring_style(steps)})
    m.submodules += ring
    write, read = ring.write_port(), ring.read_port()
    # What is read in a step is used in the next one, so the oldest word lies one place ahead of the one being written.
    ahead, _ = _counter(m, steps, step, init=1)
    here = Signal(range(steps))
    with m.If(step):
        m.d.sync += here.eq(ahead)
    m.d.comb += [write.addr.eq(here), write.data.eq(value), write.en.eq(step), read.addr.eq(ahead), read.en.eq(step)]
    return read.data


def _split(columns: list, width: int) -> list:
    return [columns[k : k + width] for k in range(0, len(columns), width)]


def _added(cells: Cells, addend, terms: list, shift: int, width: int):
    """addend + (Σ terms << shift), in `width` bits, the low bits of the addend led past the adder."""
    least = min(exponent for _, exponent in terms)
    low = least + shift
    if low >= width:
        return addend
    bits = width - low
    values = [value << exponent - least if exponent > least else value for value, exponent in terms]
    if len(values) == 2 and not any(value.shape().signed for value in values):
        total = cells.add3(addend[low:], *values, bits)
    else:
        total = sum(values, start=addend[low:])[:bits]
    return Cat(addend[:low], total)
