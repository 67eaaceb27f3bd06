"""What every hardware block is: an op with streams, a schedule, a cost and an Amaranth component, side by side in one file.

A block's description is a frozen dataclass (a subclass of `Block`) whose fields say what it computes and how it is folded.
From them follow, in the same file: `evaluate` (the numpy model of what goes over its output stream), `schedule` (when),
`cost` (with how much), and `component` (the hardware). Tests hold the four against each other.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from amaranth.lib import wiring

from hwgen.graph import Op
from hwgen.layers.stream import signature
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Resources:
    """FPGA resources, in the terms of Xilinx 7 series.

    lut:    LUT6 sites in use, those used as memory included. lutram: the part of them used as memory (RAM or SRL).
    bram36: block RAMs of 36 Kb; half a one is an 18 Kb RAM.
    """

    lut: float = 0
    lutram: float = 0
    ff: float = 0
    bram36: float = 0
    dsp: float = 0
    carry4: float = 0

    def __add__(self, other: Resources) -> Resources:
        # Written out: folding adds millions of them.
        return Resources(
            self.lut + other.lut,
            self.lutram + other.lutram,
            self.ff + other.ff,
            self.bram36 + other.bram36,
            self.dsp + other.dsp,
            self.carry4 + other.carry4,
        )

    def __mul__(self, factor: float) -> Resources:
        return Resources(
            self.lut * factor,
            self.lutram * factor,
            self.ff * factor,
            self.bram36 * factor,
            self.dsp * factor,
            self.carry4 * factor,
        )


class Block(Op):
    """A hardware block. Subclasses are frozen dataclasses; every number below follows from their fields."""

    fan_out = 1  # output streams; more than 1 only in a fork, and then all carry the same
    output_room = 2  # beats that can wait at an output without holding the block up; 0: wires from input to output
    output_lead = 0  # cycles before it is offered from which a beat takes up that room: a credited pipeline's

    @property
    def holds(self) -> int:
        """Beats that can wait at an output although all inputs are taken up to the one that would make another beat."""
        return self.output_room if self.output_lead else 0

    # --- what it computes ---------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def inputs(self) -> tuple[TensorType, ...]:
        """The types that it was made for, one an input stream."""

    @property
    @abstractmethod
    def result(self) -> TensorType:
        """The type of what goes over the output stream."""

    def infer(self, *inputs: TensorType) -> TensorType:
        if inputs != self.inputs:
            raise ValueError(f"{type(self).__name__} made for {self.inputs} was given {inputs}")
        return self.result

    # --- its streams --------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def lanes_in(self) -> tuple[int, ...]:
        """Channel values a beat, for each input stream."""

    @property
    @abstractmethod
    def lanes_out(self) -> int:
        """Channel values a beat of the output stream."""

    def beats_in(self, port: int = 0) -> int:
        """Beats of a frame on an input stream."""
        return self.inputs[port].size // self.lanes_in[port]

    @property
    def beats_out(self) -> int:
        """Beats of a frame on the output stream."""
        return self.result.size // self.lanes_out

    @property
    def most_lanes(self) -> int:
        """The most lanes of a block whose only choice they are; all its divisors are possible too."""
        return math.gcd(*(type_.channels for type_ in (*self.inputs, self.result)))

    # --- when ---------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def interval(self) -> int:
        """Initiation interval: cycles a frame, frame behind frame, where neither neighbour makes it wait."""

    @abstractmethod
    def needs(self, port: int = 0) -> np.ndarray:
        """(beats_out,): for each output beat of a frame the index of the last input beat of that frame which it depends on.

        Nondecreasing. This is the data dependence alone, whatever the speed.
        """

    @abstractmethod
    def schedule(self, *arrivals: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
        """(taken, emitted) cycles, given for each input stream the cycle from which each beat is offered.

        arrivals: int64 (frames · beats_in(port),), nondecreasing, one array an input. taken: the cycle in which each beat is
        accepted, the same shapes. emitted: (frames · beats_out,), the cycle in which each output beat becomes valid where the
        consumer is always ready; strictly increasing.
        """

    # --- how much -----------------------------------------------------------------------------------------------

    @abstractmethod
    def cost(self) -> Resources:
        """The estimated resources of the component."""

    # --- the hardware -------------------------------------------------------------------------------------------

    @abstractmethod
    def component(self) -> wiring.Component:
        """A new component with the streams of `ports`."""

    def ports(self) -> dict[str, wiring.Member]:
        """The members of the component's signature: `i` (or i0, i1, ...) and `o` (or o0, o1, ...)."""
        members = {}
        many = len(self.inputs) > 1
        for k, (type, lanes) in enumerate(zip(self.inputs, self.lanes_in)):
            members[f"i{k}" if many else "i"] = wiring.In(signature(type, lanes))
        for k in range(self.fan_out):
            members[f"o{k}" if self.fan_out > 1 else "o"] = wiring.Out(signature(self.result, self.lanes_out))
        return members

    def describe(self) -> str:
        lanes = "+".join(map(str, self.lanes_in))
        return f"{type(self).__name__}[{lanes}→{self.lanes_out} lanes]"


def paced(ready_at: np.ndarray, pace: int = 1) -> np.ndarray:
    """The earliest cycles at or after `ready_at` (one a beat) that keep at least `pace` cycles between beats.

    The solution of t[k] = max(ready_at[k], t[k-1] + pace): max-plus, without a loop.
    """
    steps = np.arange(len(ready_at), dtype=np.int64) * pace
    return np.maximum.accumulate(ready_at - steps) + steps
