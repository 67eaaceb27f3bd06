"""A line plot as SVG text, with what a page needs and nothing else: logarithmic x, linear y, limits drawn across."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 440  # pixels
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 40, 56  # margins; the names of the lines stand on the right
COLOURS = ("#3b6fb6", "#c0672b", "#3d8f4f", "#8a4fb0", "#8c6d31", "#4d4d4d")


@dataclass(frozen=True)
class Line:
    """A named line through points (x, y), x > 0, marked at each."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Limit:
    """A horizontal line across the plot."""

    name: str
    y: float
    dashed: bool = False


def svg(title: str, x_label: str, y_label: str, lines: Sequence[Line], limits: Sequence[Limit], y_most: float) -> str:
    """The plot as an SVG document. Points above y_most are left out, and the line runs out of the plot to them."""
    xs = [x for line in lines for x, _ in line.points]
    low, high = math.log10(min(xs)), math.log10(max(xs))
    if high - low < 0.1:
        low, high = low - 0.1, high + 0.1
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(x: float) -> float:
        return LEFT + (math.log10(x) - low) / (high - low) * (right - LEFT)

    def up(y: float) -> float:
        return bottom - y / y_most * (bottom - TOP)

    parts = [f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>']
    for x in _decades(low, high):
        parts.append(f'<line class="grid" x1="{across(x):.1f}" y1="{TOP}" x2="{across(x):.1f}" y2="{bottom}"/>')
        parts.append(f'<text x="{across(x):.1f}" y="{bottom + 18}" text-anchor="middle">{x:,g}</text>')
    step = _step(y_most)
    for k in range(int(y_most / step + 1e-9) + 1):
        y = up(k * step)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{k * step:g}</text>')
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>')
    middle = (TOP + bottom) / 2
    parts.append(f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(
        f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">{escape(y_label)}</text>'
    )
    for limit in limits:
        dash = ' stroke-dasharray="6 4"' if limit.dashed else ""
        parts.append(
            f'<line class="limit"{dash} x1="{LEFT}" y1="{up(limit.y):.1f}" x2="{right}" y2="{up(limit.y):.1f}"/>'
            f'<text x="{right + 8}" y="{up(limit.y) + 4:.1f}" fill="#c0392b">{escape(limit.name)}</text>'
        )
    parts.append(
        f'<clipPath id="plot"><rect x="{LEFT}" y="{TOP - 6}" width="{right - LEFT + 6}" height="{bottom - TOP + 12}"/></clipPath>'
    )
    for k, (line, colour) in enumerate(zip(lines, COLOURS)):
        places = [(across(x), up(y)) for x, y in sorted(line.points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        marks = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places if y >= TOP - 3)
        parts.append(
            f'<g fill="{colour}" stroke="{colour}" clip-path="url(#plot)">'
            f'<polyline fill="none" stroke-width="2" points="{path}"/>{marks}</g>'
        )
        y = bottom - 18 * (len(lines) - k)
        parts.append(
            f'<rect x="{right + 8}" y="{y - 9}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{right + 24}" y="{y}">{escape(line.name)}</text>'
        )
    style = (
        "text{font:12px sans-serif}.grid{stroke:#e3e6ec}.axis{stroke:#1d2430;fill:none}"
        ".limit{stroke:#c0392b;stroke-width:1.5}"
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">\n'
        f'<style>{style}</style>\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten between two logarithms; powers alone where that would be too many."""
    every = (1, 2, 5) if high - low <= 2.5 else (1,)
    values = [digit * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for digit in every]
    return [value for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]


def _step(most: float) -> float:
    """A round distance that divides [0, most] into about eight."""
    power = 10.0 ** math.floor(math.log10(most / 8))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power * 10 >= most)
