"""The same stream under another shape or divisor: Flatten, Reshape. No hardware at all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hwgen.layers.block import Block, Resources
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class View(Block):
    """Raster order stays; `lanes` must divide the channels on both sides. emit connects straight through it.

    divisor: the divisor of the result where the raw values were multiplied to reach it, else None.
    """

    output_room = 0

    input: TensorType
    shape: tuple[int, int, int]
    lanes: int = 1
    divisor: int | None = None

    def __post_init__(self):
        if self.input.size != self.result.size:
            raise ValueError(f"{self.input.shape} does not hold as many values as {self.shape}")
        for channels in (self.input.channels, self.shape[2]):
            if channels % self.lanes:
                raise ValueError(f"{self.lanes} lanes do not divide {channels} channels")

    @property
    def inputs(self):
        return (self.input,)

    @property
    def result(self):
        divisor = self.input.divisor if self.divisor is None else self.divisor
        return replace(self.input, shape=self.shape, divisor=divisor)

    @property
    def lanes_in(self):
        return (self.lanes,)

    @property
    def lanes_out(self):
        return self.lanes

    @property
    def interval(self):
        return self.beats_out

    def evaluate(self, x):
        return x.reshape(-1, *self.shape)

    def needs(self, port=0):
        return np.arange(self.beats_out)

    def schedule(self, arrivals):
        return (arrivals,), arrivals

    def cost(self):
        return Resources()

    def component(self):
        raise TypeError("a view has no hardware: connect through it")
