"""Ways to compute Σ w·x over the inputs of a beat, one class each, all with the same interface.

What a way of multiplying needs each cycle is a code: the bits that stand for the weights of one word, in the form that
the hardware wants them (signs pulled out of sums, gates, multiplexer settings). `encode` makes the codes and counts,
for each word, the constant by which the hardware's sum differs from the true one; that constant goes into the bias.
The hardware then has no corrections at all.

Signed inputs come in offset binary, as unsigned x + 2^(width - 1): unsigned adders are a bit narrower.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Signal, Value

from hwgen.layers.adder_tree import Operand, Outline, Tree, outline, plan
from hwgen.layers.block import Resources


@dataclass(frozen=True)
class Arithmetic(ABC):
    """Σ over `taps` inputs, each in x_lo..x_hi. Subclasses say how.

    halve:  1 where the hardware's sum is twice the true one.
    stages: cycles between the inputs and the leaves of the adder tree.
    """

    x_lo: int
    x_hi: int
    taps: int

    halve = 0
    stages = 0
    offset_binary = True
    dsp_per_tap = 0

    @property
    def offset(self) -> int:
        """What is added to a signed input to make it unsigned."""
        return 1 << max(self.x_hi.bit_length(), (~self.x_lo).bit_length()) if self.x_lo < 0 else 0

    @property
    def x(self) -> Operand:
        """An input as the hardware gets it."""
        return Operand(self.x_lo + self.offset, self.x_hi + self.offset)

    @property
    @abstractmethod
    def runs(self) -> tuple[tuple[Operand, int], ...]:
        """The leaves of the adder tree, as runs of like ones: (leaf, how many)."""

    @abstractmethod
    def digits(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(words, lanes, taps) weights as signs (±1) and offsets of the leaves, and the bits that make the leaves.

        All (words, lanes, ...), the bits bool.
        """

    @abstractmethod
    def operands(self, m: Module, x: list, bits: list, words: np.ndarray) -> list:
        """The leaves, `stages` cycles after the inputs x.

        bits: those of `digits`. words: the lane's weights, (words, taps).
        """

    @property
    def code_bits(self) -> int:
        """Bits that make the leaves, a word."""
        return 0

    # --- common to all: leaves, tree, sign of the root -------------------------------------------------------------

    @property
    def tree(self) -> Tree:
        return plan(tuple(leaf for leaf, count in self.runs for _ in range(count)))

    @property
    def outline(self) -> Outline:
        return outline(self.runs)

    @property
    def latency(self) -> int:
        """Cycles from the inputs to the sum."""
        return self.stages + self.outline.depth

    @property
    def bits(self) -> tuple[int, int]:
        """(bits of a lane's code, the sum of their delays): what `delays` comes to."""
        late = self.outline.bits
        delays = sum((self.stages + level) * count for level, count in enumerate(late)) + self.latency
        return self.code_bits + sum(late) + 1, delays

    @property
    def delays(self) -> tuple[int, ...]:
        """For each bit of a lane's code how many cycles after the inputs it is wanted.

        The last bit says whether the root is added.
        """
        return (0,) * self.code_bits + tuple(self.stages + slot for slot in self.tree.slots) + (self.latency,)

    def encode(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(words, lanes, taps) weights as codes (words, lanes, bits) and constants (words, lanes).

        sum · 2^halve = hardware's sum + constant.
        """
        signs, offsets, bits = self.digits(weights)
        slots, sign, offset = self.tree.encode(signs, offsets)
        return close(np.concatenate([bits, slots], axis=-1), sign, offset, self.tree.root)

    def build(self, m: Module, x: list, bits: list, words: np.ndarray, shared: dict):
        """One lane: its sum, `latency` cycles after the inputs x. bits: its code, each with its delay.

        shared: a dict for what lanes of the same inputs can share.
        """
        leaves = self.operands(m, x, bits[: self.code_bits], words)
        root = self.tree.build(m, leaves, bits[self.code_bits : -1])
        return Sum(root, bits[-1], self.tree.root.sign, self.tree.root.exponent)

    def cost(self, lanes: int) -> Resources:
        """Adders and their operands for lanes that have the same inputs; without the weights' memory."""
        return self.outline.cost * lanes


def close(bits, sign, offset, root: Operand):
    """Appends the bit that adds the root rather than subtracts it; moves the root's exponent into the constant.

    Where that bit is not known beforehand, adding is subtracting the complement: root - (2^width - 1).
    """
    positive = sign > 0
    mask = (1 << root.width) - 1 if root.sign == 0 else 0
    constant = np.where(positive, offset + mask, -offset) << root.exponent
    return np.concatenate([bits, positive[..., None]], axis=-1), constant


@dataclass(frozen=True)
class Sum:
    """What a lane's tree delivers, ±value · 2^exponent. sign: +1, -1, or 0 where the bit `positive` says it."""

    value: Value
    positive: Value
    sign: int
    exponent: int


def registered(m: Module, value) -> Signal:
    register = Signal(value.shape(), reset_less=True)
    m.d.sync += register.eq(value)
    return register
