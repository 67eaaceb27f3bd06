"""What all parts of the generator of models share: the random numbers, the tensor so far, and how wide it is."""

from __future__ import annotations

import numpy as np

from tests.qkeras_truth import FLAVOUR, keras

L = keras.layers
OLD = FLAVOUR == "0.9"  # Keras 2
# float32 holds integers up to 2^24: sums are kept below, so that QKeras's own arithmetic is exact.
SUM_BITS = 22
# Integers of up to about so many bits can go anywhere; wider ones, of scale upon scale, need a quantizer next.
WIDE_BITS = SUM_BITS + 26


class Choices:
    """`x` is the tensor so far, `bits` an upper estimate of the width of its integers.

    small: few pixels, channels and layers, for simulation as Verilog. exact: only what QKeras computes exactly.
    """

    def __init__(self, seed: int, small: bool, exact: bool):
        self.rng = np.random.default_rng(seed)
        self.seed, self.small, self.exact = seed, small, exact
        self.x, self.bits = None, 0
        self.rounded: set[str] = set()  # names of layers in whose own arithmetic QKeras rounds
        self.count = 0

    def pick(self, *options):
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the tensor so far: (rows, columns, channels), (steps, channels) or (channels,)."""
        return tuple(self.x.shape[1:])

    @property
    def axes(self) -> int:
        """How many axes have places: 2 of an image, 1 of a sequence, 0 of a vector."""
        return len(self.shape) - 1

    @property
    def suffix(self) -> str:
        """Of the classes of layers that take it: "1D" or "2D"."""
        return f"{self.axes}D"

    def mark(self, name: str, rounds: bool, bits: int = 24) -> None:
        """Notes that QKeras rounds in a layer, whose scale or offset is any float32."""
        if rounds:
            self.rounded.add(name)
            self.bits += bits

    def apply(self, layer) -> None:
        self.x = layer(self.x)


def power_of_two(n: int) -> bool:
    return n & (n - 1) == 0


def growth(count: int) -> int:
    """Bits by which a sum of so many values may be wider than each."""
    return int(np.ceil(np.log2(max(count, 1))))
