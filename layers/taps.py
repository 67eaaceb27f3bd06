"""The order in which a window position is handed to a neuron block: what the two of them share.

A position of a Kh × Kw window over C channels holds Kh·Kw·C values. A beat carries a box of them: `rows` kernel rows × `columns`
kernel columns × `lanes` channels, each a divisor of its dimension. Channel groups go outermost, so that the same order serves
convolution, depthwise convolution and pooling:

    for channel group: for row group: for column group: one beat [row in group, column in group, channel in group]

Every divisor of Kh·Kw·C can be had this way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Taps:
    """kernel: (Kh, Kw). channels: C. rows, columns, lanes: the box of a beat."""

    kernel: tuple[int, int]
    channels: int
    rows: int = 1
    columns: int = 1
    lanes: int = 1

    def __post_init__(self):
        for size, part, name in (
            (self.kernel[0], self.rows, "rows"),
            (self.kernel[1], self.columns, "columns"),
            (self.channels, self.lanes, "lanes"),
        ):
            if part < 1 or size % part:
                raise ValueError(f"taps: {part} {name} do not divide {size}")

    @property
    def fan_in(self) -> int:
        return self.kernel[0] * self.kernel[1] * self.channels

    @property
    def parallel(self) -> int:
        """Values a beat."""
        return self.rows * self.columns * self.lanes

    @property
    def beats(self) -> int:
        """Beats a position."""
        return self.fan_in // self.parallel

    @property
    def groups(self) -> int:
        """Channel groups a position."""
        return self.channels // self.lanes

    def order(self) -> np.ndarray:
        """(fan_in,): for each value in stream order its index in the canonical (kernel row, kernel column, channel) order."""
        (kh, kw), c = self.kernel, self.channels
        index = np.arange(self.fan_in).reshape(
            kh // self.rows, self.rows, kw // self.columns, self.columns, c // self.lanes, self.lanes
        )
        return index.transpose(4, 0, 2, 1, 3, 5).reshape(-1)


def divisors(n: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(n) + 1) if n % d == 0]
    return small + [n // d for d in reversed(small) if d * d != n]
