"""What all blocks share that turn each beat into one beat, in order, one a cycle, after a fixed number of cycles."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from hwgen.layers import queue
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.credit import CreditedOutput, credits_needed
from hwgen.layers.elastic import up_down_cost
from hwgen.layers.stream import layout
from hwgen.tensor import TensorType


class Beatwise(Block):
    """Subclasses are dataclasses with the fields `input` and `lanes`; they say `latency` and `result`."""

    input: TensorType
    lanes: int

    def __post_init__(self):
        layout(self.input, self.lanes)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from taking a beat until its result is valid."""

    @property
    def inputs(self):
        return (self.input,)

    @property
    def lanes_in(self):
        return (self.lanes,)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def interval(self):
        return self.beats_out

    def needs(self, port=0):
        return np.arange(self.beats_out)

    def schedule(self, arrivals):
        taken = paced(arrivals)
        return (taken,), taken + self.latency


# Cycles from the end of a free-running pipeline to a valid output stream.
THROUGH_CREDIT = 2


class Pipelined(Beatwise):
    """A block whose results come out of a free-running pipeline (see `free_running`), or that is nothing but wires."""

    @property
    @abstractmethod
    def stages(self) -> int:
        """Registers between the streams, without the output's own."""

    @property
    def is_wires(self) -> bool:
        """Whether the streams are connected straight through, without any register."""
        return False

    @property
    def latency(self):
        return 0 if self.is_wires else self.stages + THROUGH_CREDIT

    @property
    def output_room(self):
        return 0 if self.is_wires else credits_needed(self.stages)

    @property
    def output_lead(self):
        return self.latency

    def component(self):
        return BeatwiseComponent(self)


class BeatwiseComponent(wiring.Component):
    """A component with the block's ports, whose elaborate() calls back the block's `build(m, self)`."""

    def __init__(self, block: Block):
        self.block = block
        super().__init__(block.ports())

    def elaborate(self, platform):
        m = Module()
        self.block.build(m, self)
        return m


def free_running(m: Module, i, o, latency: int) -> tuple[Value, CreditedOutput]:
    """A pipeline of `latency` registers from stream i to stream o; returns (a beat starts in this cycle, the
    collecting output).

    The caller drives the output's payload, `latency` cycles after the start.
    """
    m.submodules.output = output = CreditedOutput(o.payload.shape(), credits_needed(latency))
    start = Signal()
    m.d.comb += [
        start.eq(i.valid & output.ready),
        i.ready.eq(output.ready),
        output.start.eq(start),
        output.push.eq(delayed(m, start, latency, reset_less=False)),
        o.payload.eq(output.o.payload),
        o.valid.eq(output.o.valid),
        output.o.ready.eq(o.ready),
    ]
    return start, output


def delayed(m: Module, value, cycles: int, reset_less: bool = True) -> Value:
    """The value so many cycles ago."""
    value = Value.cast(value)
    for _ in range(cycles):
        late = Signal(value.shape(), reset_less=reset_less)
        m.d.sync += late.eq(value)
        value = late
    return value


def free_running_cost(bits: int, latency: int) -> Resources:
    """What `free_running` takes: the valid bits, the credits, and the FIFO for payloads of `bits`."""
    depth = credits_needed(latency)
    credits = up_down_cost(depth.bit_length()) + Resources(ff=latency)
    return credits + queue.cost(bits, depth, queue.cheaper(bits, depth))


def delay_cost(bits: int, cycles: int) -> Resources:
    """Of `delayed`: from three cycles on a shift register in a LUT."""
    if cycles < 3:
        return Resources(ff=bits * cycles)
    luts = bits * -(-cycles // 32)
    return Resources(lut=luts, lutram=luts)
