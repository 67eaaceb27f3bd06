"""Neuron blocks of the calibration: every arithmetic, with weights that suit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hwgen.layers.block import Block
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.grouped import GroupedNeuron
from hwgen.layers.neuron import Neuron
from hwgen.layers.phased import PhasedNeuron
from hwgen.layers.taps import Taps
from hwgen.tensor import TensorType

U1, U2, U4, U8, S4, S8 = (0, 1), (0, 3), (0, 15), (0, 255), (-8, 7), (-128, 127)
BINARY, TERNARY, ODD = [-1, 1], [-1, 0, 1], [-7, -5, -3, -1, 1, 3, 5, 7]
POWERS, SPARSE_POWERS = [-4, -2, -1, 1, 2, 4], [-8, -1, 0, 2, 4]
BITS4, BITS8, UNSIGNED = list(range(-7, 8)), list(range(-127, 128)), list(range(8))


@dataclass(frozen=True)
class Shape:
    """taps: kernel and box. count, q: neurons, and how many of them in parallel. memory: of the weights."""

    arithmetic: str
    weights: list[int]
    inputs: tuple[int, int]
    taps: Taps
    count: int
    q: int
    memory: str = "auto"

    @property
    def name(self) -> str:
        (kh, kw), t = self.taps.kernel, self.taps
        least, most = min(self.weights), max(self.weights)
        return (
            f"neuron {self.arithmetic} {kh}×{kw}×{t.channels}→{self.count}, {t.parallel} × {self.q} a cycle, "
            f"weights {least}..{most}, inputs {self.inputs[0]}..{self.inputs[1]}, {self.memory}"
        )


def dense(inputs: int, lanes: int) -> Taps:
    return Taps((1, 1), inputs, lanes=lanes)


def box(size: int, channels: int, lanes: int) -> Taps:
    """A whole kernel of some lanes."""
    return Taps((size, size), channels, size, size, lanes)


NEURONS = [
    Shape("signs", BINARY, U4, dense(32, 8), 32, 4),
    Shape("signs", BINARY, U4, dense(128, 128), 12, 2),
    Shape("signs", BINARY, U4, box(3, 12, 4), 116, 4),
    Shape("signs", BINARY, U4, box(3, 12, 4), 116, 4, "logic"),
    Shape("signs", BINARY, U4, Taps((3, 3), 116, 1, 3, 4), 116, 4, "block"),
    Shape("signs", BINARY, U4, box(5, 8, 8), 32, 4),
    Shape("signs", BINARY, U1, dense(64, 64), 16, 4),
    Shape("signs", BINARY, S8, dense(48, 16), 10, 2),
    Shape("signs", BINARY, U4, dense(32, 1), 8, 1),
    Shape("signs", ODD, U4, dense(24, 12), 16, 4),
    Shape("gates", TERNARY, U4, dense(36, 36), 16, 1),
    Shape("gates", TERNARY, S8, dense(16, 4), 32, 4),
    Shape("gates", TERNARY, U2, box(3, 8, 2), 40, 8, "block"),
    Shape("shifts", POWERS, U4, dense(32, 8), 16, 2),
    Shape("shifts", SPARSE_POWERS, S8, dense(24, 6), 12, 3),
    Shape("shifts", SPARSE_POWERS, U1, dense(30, 10), 16, 4),
    Shape("planes", BITS4, U4, dense(64, 8), 32, 2),
    Shape("planes", BITS4, U4, box(7, 1, 1), 32, 2),
    Shape("planes", BITS8, S8, dense(32, 4), 16, 2, "block"),
    Shape("planes", UNSIGNED, U4, dense(45, 9), 20, 4),
    Shape("tables", BITS4, U4, box(7, 1, 1), 32, 8),
    Shape("tables", BITS4, U4, dense(16, 16), 16, 8),
    Shape("tables", BITS8, U8, dense(24, 6), 8, 4),
    Shape("tables", BINARY, U2, dense(40, 40), 32, 8),
    Shape("constants", BITS4, U4, dense(9, 9), 8, 8),
    Shape("constants", BITS8, S8, dense(12, 12), 6, 6),
    Shape("constants", BINARY, U4, dense(32, 32), 8, 8),
    Shape("constants", TERNARY, S4, dense(16, 16), 16, 16),
    Shape("serial", BITS4, U4, box(7, 1, 1), 32, 8),
    Shape("serial", BITS4, U4, box(3, 3, 3), 16, 8),
    Shape("serial", BITS8, S8, box(3, 2, 2), 8, 1),
    Shape("serial", TERNARY, U2, dense(40, 40), 8, 4),
    Shape("dsp", BITS8, S8, dense(32, 4), 16, 2),
    Shape("dsp", BITS8, (-(2**15), 2**15 - 1), dense(16, 2), 8, 1),
    Shape("dsp", BITS8, U8, dense(48, 12), 16, 2),
    Shape("dsp2", BITS8, U8, dense(32, 8), 16, 4),
    Shape("dsp2", BITS8, S8, box(3, 8, 1), 32, 2, "block"),
    Shape("dsp3", BITS4, U4, dense(64, 12 + 4), 18, 6),
    Shape("dsp3", BITS4, U4, dense(464, 4), 58, 58),
    Shape("auto", BITS4, U4, dense(5684, 4), 58, 1),
    Shape("auto", BITS4, U4, dense(1, 1), 1, 1),
]


def blocks(rng: Callable[[str], np.random.Generator]) -> dict[str, Block]:
    """Name -> block. rng: the numbers of a name."""
    found = {shape.name: neuron(shape, rng(shape.name)) for shape in NEURONS}
    for arithmetic, weights, taps, m, inputs in (
        ("auto", BITS4, box(3, 16, 2), 1, U4),
        ("planes", BITS4, Taps((3, 3), 16, 1, 3, 4), 1, U4),
        ("signs", BINARY, box(3, 12, 4), 2, U4),
        ("dsp", BITS8, Taps((3, 3), 8, 3, 1, 1), 1, S8),
    ):
        name = f"depthwise {arithmetic} {taps.parallel} of {taps.fan_in}, {m} kernels, weights to {max(weights)}"
        numbers = rng(name)
        matrix = numbers.choice(weights, (*taps.kernel, taps.channels, m)).astype(np.int64)
        bias, type_ = numbers.integers(-20, 20, taps.channels * m), TensorType((9, 9, taps.fan_in), *inputs)
        found[name] = DepthwiseNeuron(type_, taps, matrix, bias, arithmetic=arithmetic)
    return found | grouped(rng) | phased(rng)


def grouped(rng: Callable[[str], np.random.Generator]) -> dict[str, Block]:
    """(arithmetic, weights, inputs, taps, groups, neurons, in parallel)"""
    found = {}
    for arithmetic, weights, inputs, taps, groups, count, q in (
        ("planes", BITS4, U4, box(3, 16, 4), 4, 16, 2),
        ("signs", BINARY, U4, Taps((3, 3), 32, 1, 3, 4), 2, 32, 4),
        ("auto", BITS4, U4, box(3, 16, 8), 4, 16, 4),
        ("gates", TERNARY, S8, dense(24, 12), 4, 16, 4),
    ):
        name = f"grouped {arithmetic} {taps.parallel} of {taps.fan_in} in {groups} groups × {q} of {count}"
        numbers = rng(name)
        matrix = numbers.choice(weights, (*taps.kernel, taps.channels // groups, count)).astype(np.int64)
        bias, type_ = numbers.integers(-20, 20, count), TensorType((9, 9, taps.fan_in), *inputs)
        options = {"neurons": q, "arithmetic": arithmetic, "groups": groups}
        found[name] = GroupedNeuron(type_, taps, matrix, bias, **options)
    return found


def phased(rng: Callable[[str], np.random.Generator]) -> dict[str, Block]:
    """(arithmetic, weights, inputs, taps, phases, neurons, in parallel, memory)"""
    found = {}
    for arithmetic, weights, inputs, taps, phases, count, q, memory in (
        ("planes", BITS4, U4, box(2, 8, 4), (2, 2), 16, 2, "auto"),
        ("signs", BINARY, U4, Taps((2, 2), 16, 1, 2, 8), (2, 2), 16, 4, "block"),
        ("gates", TERNARY, S8, dense(12, 12), (3, 2), 8, 2, "auto"),
        ("tables", BITS4, U4, box(2, 6, 6), (2, 2), 8, 4, "logic"),
        ("dsp", BITS8, S8, dense(8, 4), (1, 2), 6, 3, "auto"),
    ):
        name = (
            f"phased {arithmetic} {taps.parallel} of {taps.fan_in}, {phases[0]}×{phases[1]} phases × {q} of {count}, "
            f"weights to {max(weights)}, {memory}"
        )
        numbers = rng(name)
        matrix = numbers.choice(weights, (*phases, *taps.kernel, taps.channels, count)).astype(np.int64)
        bias, type_ = numbers.integers(-20, 20, count), TensorType((18, 18, taps.fan_in), *inputs)
        options = {"neurons": q, "memory": memory, "arithmetic": arithmetic}
        found[name] = PhasedNeuron(type_, taps, matrix, bias, **options)
    return found


def neuron(shape: Shape, rng: np.random.Generator) -> Neuron:
    taps = shape.taps
    weights = rng.choice(shape.weights, (*taps.kernel, taps.channels, shape.count)).astype(np.int64)
    bias, type_ = rng.integers(-20, 20, shape.count), TensorType((9, 9, taps.fan_in), *shape.inputs)
    return Neuron(type_, taps, weights, bias, neurons=shape.q, memory=shape.memory, arithmetic=shape.arithmetic)
