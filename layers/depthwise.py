"""The depthwise neuron block: each channel's window times that channel's own kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.byid import ById
from hwgen.layers.dot_plan import Loops, Plan
from hwgen.layers.dot_products import DotProducts
from hwgen.layers.neuron import check_memory, profile, result_range
from hwgen.layers.taps import Taps
from hwgen.layers.weights import Weights, arithmetics, choose
from hwgen.tensor import TensorType


@dataclass(frozen=True, eq=False)
class DepthwiseNeuron(Block):
    """Σ w·x·2^shift + bias over rows and columns, for each channel c and each of its m kernels: output channel c·m + j.

    input:   (H, W, fan-in) in `taps` order, channel groups outermost, from a window block.
    weights: int64 (Kh, Kw, C, m). bias: int64 (C·m,). frac, shift, memory, arithmetic: as in `Neuron`.

    An input beat a cycle; taps.lanes · m outputs a beat, an output beat a channel group. Raises ValueError as Neuron
    does.
    """

    input: TensorType
    taps: Taps
    weights: np.ndarray
    bias: np.ndarray
    frac: int = 0
    shift: int = 0
    memory: str = "auto"
    arithmetic: str = "auto"

    def __post_init__(self):
        *kernel, channels, multiplier = self.weights.shape
        if tuple(kernel) != self.taps.kernel or channels != self.taps.channels:
            raise ValueError(f"weights of shape {self.weights.shape} for taps of {self.taps}")
        if self.input.channels != self.taps.fan_in:
            raise ValueError(f"{self.input.channels} values a position for a fan-in of {self.taps.fan_in}")
        if self.bias.shape != (channels * multiplier,):
            raise ValueError(f"bias of shape {self.bias.shape} for {channels * multiplier} channels")
        check_memory(self.memory)
        if self.arithmetic != "auto":
            _ = self.plan

    # --- what it computes ---------------------------------------------------------------------------------------

    @property
    def inputs(self):
        return (self.input,)

    @property
    def multiplier(self) -> int:
        return self.weights.shape[3]

    @property
    def result(self):
        lo, hi = result_range(ById(self.weights), ById(self.bias), self.shift, self.input.lo, self.input.hi, 2)
        shape = (*self.input.shape[:2], self.taps.channels * self.multiplier)
        return TensorType(shape, lo, hi, self.input.frac + self.frac + self.shift, self.input.divisor)

    def evaluate(self, x):
        canonical = np.empty_like(x)
        canonical[..., self.taps.order()] = x
        (kh, kw), channels = self.taps.kernel, self.taps.channels
        view = canonical.reshape(*x.shape[:3], kh * kw, channels)
        total = np.einsum("fhwkc,kcm->fhwcm", view, self.weights.reshape(kh * kw, channels, -1))
        return (total.reshape(*x.shape[:3], -1) << self.shift) + self.bias

    # --- how ------------------------------------------------------------------------------------------------------

    @property
    def profile(self) -> Weights:
        return profile(ById(self.weights), 2)

    @property
    def kind(self) -> str:
        """binary, ternary, power or general."""
        return self.profile.kind

    @property
    def loops(self) -> Loops:
        return Loops(self.taps.groups, self.taps.beats // self.taps.groups, 1)

    @property
    def plan(self) -> Plan:
        loops, parallel = self.loops, self.taps.rows * self.taps.columns
        x, lanes = self.input, self.lanes_out
        how = choose(self.profile, x.lo, x.hi, parallel, loops.words, lanes, self.multiplier, self.arithmetic)
        width = self.result.width
        return Plan(how, loops, self.taps.parallel, lanes, self.multiplier, width, self.memory)

    def arithmetics(self) -> tuple[str, ...]:
        """The names of all arithmetics that could do this block in this folding."""
        parallel = self.taps.rows * self.taps.columns
        return tuple(
            arithmetics(self.profile, self.input.lo, self.input.hi, parallel, self.loops.words, self.multiplier)
        )

    # --- streams and time -----------------------------------------------------------------------------------------

    @property
    def lanes_in(self):
        return (self.taps.parallel,)

    @property
    def lanes_out(self):
        return self.taps.lanes * self.multiplier

    @property
    def output_room(self):
        return self.plan.fifo_depth

    @property
    def output_lead(self):
        return self.plan.latency

    @property
    def interval(self):
        return self.input.pixels * self.taps.beats

    def needs(self, port=0):
        return np.arange(1, self.input.pixels * self.taps.groups + 1) * self.loops.beats - 1

    def schedule(self, *arrivals):
        taken = paced(arrivals[0])
        return (taken,), taken[self.loops.beats - 1 :: self.loops.beats] + self.plan.latency

    def cost(self) -> Resources:
        return self.plan.cost()

    # --- hardware -------------------------------------------------------------------------------------------------

    def component(self):
        taps, loops, m = self.taps, self.loops, self.multiplier
        kh, kw = taps.kernel
        split = (self.weights >> self.profile.twos).reshape(
            kh // taps.rows, taps.rows, kw // taps.columns, taps.columns, taps.groups, taps.lanes, m
        )
        # (group, row group, column group; lane, kernel; row, column): words, lanes of the output, taps.
        words = np.ascontiguousarray(split.transpose(4, 0, 2, 5, 6, 1, 3)).reshape(
            loops.words, self.lanes_out, taps.rows * taps.columns
        )
        picks = [range(q // m, taps.parallel, taps.lanes) for q in range(self.lanes_out)]
        initial = self.bias.reshape(loops.groups, self.lanes_out).tolist()
        shift = self.shift + self.profile.twos
        return DotProducts(self.ports(), self.input, self.result, self.plan, picks, words, initial, shift)

    def describe(self):
        how = self.plan
        return (
            f"DepthwiseNeuron[{self.taps.parallel} of {self.taps.fan_in} → {self.lanes_out}, "
            f"{self.kind}, {how.name}, {how.style}]"
        )
