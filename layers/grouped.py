"""The neuron block of a convolution in groups: each part of the neurons sees its own part of the channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.layers.dot_plan import Loops, Plan
from hwgen.layers.dot_products import DotProducts
from hwgen.layers.neuron import Neuron, check_memory
from hwgen.layers.taps import Taps, divisors
from hwgen.layers.weights import arithmetics, choose
from hwgen.ops import grouped_matmul


@dataclass(frozen=True, eq=False)
class GroupedNeuron(Neuron):
    """A `Neuron` whose k-th part of the neurons sees the k-th of `groups` parts of the channels.

    weights: int64 (Kh, Kw, C / groups, N). A beat holds channels of one group, and the neurons of that group take their
    turns as in `Neuron`; or it holds several whole groups, all of whose neurons are computed at once. Channel groups go
    outermost in the order of taps, so results come in order and no product with zero is ever made. Raises ValueError
    where lanes are neither.
    """

    groups: int = 1

    def __post_init__(self):
        *kernel, channels, count = self.weights.shape
        if tuple(kernel) != self.taps.kernel or channels * self.groups != self.taps.channels or count % self.groups:
            raise ValueError(f"weights of shape {self.weights.shape} in {self.groups} groups for taps of {self.taps}")
        if self.input.channels != self.taps.fan_in:
            raise ValueError(f"{self.input.channels} values a position for a fan-in of {self.taps.fan_in}")
        if self.bias.shape != (count,):
            raise ValueError(f"bias of shape {self.bias.shape} for {count} neurons")
        if self.neurons not in self.parallel_neurons(self.taps):
            raise ValueError(f"{self.neurons} neurons in parallel do not suit {self.groups} groups and {self.taps}")
        check_memory(self.memory)
        if self.arithmetic != "auto":
            _ = self.plan

    # --- what it computes ---------------------------------------------------------------------------------------

    @property
    def own_channels(self) -> int:
        """Channels of a group."""
        return self.weights.shape[2]

    @property
    def own_neurons(self) -> int:
        """Neurons of a group."""
        return self.weights.shape[3] // self.groups

    def evaluate(self, x):
        canonical = np.empty_like(x)
        canonical[..., self.taps.order()] = x
        view = canonical.reshape(*x.shape[:3], *self.taps.kernel, self.taps.channels)
        return (grouped_matmul(view, self.weights, self.groups) << self.shift) + self.bias

    # --- how ------------------------------------------------------------------------------------------------------

    def parallel_neurons(self, taps: Taps) -> list[int]:
        if self.own_channels % taps.lanes == 0:
            return divisors(self.own_neurons)
        return [self.own_neurons] if taps.lanes % self.own_channels == 0 else []

    @property
    def together(self) -> int:
        """Groups in a beat."""
        return max(1, self.taps.lanes // self.own_channels)

    @property
    def fold(self) -> int:
        return self.own_neurons // self.neurons

    @property
    def loops(self) -> Loops:
        rounds = self.groups // self.together
        return Loops(rounds, self.taps.beats // rounds, self.fold)

    @property
    def _choice(self) -> tuple:
        """What the arithmetics depend on: weights, inputs' range, inputs of a neuron in a beat, words."""
        return self.profile, self.input.lo, self.input.hi, self.taps.parallel // self.together, self.loops.words

    @property
    def plan(self) -> Plan:
        how = choose(*self._choice, self.lanes_out, self.neurons, self.arithmetic)
        return Plan(how, self.loops, self.taps.parallel, self.lanes_out, self.neurons, self.result.width, self.memory)

    def arithmetics(self) -> tuple[str, ...]:
        return tuple(arithmetics(*self._choice, self.neurons))

    @property
    def lanes_out(self):
        return self.neurons * self.together

    # --- hardware -------------------------------------------------------------------------------------------------

    @property
    def _picks(self) -> np.ndarray:
        """(lanes_out, taps): for each lane the inputs of its group in a beat."""
        beat = np.arange(self.taps.parallel).reshape(-1, self.together, self.taps.lanes // self.together)
        return np.repeat(beat.transpose(1, 0, 2).reshape(self.together, -1), self.neurons, axis=0)

    def component(self):
        loops, lanes = self.loops, self.lanes_out
        # Canonical index of each input of each lane, (groups, beats, lanes, taps), and the neuron that it is for.
        stream = self.taps.order().reshape(loops.groups, loops.beats, self.taps.parallel)[:, :, self._picks]
        place, channel = np.divmod(stream, self.taps.channels)
        neuron = np.arange(self.weights.shape[3]).reshape(loops.groups, 1, loops.turns, lanes, 1)
        matrix = self.weights.reshape(-1, self.own_channels, self.weights.shape[3]) >> self.profile.twos
        words = matrix[place[:, :, None], channel[:, :, None] % self.own_channels, neuron]
        words = np.ascontiguousarray(words).reshape(loops.words, lanes, -1)
        initial = self.bias.reshape(loops.sums, lanes).tolist()
        shift = self.shift + self.profile.twos
        return DotProducts(self.ports(), self.input, self.result, self.plan, self._picks, words, initial, shift)

    def describe(self):
        how = self.plan
        return (
            f"GroupedNeuron[{self.taps.parallel} of {self.taps.fan_in} × {self.lanes_out} of {self.weights.shape[3]} in "
            f"{self.groups} groups, {self.kind}, {how.name}, {how.style}]"
        )
