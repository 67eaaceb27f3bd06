"""Ways to compute Σ w·x over the inputs of a beat, one class each, all with the same interface.

Most turn inputs and weights into unsigned leaves, which a tree of ternary adders sums up (`Trees`). What that needs each
cycle is a code: the bits that stand for the weights of one word, in the form that the hardware wants them (signs, gates,
multiplexer settings). `encode` makes the codes and counts, for each word, the constant by which the hardware's sum
differs from the true one; that constant goes into the bias. The hardware then has no corrections at all: -x is the
complement of x, give or take a constant.

Signed inputs come in offset binary, as unsigned x + 2^(width - 1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Signal, Value

from hwgen.layers.block import Resources
from hwgen.layers.cells import Cells
from hwgen.layers.ternary_tree import Term, Tree, tree, tree_cost


class Shared(dict):
    """What the lanes of one component share: the cells of its target, and whatever an arithmetic keeps for all lanes."""

    def __init__(self, m: Module, platform):
        super().__init__()
        self.m, self.cells = m, Cells(m, platform)


@dataclass(frozen=True)
class Arithmetic(ABC):
    """Σ over `taps` inputs, each in x_lo..x_hi. Subclasses say how."""

    x_lo: int
    x_hi: int
    taps: int

    @property
    def offset(self) -> int:
        """What is added to a signed input to make it unsigned."""
        return input_offset(self.x_lo, self.x_hi)

    @property
    def x_width(self) -> int:
        """Bits of an input as the hardware gets it."""
        return input_bits(self.x_lo, self.x_hi)

    @property
    def mask(self) -> int:
        """An input of all ones: what the complement of an input adds up to with it."""
        return (1 << self.x_width) - 1

    @property
    @abstractmethod
    def delays(self) -> tuple[int, ...]:
        """For each bit of a lane's code how many cycles after the inputs it is wanted."""

    @abstractmethod
    def encode(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(words, lanes, taps) weights as codes (words, lanes, bits) bool and constants (words, lanes).

        sum = hardware's sum + constant.
        """

    @property
    def stored(self) -> int:
        """Bits of a lane's code that differ from each other, and so need memory."""
        return len(self.delays)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from the inputs to the sum."""

    @property
    def waits(self) -> tuple[int, ...]:
        """For each input the registers of its own that it comes through first."""
        return (0,) * self.taps

    @abstractmethod
    def build(self, shared: Shared, x: list, bits: list, words: np.ndarray) -> list[list[tuple[Value, int]]]:
        """For each lane its sum as one or two terms (raw, exponent) to be added, `latency` cycles after the inputs x.

        bits: for each lane its code, each bit with its delay. words: the weights, (words, lanes, taps). All lanes have
        the same inputs.
        """

    @abstractmethod
    def cost(self, lanes: int) -> Resources:
        """Of lanes that have the same inputs; without the weights' memory."""


class Trees(Arithmetic):
    """A tree of ternary adders for each lane, over leaves that are registers, `stages` cycles behind the inputs."""

    stages = 1

    @property
    @abstractmethod
    def runs(self) -> tuple[tuple[Term, int], ...]:
        """The leaves of the adder tree, as runs of like ones: (leaf, how many)."""

    @abstractmethod
    def leaves(self, shared: Shared, x: list, bits: list, words: np.ndarray) -> Iterator[list[Value]]:
        """The leaves of one lane after the other; arguments as of `build`."""

    @abstractmethod
    def leaf_cost(self, lanes: int) -> Resources:
        """The leaves with their registers, for lanes that have the same inputs; without the weights' memory."""

    @property
    def tree(self) -> Tree:
        return tree(self.runs)

    @property
    def latency(self):
        return self.stages + self.tree.depth

    def build(self, shared, x, bits, words):
        sums = []
        for leaves in self.leaves(shared, x, bits, words):
            roots = self.tree.build(shared.cells, leaves)
            sums.append([(value, term.exponent) for value, term in zip(roots, self.tree.roots)])
        return sums

    def cost(self, lanes):
        return self.leaf_cost(lanes) + tree_cost(self.runs) * lanes


class Lanewise(Trees):
    """Trees whose lanes share nothing that one couldn't make by itself."""

    def leaves(self, shared, x, bits, words):
        return (self.lane_leaves(shared, x, code, words[:, lane]) for lane, code in enumerate(bits))

    @abstractmethod
    def lane_leaves(self, shared: Shared, x: list, bits: list, words: np.ndarray) -> list[Value]:
        """One lane's leaves. bits: its code, each with its delay. words: the lane's weights, (words, taps)."""


def input_offset(lo: int, hi: int) -> int:
    """What makes an input in lo..hi unsigned, in as many bits: half of their range where it is signed."""
    return 1 << max(hi.bit_length(), (~lo).bit_length()) if lo < 0 else 0


def input_bits(lo: int, hi: int) -> int:
    return max((hi + input_offset(lo, hi)).bit_length(), 1)


def pairs(count: int) -> tuple[int, int]:
    """(pairs, one left over) of so many."""
    return divmod(count, 2)


def registered(m: Module, value) -> Signal:
    register = Signal(value.shape(), reset_less=True)
    m.d.sync += register.eq(value)
    return register
