"""The blocks of the calibration: every kind, at several foldings, widths and memories, with weights from fixed seeds."""

from __future__ import annotations

import zlib

import numpy as np

from benchmarks import sweep_moves, sweep_neurons, sweep_windows
from hwgen.layers.add import Add
from hwgen.layers.block import Block
from hwgen.layers.cat import Cat
from hwgen.layers.convert import Convert
from hwgen.layers.fifo import Fifo
from hwgen.layers.fork import Fork
from hwgen.layers.pad import Pad
from hwgen.layers.requantize import Requantize
from hwgen.layers.scale import Scale
from hwgen.layers.sink import Sink
from hwgen.layers.source import Source
from hwgen.layers.threshold import Threshold
from hwgen.tensor import TensorType

U4, U8, S8, S12 = (0, 15), (0, 255), (-128, 127), (-2048, 2047)


def rng(name: str) -> np.random.Generator:
    """The numbers of a block: the same ones every time, and others for every name."""
    return np.random.default_rng(zlib.crc32(name.encode()))


def kind(name: str) -> str:
    """The kind of a block, the first word of its name."""
    return name.split()[0]


def blocks() -> dict[str, Block]:
    """Name -> block."""
    found = {**sweep_neurons.blocks(rng), **sweep_windows.blocks(rng), **fifos(), **converters(), **joins()}
    return found | thresholds() | requantizers() | scales() | ends() | sweep_moves.blocks()


def fifos() -> dict[str, Block]:
    """(bits, depth, memory)"""
    shapes = [(4, 2, "auto"), (32, 2, "auto"), (1, 16, "auto"), (32, 16, "auto"), (12, 33, "auto"), (8, 64, "auto")]
    shapes += [(4, 120, "auto"), (16, 128, "distributed"), (9, 250, "distributed"), (36, 500, "block")]
    shapes += [(64, 1000, "block"), (6, 2000, "auto"), (20, 4000, "block")]
    found = {}
    for bits, depth, memory in shapes:
        found[f"fifo {bits}×{depth} {memory}"] = Fifo(TensorType((64, 64, 1), 0, 2**bits - 1), 1, depth, memory)
    found["fifo 16×1"] = Fifo(TensorType((64, 64, 4), *U4), 4, 1)
    found["fifo 16×40 a beat in 5 cycles"] = Fifo(TensorType((64, 64, 4), *U4), 4, 40, spacing=5)
    return found


def converters() -> dict[str, Block]:
    found = {}
    for before, after in ((1, 8), (8, 1), (1, 32), (32, 4), (4, 6), (3, 2)):
        found[f"convert {before}→{after}"] = Convert(TensorType((20, 20, 96), *U4), before, after)
    for padding, lanes in (((1, 1, 1, 1), 4), ((2, 0, 3, 1), 1)):
        found[f"pad {padding}, {lanes} lanes"] = Pad(TensorType((30, 30, 8), *S8), padding, lanes)
    return found


def joins() -> dict[str, Block]:
    four = [TensorType((28, 28, channels), *U4) for channels in (32, 32, 16, 8)]
    found: dict[str, Block] = {f"cat {n} parts, 8 lanes": Cat(tuple(four[:n]), 8) for n in (2, 4)}
    for fan_out in (2, 4):
        found[f"fork {fan_out} outputs"] = Fork(four[0], 8, fan_out)
    wide, other = TensorType((8, 8, 16), *S12), TensorType((8, 8, 16), *S8)
    for parts, multipliers, lanes in (
        ((wide, other), (1, 1), 1),
        ((wide, other), (1, 16), 4),
        ((wide, wide, other), (1, 3, 5), 2),
        ((other,), (11,), 4),
    ):
        found[f"add {len(parts)} times {multipliers}, {lanes} lanes"] = Add(parts, multipliers, 0, 1, lanes)
    return found


def thresholds() -> dict[str, Block]:
    """(levels, rows of thresholds, lanes, memory, falling channels), inputs of 12 bits, 32 channels."""
    shapes = [(1, 1, 4, "auto", False), (7, 1, 1, "auto", False), (15, 1, 8, "auto", False), (15, 32, 2, "auto", True)]
    shapes += [(15, 32, 4, "block", False), (63, 1, 2, "auto", False), (255, 1, 1, "auto", False)]
    shapes += [(255, 32, 1, "auto", False), (1, 32, 8, "auto", True), (3, 32, 32, "auto", False)]
    found = {}
    for levels, rows, lanes, memory, falls in shapes:
        name = f"threshold {levels} levels × {rows}, {lanes} lanes, {memory}"
        numbers = rng(name)
        edges = np.sort(numbers.integers(-2000, 2000, (rows, levels)), axis=1)
        falling = numbers.integers(0, 2, rows).astype(bool) if falls else np.zeros(rows, dtype=bool)
        found[name] = Threshold(TensorType((8, 8, 32), *S12), edges, falling, 0, 0, lanes, memory)
    return found


def requantizers() -> dict[str, Block]:
    found = {}
    for (lo, hi), shift, ends, lanes in (
        (S12, 5, U4, 1),
        (S12, 3, (-7, 7), 8),
        (S12, 2, S8, 4),
        ((0, 1000), 0, U8, 4),
        (S8, -2, (-200, 300), 2),
        ((-(2**19), 2**19), 11, S8, 2),
    ):
        name = f"requantize {lo}..{hi} >> {shift} to {ends[0]}..{ends[1]}, {lanes} lanes"
        found[name] = Requantize(TensorType((8, 8, 16), lo, hi), shift, *ends, 0, lanes)
    return found


def scales() -> dict[str, Block]:
    """(input, bits of multipliers, bits of offsets, lanes, different constants), 16 channels."""
    found = {}
    for (lo, hi), multiplier, offset, lanes, different in (
        (S12, 8, 10, 1, 16),
        (S12, 8, 10, 4, 16),
        (U4, 3, 6, 2, 16),
        ((-(2**20), 2**20), 16, 30, 2, 16),
        ((-(2**30), 2**30), 14, 40, 1, 16),
        (S12, 8, 10, 16, 1),
    ):
        name = f"scale {lo}..{hi} times {multiplier} bits, {different} constants, {lanes} lanes"
        numbers = rng(name)
        multipliers = np.resize(numbers.integers(-(2**multiplier), 2**multiplier, different), 16)
        offsets = np.resize(numbers.integers(-(2**offset), 2**offset, different), 16)
        found[name] = Scale(TensorType((8, 8, 16), lo, hi), multipliers, offsets, 0, lanes)
    for ways in (1, 4):
        name = f"scale by {ways} powers of two, 4 lanes"
        powers = rng(name).choice([1, 4, -8, 2][:ways], 16)
        found[name] = Scale(TensorType((8, 8, 16), *S12), powers, np.arange(16), 0, 4)
    return found


def ends() -> dict[str, Block]:
    image, classes = TensorType((224, 224, 3), *U8), TensorType((1, 1, 60), *S12)
    found: dict[str, Block] = {f"source {lanes} lanes": Source(image, lanes) for lanes in (1, 3)}
    for lanes, top1 in ((1, False), (4, False), (1, True), (4, True), (12, True)):
        found[f"sink {lanes} lanes{', argmax' if top1 else ''}"] = Sink(classes, lanes, top1)
    return found
