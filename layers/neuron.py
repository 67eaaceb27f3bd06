"""The neuron block: Σ w·x + bias for every window position, `taps.parallel` inputs × `neurons` neurons a cycle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.layers.arithmetic import input_bits, input_offset
from hwgen.layers.block import Block, Resources, paced
from hwgen.layers.byid import ById
from hwgen.layers.dot_plan import Loops, Plan
from hwgen.layers.dot_products import DotProducts
from hwgen.layers.serial_products import SerialProducts
from hwgen.layers.serial_tables import MOST_WEIGHTS, SerialPlan, tables
from hwgen.layers.taps import Taps, divisors
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
    arithmetic: how to multiply, one of `arithmetics()`, or "auto" for the cheapest that does a word a cycle.

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
        return self.weights.shape[-1] // self.neurons

    @property
    def loops(self) -> Loops:
        return Loops(1, self.taps.beats, self.fold)

    @property
    def plan(self) -> Plan | SerialPlan:
        if self.arithmetic == "serial":
            return self._serial
        loops, parallel, q = self.loops, self.taps.parallel, self.neurons
        how = choose(self.profile, self.input.lo, self.input.hi, parallel, loops.words, q, q, self.arithmetic)
        return Plan(how, loops, parallel, q, q, self.result.width, self.memory)

    @property
    def _serial(self) -> SerialPlan:
        if not self._can_be_serial:
            raise ValueError("arithmetic 'serial' wants whole positions, each for as many cycles as divide its bits")
        least, most = self._sum_range
        width = max(most.bit_length(), (~least).bit_length()) + 1
        x, turns = self.input, self.fold
        bits = input_bits(x.lo, x.hi)
        own = tables(ById(self.weights))
        return SerialPlan(own, self.taps.fan_in, bits, x.signed, turns, self.neurons, self.result.width, width)

    @property
    def _can_be_serial(self) -> bool:
        bits = input_bits(self.input.lo, self.input.hi)
        whole = self.taps.beats == 1 and 2 <= self.fold <= bits and bits % self.fold == 0
        return whole and self.weights.size <= MOST_WEIGHTS

    @property
    def _sum_range(self) -> tuple[int, int]:
        """Of bias·2^-shift + Σ w·x over unsigned inputs, some of their high bits perhaps still missing."""
        lo, hi = self.input.lo, self.input.hi
        most = (1 << input_bits(lo, hi)) - 1
        return sum_bounds(ById(self.weights), ById(self.bias), self.shift, input_offset(lo, hi), most)

    def arithmetics(self) -> tuple[str, ...]:
        """The names of all arithmetics that could do this block in this folding."""
        x, q = self.input, self.neurons
        names = arithmetics(self.profile, x.lo, x.hi, self.taps.parallel, self.loops.words, q)
        return (*names, "serial") if self._can_be_serial else tuple(names)

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
        return self.beats_in() * self.fold

    def needs(self, port=0):
        last = np.arange(self.loops.beats - 1, self.beats_in(), self.loops.beats)
        return np.repeat(last, self.fold)

    def parallel_neurons(self, taps: Taps) -> list[int]:
        """How many neurons can be computed in parallel with these taps; none where the taps don't suit."""
        return divisors(self.weights.shape[-1])

    def schedule(self, *arrivals):
        # A beat is taken in its last turn; the next one's first turn follows at once.
        taken = paced(arrivals[0] + self.fold - 1, self.fold)
        last = taken[self.loops.beats - 1 :: self.loops.beats]
        turns = np.arange(self.fold) - (self.fold - 1)
        return (taken,), (last[:, None] + turns).reshape(-1) + self.plan.latency

    def cost(self) -> Resources:
        return self.plan.cost()

    # --- hardware -------------------------------------------------------------------------------------------------

    def component(self):
        if self.arithmetic == "serial":
            return SerialProducts(self.ports(), self)
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
            f"{self.kind}, {how.name}, {how.style}]"
        )


def check_memory(memory: str) -> None:
    if memory not in MEMORIES:
        raise ValueError(f"memory must be one of {', '.join(MEMORIES)}, not {memory!r}")


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


@lru_cache(maxsize=1024)
def sum_bounds(weights: ById, bias: ById, shift: int, offset: int, most: int) -> tuple[int, int]:
    """See `Neuron._sum_range`. most: of an unsigned input."""
    matrix = _matrix(weights.array, 3)
    start = (bias.array >> shift) - offset * matrix.sum(axis=0)
    least = start + most * np.minimum(matrix, 0).sum(axis=0)
    return int(least.min()), int((start + most * np.maximum(matrix, 0).sum(axis=0)).max())


def _matrix(weights: np.ndarray, axes: int) -> np.ndarray:
    return weights.reshape(int(np.prod(weights.shape[:axes])), -1)
