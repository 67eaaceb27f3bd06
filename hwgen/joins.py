"""Integer operations on several tensors of one shape and grid that aren't sums; sums and concatenation are in `ops`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwgen.graph import Op
from hwgen.ops import checked
from hwgen.tensor import TensorType


@dataclass(frozen=True, eq=False)
class MinMax(Op):
    """Of each value the greatest ("max") or the least ("min") among the inputs, each times its multiplier (as in Add)."""

    kind: str
    multipliers: tuple[int, ...]
    frac: int
    divisor: int = 1

    def infer(self, *inputs):
        if len({x.shape for x in inputs}) != 1:
            raise ValueError(f"shapes differ: {[x.shape for x in inputs]}")
        # Multipliers bring to a finer grid: they are positive.
        choose = max if self.kind == "max" else min
        lo, hi = (
            choose(m * end for m, end in zip(self.multipliers, ends)) for ends in zip(*((x.lo, x.hi) for x in inputs))
        )
        return checked(TensorType(inputs[0].shape, lo, hi, self.frac, self.divisor))

    def evaluate(self, *inputs):
        choose = np.maximum if self.kind == "max" else np.minimum
        return choose.reduce([m * x for m, x in zip(self.multipliers, inputs)])

    def describe(self):
        return f"MinMax[{self.kind} {self.multipliers}]"
