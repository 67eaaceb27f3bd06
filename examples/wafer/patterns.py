"""Defect patterns: how likely each die of a wafer fails, where a machine, a particle or a hand left its mark.

The eight kinds are those of the public sets of real wafer maps, WM-811K (M.-J. Wu, J.-S. R. Jang, J.-L. Chen, IEEE
Trans. Semicond. Manuf. 28, 2015) and MixedWM38 (J. Wang et al., same journal, 33, 2020). Shapes and odds are made up.

Coordinates are those of die centres: x, y in units of the wafer's radius, (rows, columns) arrays. Each pattern draws its
own size, place and severity from `rng` and returns the probability of failing for each die, float32 in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def centre(rng, x, y, die):
    """A blob about the middle."""
    dx, dy = rng.uniform(-0.1, 0.1, 2)
    return _severity(rng) * _blob(rng, x - dx, y - dy, rng.uniform(0.18, 0.34))


def donut(rng, x, y, die):
    """A ring about halfway out, good inside."""
    dx, dy = rng.uniform(-0.1, 0.1, 2)
    radius, width = rng.uniform(0.38, 0.58), rng.uniform(0.08, 0.14)
    distance = np.abs(np.hypot(x - dx, y - dy) - radius)
    return _severity(rng) * _soft(width - distance, 0.03)


def edge_local(rng, x, y, die):
    """A part of the edge: 30 to 110 degrees of it."""
    middle, span = rng.uniform(-np.pi, np.pi), rng.uniform(0.26, 0.96)
    angle = np.abs(np.angle(np.exp(1j * (np.arctan2(y, x) - middle))).astype(np.float32))
    return _edge(rng, x, y, die) * _soft(span - angle, 0.05)


def edge_ring(rng, x, y, die):
    """The whole edge, but for a gap now and then."""
    ring = _edge(rng, x, y, die)
    if rng.random() < 0.3:
        middle, gap = rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 0.35)
        angle = np.abs(np.angle(np.exp(1j * (np.arctan2(y, x) - middle))).astype(np.float32))
        ring = ring * _soft(angle - gap, 0.05)
    return ring


def local(rng, x, y, die):
    """A blob away from the middle and from the edge."""
    angle, away = rng.uniform(-np.pi, np.pi), rng.uniform(0.42, 0.66)
    return _severity(rng) * _blob(rng, x - away * np.cos(angle), y - away * np.sin(angle), rng.uniform(0.11, 0.19))


def scratch(rng, x, y, die):
    """A line, straight or bent, one or two dies wide, about as long as the wafer's radius."""
    steps = np.linspace(-0.5, 0.5, 120, dtype=np.float32) * rng.uniform(0.9, 1.4)
    heading = rng.uniform(-np.pi, np.pi) + steps * rng.uniform(-1.4, 1.4)
    pace = steps[1] - steps[0]
    along, across = np.cumsum(np.cos(heading)) * pace, np.cumsum(np.sin(heading)) * pace
    angle, away = rng.uniform(-np.pi, np.pi), rng.uniform(0.0, 0.45)
    along += away * np.cos(angle) - along.mean()
    across += away * np.sin(angle) - across.mean()
    pitch_x, pitch_y = x[0, 1] - x[0, 0], y[1, 0] - y[0, 0]
    field = np.zeros(x.shape, np.float32)
    for shift in (0.0, 0.5) if max(die) < 0.045 else (0.0,):  # small dies: two of them abreast
        column = np.rint((along - x[0, 0]) / pitch_x + shift).astype(int)
        row = np.rint((across - y[0, 0]) / pitch_y + shift).astype(int)
        inside = (column >= 0) & (column < x.shape[1]) & (row >= 0) & (row < x.shape[0])
        field[row[inside], column[inside]] = rng.uniform(0.85, 1.0)
    return field


def near_full(rng, x, y, die):
    """Nearly every die, a little fewer to one side."""
    angle, lean = rng.uniform(-np.pi, np.pi), rng.uniform(0.0, 0.12)
    return rng.uniform(0.72, 0.92) + lean * (x * np.cos(angle) + y * np.sin(angle))


def random(rng, x, y, die):
    """Dies anywhere, with no shape."""
    return np.full(x.shape, rng.uniform(0.10, 0.22), np.float32)


PATTERNS: dict[str, Callable] = {
    "centre": centre,
    "donut": donut,
    "edge-local": edge_local,
    "edge-ring": edge_ring,
    "local": local,
    "scratch": scratch,
    "near-full": near_full,
    "random": random,
}


def _severity(rng) -> float:
    return rng.uniform(0.7, 1.0)


def _soft(inside: np.ndarray, width: float) -> np.ndarray:
    """1 where `inside` is positive, 0 where it is negative, a ramp of `width` to either side between."""
    return np.clip(0.5 + inside / (2 * width), 0, 1).astype(np.float32)


def _blob(rng, x, y, radius: float) -> np.ndarray:
    """An ellipse of that mean radius, up to 1.5 times as long as wide, with a soft rim."""
    angle, stretch = rng.uniform(-np.pi, np.pi), np.sqrt(rng.uniform(1.0, 1.5))
    along = (x * np.cos(angle) + y * np.sin(angle)) / stretch
    across = (y * np.cos(angle) - x * np.sin(angle)) * stretch
    return _soft(radius - np.hypot(along, across), 0.05)


def _edge(rng, x, y, die) -> np.ndarray:
    """The outermost dies: at least one and a half of them deep, whatever their size."""
    depth = max(rng.uniform(0.07, 0.14), 1.5 * max(die))
    return _severity(rng) * _soft(np.hypot(x, y) - (1 - depth), 0.02)
