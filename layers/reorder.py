"""A frame in another order, or several times: written into a memory, read as nested loops have it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from hwgen import moves
from hwgen.layers import queue
from hwgen.layers.beatwise import THROUGH_CREDIT, BeatwiseComponent, delayed
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.credit import CreditedOutput, credits_needed
from hwgen.layers.elastic import counter, counter_cost, up_down, up_down_cost
from hwgen.layers.stream import layout
from hwgen.layers.window_memory import ram, ram_cost, ram_kind, ram_latency
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Reorder(Block):
    """Value (i, j, ...) of the loops is the input's value i·stride_i + j·stride_j + ... in raster order.

    loops: (count, stride) pairs, outermost first, as in `moves.Reorder`. shape: of the result. The memory has room for
    two frames: one is written while the one before is read, a beat a cycle both. Nothing of a frame comes before the
    whole of it is there. More than one lane needs channels that stay together.
    """

    input: TensorType
    loops: moves.Loops
    shape: tuple[int, int, int]
    lanes: int = 1

    def __post_init__(self):
        self.result  # noqa: B018  refuses loops that don't read the whole input
        if not self.loops:
            raise ValueError("reorder: nothing to put into another order")
        layout(self.input, self.lanes)
        if self.most_lanes % self.lanes:
            raise ValueError(f"reorder: {self.lanes} lanes do not stay together in {self.loops}")

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        return moves.Reorder(self.loops, self.shape).infer(self.input)

    @property
    def lanes_in(self):
        return (self.lanes,)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def most_lanes(self):
        count, stride = self.loops[-1]
        steps = [stride for _, stride in self.loops[:-1]]
        return math.gcd(super().most_lanes, count, *steps) if stride == 1 else 1

    @property
    def beat_loops(self) -> moves.Loops:
        """The loops in beats."""
        *outer, (count, stride) = self.loops
        if self.lanes > 1:  # then the innermost stride is 1, of beats too
            outer, count = [(n, step // self.lanes) for n, step in outer], count // self.lanes
        return moves.simplified([*outer, (count, stride)]) or ((1, 1),)

    @property
    def kind(self) -> str:
        """ "distributed" or "block"."""
        return ram_kind("auto", self.words, self.bits)

    @property
    def words(self) -> int:
        """Of the memory: two frames, each in a power of two, so that one bit of the address says which."""
        return 2 << (self.beats_in() - 1).bit_length()

    @property
    def bits(self) -> int:
        return self.input.width * self.lanes

    @property
    def stages(self) -> int:
        """Cycles from an address to its beat."""
        return ram_latency(self.kind)

    @property
    def output_room(self):
        return credits_needed(self.stages)

    @property
    def output_lead(self):
        return self.stages + THROUGH_CREDIT

    @property
    def holds(self):
        # A frame waits in one half of the memory, and the other takes in the next all the same.
        return self.beats_out + self.output_room

    @property
    def interval(self):
        return max(self.beats_in(), self.beats_out)

    def evaluate(self, x):
        return moves.Reorder(self.loops, self.shape).evaluate(x)

    def needs(self, port=0):
        return np.full(self.beats_out, self.beats_in() - 1)

    def schedule(self, arrivals):
        size, frames = self.beats_in(), len(arrivals) // self.beats_in()
        taken, read = np.empty(len(arrivals), dtype=np.int64), np.empty((frames, self.beats_out), dtype=np.int64)
        for frame in range(frames):
            # Frame f goes where frame f - 2 was read from.
            free = read[frame - 2, -1] + 1 if frame >= 2 else 0
            after = taken[frame * size - 1] + 1 if frame else 0
            offered = np.maximum(arrivals[frame * size : (frame + 1) * size], max(free, after))
            taken[frame * size : (frame + 1) * size] = paced(offered)
            start = taken[(frame + 1) * size - 1] + 1
            if frame:
                start = max(start, read[frame - 1, -1] + 1)
            read[frame] = start + np.arange(self.beats_out)
        return (taken,), read.reshape(-1) + self.stages + THROUGH_CREDIT

    def cost(self):
        address = (self.beats_in() - 1).bit_length()
        loops = sum((counter_cost(count) for count, _ in self.beat_loops), Resources())
        # An adder for each loop's step, as wide as the step isn't a multiple of a power of two.
        wide = [address - (step & -step).bit_length() + 1 for step in self._steps]
        carry4 = sum(math.ceil(bits / 4) for bits in wide)
        stepping = Resources(lut=address * (len(self.beat_loops) + 1), ff=address, carry4=carry4)
        control = counter_cost(self.beats_in()) + loops + stepping + Resources(lut=8, ff=self.stages + 4)
        depth = credits_needed(self.stages)
        output = up_down_cost(depth.bit_length()) + queue.cost(self.bits, depth, queue.cheaper(self.bits, depth))
        return ram_cost(self.kind, self.words, self.bits) + control + output

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m: Module, ports) -> None:
        i, address = ports.i, (self.beats_in() - 1).bit_length()
        m.submodules.output = output = CreditedOutput(ports.o.payload.shape(), credits_needed(self.stages))
        write, read_address, data = ram(m, self.kind, self.words, self.bits)
        whole = Signal(2)  # frames in the memory that were not read to their end
        taken, start, filled, emptied = Signal(), Signal(), Signal(), Signal()
        at, last = counter(m, self.beats_in(), taken, "at")
        half, other = Signal(), Signal()  # of the memory, that is written and that is read
        m.d.comb += [
            i.ready.eq(~whole[1]),
            taken.eq(i.valid & i.ready),
            filled.eq(taken & last),
            write.en.eq(taken),
            write.data.eq(i.payload.as_value()),
            write.addr.eq(Cat(at, half)),
            start.eq(whole.any() & output.ready),
            output.start.eq(start),
            output.push.eq(delayed(m, start, self.stages, reset_less=False)),
            output.payload.eq(data),
        ]
        m.d.sync += [whole.eq(up_down(whole, filled, emptied)), half.eq(half ^ filled), other.eq(other ^ emptied)]
        where, ends = self._walk(m, start, address)
        m.d.comb += [emptied.eq(start & ends), read_address.eq(Cat(where, other))]
        wiring.connect(m, output.o, wiring.flipped(ports.o))

    def _walk(self, m: Module, step: Signal, address: int) -> tuple[Signal, Value]:
        """The address within a frame, which moves on at each step; and whether it is the last one."""
        where = Signal(address)
        ends, moved = Value.cast(1), Value.cast(0)
        for k, ((count, _), by) in enumerate(zip(reversed(self.beat_loops), self._steps)):
            moved = Mux(ends, where + by, moved)  # the outermost that moves on says how far
            _, last = counter(m, count, step & ends, f"loop{k}")
            ends = ends & last
        with m.If(step):
            m.d.sync += where.eq(Mux(ends, 0, moved))
        return where, ends

    @property
    def _steps(self) -> list[int]:
        """Of each loop, innermost first: how far the address moves where it goes on and those within begin anew."""
        found, back = [], 0
        for count, stride in reversed(self.beat_loops):
            found.append(stride - back)
            back += (count - 1) * stride
        return found

    def describe(self):
        loops = " ".join(f"{count}·{stride}" for count, stride in self.loops)
        return f"Reorder[{loops}, {self.lanes} lanes, {self.kind}]"
