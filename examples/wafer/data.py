"""Synthetic wafer maps: 224×224 pixels of three levels, 58 classes of defect patterns and their mixtures.

Every map is a function of a seed and its number alone, so a data set is a seed and a range of numbers: nothing to
download or to store, and as many maps as training likes. Class `number % 58`, so any run of maps is balanced.

A pixel is k/16 with k in 0..15, four bits: 0 off the wafer, 8/16 a good die, 15/16 a failed one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from itertools import product
from multiprocessing import get_context
from multiprocessing.pool import Pool

import numpy as np
from patterns import PATTERNS

SIDE = 224
OFF, GOOD, FAILED = 0, 8, 15  # sixteenths
TRAIN_SEED, TEST_SEED, CALIBRATION_SEED = 1, 2, 3
TEST_WAFERS = 2900  # fifty of each class
AHEAD = 16  # batches made before they are asked for


def _classes() -> tuple[tuple[str, ...], ...]:
    """The patterns of each class.

    36: centre or donut or neither, with edge-local or edge-ring or neither, with local or not, with scratch or not;
    20: random dies and at most two of those; 1: centre in a donut; 1: near-full.
    The 38 classes of MixedWM38 are among them.
    """
    parts = (("centre", "donut"), ("edge-local", "edge-ring"), ("local",), ("scratch",))
    mixtures = [tuple(filter(None, picked)) for picked in product(*(("", *part) for part in parts))]
    mixtures.sort(key=len)
    with_random = [(*mixture, "random") for mixture in mixtures if len(mixture) <= 2]
    return (*mixtures, *with_random, ("centre", "donut"), ("near-full",))


CLASSES = _classes()
NAMES = tuple(" + ".join(patterns) or "none" for patterns in CLASSES)


def wafer(seed: int, number: int) -> tuple[np.ndarray, int]:
    """Map `number` of that seed, uint8 (224, 224) in sixteenths, and its class."""
    rng = np.random.default_rng((seed, number))
    label = number % len(CLASSES)
    radius = rng.uniform(0.93, 1.0) * SIDE / 2  # of the wafer, in pixels
    across = rng.integers(28, 57)  # dies on the diameter
    die = np.array([2 / across, 2 / across]) * rng.permutation([1.0, rng.uniform(0.65, 1.0)])  # width, height
    grid, x, y = _dies(rng, die)
    fails = rng.uniform(0.002, 0.03) * np.ones(x.shape, np.float32)  # a few fail on any wafer
    for name in CLASSES[label]:
        fails = 1 - (1 - fails) * (1 - PATTERNS[name](rng, x, y, die))
    level = np.where(rng.random(x.shape, np.float32) < fails, FAILED, GOOD).astype(np.uint8)
    level[np.hypot(np.abs(x) + die[0] / 2, np.abs(y) + die[1] / 2) > 1] = OFF
    return _picture(rng, level, die * radius, grid), label


def _dies(rng, die: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far the grid of dies is moved (x, y in dies), and the centres of all dies, in units of the radius."""
    grid = rng.uniform(0, 1, 2)
    half = np.ceil(1 / die).astype(int) + 1
    x, y = ((np.arange(-n, n + 1) + moved) * size for n, moved, size in zip(half, grid, die))
    return grid, *np.meshgrid(x.astype(np.float32), y.astype(np.float32))


def _picture(rng, level: np.ndarray, die: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """The dies as the prober sees them: wafer turned by a quarter any number of times and by up to three degrees, a
    little off centre. die: (width, height) in pixels."""
    tilt = np.radians(rng.uniform(-3, 3))
    middle = (SIDE - 1) / 2 + rng.uniform(-2, 2, 2)
    column, row = ((np.arange(SIDE) - m).astype(np.float32) for m in middle)
    cos, sin = np.cos(tilt), np.sin(tilt)
    rows, columns = level.shape
    j = (column * (cos / die[0])) + (row * (sin / die[0]))[:, None] + (columns // 2 - grid[0] + 0.5)
    i = (column * (-sin / die[1])) + (row * (cos / die[1]))[:, None] + (rows // 2 - grid[1] + 0.5)
    inside = (i >= 0) & (i < rows) & (j >= 0) & (j < columns)
    i, j = i.astype(np.int32), j.astype(np.int32)
    flat = np.where(inside, i * columns + j, 0)  # the first die lies off the wafer
    return np.rot90(level.ravel()[flat], rng.integers(4))


def batch(job: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(seed, first number, how many): maps, uint8 (N, 224, 224, 1) in sixteenths, and classes (N,) int32."""
    seed, first, count = job
    made = [wafer(seed, number) for number in range(first, first + count)]
    return np.stack([image for image, _ in made])[..., np.newaxis], np.array([label for _, label in made], np.int32)


def workers() -> Pool:
    """Processes to make maps in; spawned, not forked, since TensorFlow and JAX have threads."""
    return get_context("spawn").Pool(min(8, os.cpu_count() or 1))


def batches(pool: Pool, seed: int, first: int, count: int, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Maps first..first+count-1 in batches of that size, made ahead while the caller computes."""
    results: deque = deque()
    for start in range(first, first + count, size):
        results.append(pool.apply_async(batch, ((seed, start, min(size, first + count - start)),)))
        if len(results) > AHEAD:
            yield results.popleft().get()
    while results:
        yield results.popleft().get()


def whole(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` maps at once: pixels as the network takes them, float32 (N, 224, 224, 1), and classes."""
    with workers() as pool:
        parts = list(batches(pool, seed, 0, count, 100))
    return np.concatenate([x for x, _ in parts]).astype(np.float32) / 16, np.concatenate([y for _, y in parts])
