"""The neuron block: Σ w·x + bias for every window position, `taps.parallel` inputs × `neurons` neurons a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.layers import dot_plan
from hwgen.layers.arithmetic import Arithmetic
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.dot_plan import Loops, Plan
from hwgen.layers.dot_products import DotProducts
from hwgen.layers.taps import Taps
from hwgen.layers.weights import Weights, arithmetics, choose
from hwgen.numeric import matmul
from hwgen.ops import checked, sum_range
from hwgen.tensor import TensorType

MEMORIES = ("auto", "logic", "block")


@dataclass(frozen=True, eq=False)
class Neuron(Block):
    """A convolution's or dense layer's arithmetic: (Σ w·x)·2^shift + bias for each position of (H, W, fan-in).

    input:      (H, W, fan-in): each position in `taps` order, from a window block, or for a 1×1 kernel any stream.
    weights:    int64 (Kh, Kw, C, N), canonical order. bias: int64 (N,), on the grid of the result.
    frac:       fractional bits of the weights. shift: left shift of the sum onto the bias's grid.
    neurons:    neurons in parallel, a divisor of N; the other N / neurons take their turns while an input beat stays.
    memory:     where the weights lie: "logic" (LUTs), "block" (block RAM), "auto".
    arithmetic: how to multiply, one of `arithmetics()`, or "auto" for the cheapest.

    A position takes exactly beats · N / neurons cycles. A beat is taken from the input in its last turn. Raises
    ValueError for a folding that doesn't divide, or an arithmetic that can't do these weights.
    """

    input: TensorType
    taps: Taps
    weights: np.ndarray
    bias: np.ndarray
    frac: int = 0
    shift: int = 0
    neurons: int = 1
    memory: str = "auto"
    arithmetic: str = "auto"

    def __post_init__(self):
        *kernel, channels, count = self.weights.shape
        if tuple(kernel) != self.taps.kernel or channels != self.taps.channels:
            raise ValueError(f"weights of shape {self.weights.shape} for taps of {self.taps}")
        if self.input.channels != self.taps.fan_in:
            raise ValueError(f"{self.input.channels} values a position for a fan-in of {self.taps.fan_in}")
        if self.bias.shape != (count,):
            raise ValueError(f"bias of shape {self.bias.shape} for {count} neurons")
        if self.neurons < 1 or count % self.neurons:
            raise ValueError(f"{self.neurons} neurons in parallel do not divide {count}")
        check_memory(self.memory)
        if self.arithmetic != "auto":
            _ = self.plan

    # --- what it computes ---------------------------------------------------------------------------------------

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        lo, hi = result_range(ById(self.weights), ById(self.bias), self.shift, self.input.lo, self.input.hi, 3)
        shape = (*self.input.shape[:2], self.weights.shape[3])
        return TensorType(shape, lo, hi, self.input.frac + self.frac + self.shift, self.input.divisor)

    def evaluate(self, x):
        matrix = self.weights.reshape(self.taps.fan_in, -1)[self.taps.order()]
        return (matmul(x, matrix) << self.shift) + self.bias

    # --- how ------------------------------------------------------------------------------------------------------

    @property
    def profile(self) -> Weights:
        """What the arithmetic needs to know of the weights."""
        return profile(ById(self.weights), 3)

    @property
    def kind(self) -> str:
        """binary, ternary, power or general."""
        return self.profile.kind

    @property
    def fold(self) -> int:
        """Turns that the neurons take: N / neurons."""
        return self.weights.shape[3] // self.neurons

    @property
    def loops(self) -> Loops:
        return Loops(1, self.taps.beats, self.fold)

    @property
    def plan(self) -> Plan:
        loops, parallel, q = self.loops, self.taps.parallel, self.neurons
        how = choose(self.profile, self.input.lo, self.input.hi, parallel, loops.words, q, q, self.arithmetic)
        width = self.result.width
        return Plan(how, loops, parallel, q, q, width + how.halve, width, self.memory)

    def arithmetics(self) -> dict[str, Arithmetic]:
        """By name, every arithmetic that could do this block in this folding."""
        return arithmetics(self.profile, self.input.lo, self.input.hi, self.taps.parallel, self.loops.words)

    # --- streams and time -----------------------------------------------------------------------------------------

    @property
    def lanes_in(self):
        return (self.taps.parallel,)

    @property
    def lanes_out(self):
        return self.neurons

    @property
    def output_room(self):
        return self.plan.fifo_depth

    @property
    def output_lead(self):
        return self.plan.latency

    @property
    def interval(self):
        return self.input.pixels * self.loops.words

    def needs(self, port=0):
        last = np.arange(1, self.input.pixels + 1) * self.taps.beats - 1
        return np.repeat(last, self.fold)

    def schedule(self, *arrivals):
        # A beat is taken in its last turn; the next one's first turn follows at once.
        taken = paced(arrivals[0] + self.fold - 1, self.fold)
        last = taken[self.taps.beats - 1 :: self.taps.beats]
        turns = np.arange(self.fold) - (self.fold - 1)
        return (taken,), (last[:, None] + turns).reshape(-1) + self.plan.latency

    def cost(self) -> Resources:
        return dot_plan.cost(self.plan)

    # --- hardware -------------------------------------------------------------------------------------------------

    def component(self):
        loops, plan, q = self.loops, self.plan, self.neurons
        matrix = self.weights.reshape(self.taps.fan_in, -1)[self.taps.order()] >> self.profile.twos
        words = matrix.reshape(loops.beats, self.taps.parallel, loops.turns, q).transpose(0, 2, 3, 1)
        words = np.ascontiguousarray(words).reshape(loops.words, q, self.taps.parallel)
        picks = [range(self.taps.parallel)] * q
        initial = self.bias.reshape(loops.turns, q).tolist()
        shift = self.shift + self.profile.twos
        return DotProducts(self.ports(), self.input, self.result, plan, picks, words, initial, shift)

    def describe(self):
        how = self.plan
        return (
            f"Neuron[{self.taps.parallel} of {self.taps.fan_in} × {self.neurons} of {self.weights.shape[3]}, "
            f"{self.kind}, {type(how.arithmetic).__name__}, {how.style}]"
        )


def check_memory(memory: str) -> None:
    if memory not in MEMORIES:
        raise ValueError(f"memory must be one of {', '.join(MEMORIES)}, not {memory!r}")


# What follows from the weights alone is worked out once, however many foldings of a block are tried.


class ById:
    """An array as a key: equal only to itself. Holding it keeps its identity from being given to another."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray):
        self.array = array

    def __hash__(self):
        return id(self.array)

    def __eq__(self, other):
        return self.array is other.array


@lru_cache(maxsize=1024)
def profile(weights: ById, axes: int) -> Weights:
    """axes: how many leading axes of the weights are summed over."""
    return Weights.of(_matrix(weights.array, axes))


@lru_cache(maxsize=1024)
def result_range(weights: ById, bias: ById, shift: int, lo: int, hi: int, axes: int) -> tuple[int, int]:
    least, most = sum_range(_matrix(weights.array, axes), lo, hi)
    least, most = (least << shift) + bias.array, (most << shift) + bias.array
    checked(TensorType((1, 1, 1), int(least.min()), int(most.max())))
    return int(least.min()), int(most.max())


def _matrix(weights: np.ndarray, axes: int) -> np.ndarray:
    return weights.reshape(int(np.prod(weights.shape[:axes])), -1)
