"""Windows, reductions and pools of the calibration: every style of window, with its memories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hwgen.layers.block import Block
from hwgen.layers.pool import Pool
from hwgen.layers.reduce import Reduce
from hwgen.layers.taps import Taps
from hwgen.layers.window import Window
from hwgen.tensor import TensorType

U4, S8 = (0, 15), (-128, 127)
SAME3, SAME5 = (1, 1, 1, 1), (2, 2, 2, 2)


@dataclass(frozen=True)
class Shape:
    """side: of a square frame. build: "ring" or "lines". spare: whether the ring bridges two frames."""

    side: int
    taps: Taps
    stride: int
    padding: tuple[int, int, int, int]
    build: str = "ring"
    memory: str = "auto"
    spare: bool = False
    ends: tuple[int, int] = U4
    dilation: tuple[int, int] = (1, 1)

    @property
    def window(self) -> Window:
        type_ = TensorType((self.side, self.side, self.taps.channels), *self.ends)
        made = Window(type_, self.taps, (self.stride,) * 2, self.padding, 0, self.memory, dilation=self.dilation)
        if self.build == "lines":
            return made.with_lines
        return replace(made, spare=made.full_spare) if self.spare else made

    @property
    def name(self) -> str:
        (kh, kw), t, w = self.taps.kernel, self.taps, self.window
        dilated = f", dilation {self.dilation}" if self.dilation != (1, 1) else ""
        return (
            f"window {w.style} {kh}×{kw}×{t.channels} s{self.stride} of {self.side}×{self.side}, {t.rows}×{t.columns}×"
            f"{t.lanes} a beat, padding {sum(self.padding)}, {self.memory}{', spare rows' if self.spare else ''}{dilated}"
        )


def box(size: int, channels: int, lanes: int) -> Taps:
    return Taps((size, size), channels, size, size, lanes)


WINDOWS = [
    Shape(28, box(3, 8, 8), 1, SAME3),
    Shape(56, box(3, 8, 8), 1, SAME3, memory="block"),
    Shape(28, box(3, 4, 4), 2, (0, 1, 0, 1)),
    Shape(28, box(3, 4, 4), 1, SAME3, spare=True),
    Shape(56, box(5, 8, 2), 1, SAME5),
    Shape(56, box(3, 12, 4), 2, (0, 1, 0, 1), memory="distributed"),
    Shape(28, Taps((3, 3), 16, 1, 1, 4), 1, SAME3),
    Shape(28, Taps((3, 3), 16, 3, 1, 4), 1, SAME3),
    Shape(28, Taps((3, 3), 16, 1, 3, 2), 2, (0, 1, 0, 1), memory="distributed"),
    Shape(56, Taps((5, 5), 8, 5, 1, 1), 1, SAME5, memory="block"),
    Shape(14, Taps((3, 3), 116, 3, 3, 4), 2, (0, 1, 0, 1)),
    Shape(14, Taps((3, 3), 116, 1, 3, 4), 2, (0, 1, 0, 1)),
    Shape(224, box(7, 1, 1), 2, (0, 0, 0, 0), "lines"),
    Shape(56, box(3, 8, 8), 1, SAME3, "lines"),
    Shape(56, box(3, 8, 8), 1, SAME3, "lines", "block"),
    Shape(56, box(5, 8, 8), 1, SAME5, "lines"),
    Shape(28, box(3, 12, 12), 2, (0, 1, 0, 1), "lines"),
    Shape(20, box(2, 3, 3), 1, (0, 0, 0, 0), "lines", ends=S8),
    Shape(224, box(3, 1, 1), 1, SAME3, "lines", "distributed", ends=S8),
    Shape(28, Taps((1, 5), 4, 1, 5, 4), 1, (0, 0, 2, 2)),
    Shape(28, Taps((1, 1), 16, lanes=4), 2, (0, 0, 0, 0)),
    Shape(28, Taps((3, 1), 8, 3, 1, 4), 1, (1, 1, 0, 0)),
    Shape(28, box(3, 8, 8), 1, SAME5, dilation=(2, 2)),
    Shape(28, box(3, 8, 8), 1, SAME5, "lines", dilation=(2, 2)),
    Shape(28, Taps((3, 3), 16, 3, 1, 4), 1, SAME5, dilation=(2, 2)),
    Shape(28, Taps((3, 3), 16, 1, 1, 4), 1, (3, 3, 2, 2), dilation=(3, 2)),
    Shape(28, box(2, 4, 4), 1, (2, 0, 2, 0), "lines", dilation=(2, 2)),
    Shape(60, Taps((1, 3), 8, 1, 3, 8), 1, (0, 0, 8, 0), dilation=(1, 4)),
]


def blocks(rng: Callable[[str], np.random.Generator]) -> dict[str, Block]:
    """Name -> block; nothing here is random."""
    return {shape.name: shape.window for shape in WINDOWS} | reductions() | pools()


def reductions() -> dict[str, Block]:
    found = {}
    for kind, taps, ends in (
        ("max", box(3, 32, 4), U4),
        ("max", Taps((3, 3), 32, 1, 3, 8), U4),
        ("max", box(2, 4, 1), (-1000, 1000)),
        ("sum", box(3, 8, 4), S8),
        ("sum", Taps((4, 4), 8, 1, 1, 2), U4),
    ):
        name = f"reduce {kind} {taps.parallel} of {taps.fan_in}, {ends[0]}..{ends[1]}"
        found[name] = Reduce(TensorType((12, 12, taps.fan_in), *ends), taps, kind)
    return found


def pools() -> dict[str, Block]:
    found = {}
    for kind, shape, kernel, lanes, ends in (
        ("max", (108, 108, 32), (2, 2), 8, U4),
        ("max", (54, 54, 128), (2, 2), 1, U4),
        ("max", (10, 10, 4), (2, 2), 4, S8),
        ("max", (9, 9, 6), (3, 3), 2, (-1000, 1000)),
        ("sum", (8, 8, 64), (8, 8), 1, U4),
        ("sum", (8, 8, 16), (8, 8), 16, S8),
        ("sum", (16, 16, 8), (1, 4), 2, U4),
    ):
        name = (
            f"pool {kind} {kernel[0]}×{kernel[1]} of {'×'.join(map(str, shape))}, {lanes} lanes, {ends[0]}..{ends[1]}"
        )
        found[name] = Pool(TensorType(shape, *ends), kernel, kind, lanes=lanes)
    return found
