"""A FIFO: room for beats to wait."""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.layers import queue
from hwgen.layers.beatwise import Beatwise
from hwgen.layers.stream import layout
from hwgen.tensor import TensorType

MEMORIES = ("auto", "distributed", "block")


@dataclass(frozen=True)
class Fifo(Beatwise):
    """Holds up to `depth` beats (at least 2), the one that is offered included.

    memory: "distributed" (LUTs), "block", or "auto", the cheaper. The component also has `level`, the beats held.
    """

    input: TensorType
    lanes: int
    depth: int
    memory: str = "auto"

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 2:
            raise ValueError(f"a FIFO's depth must be at least 2, not {self.depth}")
        if self.memory not in MEMORIES:
            raise ValueError(f"a FIFO's memory must be one of {', '.join(MEMORIES)}, not {self.memory!r}")

    @property
    def result(self):
        return self.input

    @property
    def latency(self):
        return 1 if self.depth == 2 else 2

    def evaluate(self, x):
        return x

    @property
    def bits(self) -> int:
        """Bits of a beat."""
        return self.input.width * self.lanes

    @property
    def style(self) -> str:
        """Where the beats lie: "registers", "distributed" or "block"."""
        if self.depth == 2:
            return "registers"
        return self.memory if self.memory != "auto" else queue.cheaper(self.bits, self.depth)

    def cost(self):
        return queue.cost(self.bits, self.depth, self.style)

    def component(self):
        return queue.Queue(layout(self.input, self.lanes), self.depth, self.style)

    def describe(self):
        return f"Fifo[{self.depth} × {self.bits} bits, {self.style}]"
