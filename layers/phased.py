"""The neuron block of a transposed convolution: one whose weights change from position to position of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.layers.byid import ById
from hwgen.layers.dot_plan import Loops
from hwgen.layers.dot_products import DotProducts
from hwgen.layers.neuron import Neuron, check_memory, profile
from hwgen.layers.phases import Phases
from hwgen.numeric import matmul
from hwgen.ops import checked
from hwgen.tensor import TensorType
from hwgen.upsampling import phased_range


@dataclass(frozen=True, eq=False)
class PhasedNeuron(Neuron):
    """A `Neuron` with a set of weights for each phase of a position.

    weights: int64 (row phases, column phases, Kh, Kw, C, N). first: the phase (row, column) of a frame's first
    position; the next row, the next column have the next phase, round and round.

    Behind pixels that are repeated, and a window with that dilation, this is a transposed convolution that multiplies
    with no inserted zeros: of a kernel K and a stride S a position takes ceil(K / S)² products a channel, where a
    convolution of a frame with zeros in it takes K². What is left of waste is K not being a multiple of S: 16 of 9
    products for 3×3 at stride 2, none for 2×2 and 4×4.
    """

    first: tuple[int, int] = (0, 0)

    def __post_init__(self):
        *_, rows, columns, channels, count = self.weights.shape
        if (rows, columns) != self.taps.kernel or channels != self.taps.channels:
            raise ValueError(f"weights of shape {self.weights.shape} for taps of {self.taps}")
        if self.input.channels != self.taps.fan_in:
            raise ValueError(f"{self.input.channels} values a position for a fan-in of {self.taps.fan_in}")
        if self.bias.shape != (count,):
            raise ValueError(f"bias of shape {self.bias.shape} for {count} neurons")
        if self.neurons < 1 or count % self.neurons:
            raise ValueError(f"{self.neurons} neurons in parallel do not divide {count}")
        if any(not 0 <= first < period for first, period in zip(self.first, self.weights.shape)):
            raise ValueError(f"there is no phase {self.first} of {self.weights.shape[:2]}")
        check_memory(self.memory)
        if self.arithmetic != "auto":
            _ = self.plan

    # --- what it computes ---------------------------------------------------------------------------------------

    @property
    def result(self):
        lo, hi = _range(ById(self.weights), ById(self.bias), self.shift, self.input.lo, self.input.hi)
        shape = (*self.input.shape[:2], self.weights.shape[-1])
        return TensorType(shape, lo, hi, self.input.frac + self.frac + self.shift, self.input.divisor)

    def evaluate(self, x):
        sets = self._matrices[:, self.taps.order()]
        result = np.empty((*x.shape[:3], self.weights.shape[-1]), dtype=np.int64)
        for k, matrix in enumerate(sets):
            here = self.phases.sets() == k
            result[:, here] = matmul(x[:, here], matrix)
        return (result << self.shift) + self.bias

    @property
    def _matrices(self) -> np.ndarray:
        """(sets, fan-in, N), canonical order."""
        return self.weights.reshape(self.phases.count, self.taps.fan_in, -1)

    # --- how ------------------------------------------------------------------------------------------------------

    @property
    def phases(self) -> Phases:
        return Phases(self.input.shape[:2], self.weights.shape[:2], self.first)

    @property
    def profile(self):
        return profile(ById(self.weights), 5)

    @property
    def loops(self) -> Loops:
        return Loops(1, self.taps.beats, self.fold, self.phases)

    @property
    def _can_be_serial(self) -> bool:
        return False

    # --- hardware -------------------------------------------------------------------------------------------------

    def component(self):
        loops, q, parallel = self.loops, self.neurons, self.taps.parallel
        matrices = self._matrices[:, self.taps.order()] >> self.profile.twos
        words = matrices.reshape(loops.sets, loops.beats, parallel, loops.turns, q).transpose(0, 1, 3, 4, 2)
        words = np.ascontiguousarray(words).reshape(loops.words, q, parallel)
        initial = np.tile(self.bias.reshape(loops.turns, q), (loops.sets, 1)).tolist()
        picks, shift = [range(parallel)] * q, self.shift + self.profile.twos
        return DotProducts(self.ports(), self.input, self.result, self.plan, picks, words, initial, shift)

    def describe(self):
        how = self.plan
        return (
            f"PhasedNeuron[{self.taps.parallel} of {self.taps.fan_in} × {self.neurons} of {self.weights.shape[-1]}, "
            f"{self.phases.period[0]}×{self.phases.period[1]} phases, {self.kind}, {how.name}, {how.style}]"
        )


@lru_cache(maxsize=1024)
def _range(weights: ById, bias: ById, shift: int, lo: int, hi: int) -> tuple[int, int]:
    least, most = phased_range(weights.array, bias.array, shift, lo, hi)
    checked(TensorType((1, 1, 1), least, most))
    return least, most
