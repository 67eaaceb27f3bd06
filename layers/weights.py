"""What the arithmetic needs to know of a layer's weights, which arithmetics can do them, and which is cheapest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.layers.arithmetic import Arithmetic
from hwgen.layers.byid import ById
from hwgen.layers.constant_sums import Constants
from hwgen.layers.products import packings
from hwgen.layers.signed_sums import BitPlanes, Gates, Shifts, Signs
from hwgen.layers.tables import Tables

DSP_PRICE = 220  # LUTs: their ratio on the small chips of the 7 series


@dataclass(frozen=True)
class Weights:
    """What arithmetic needs to know of a layer's weights, once their common power of two is taken out.

    exponents: where all are ±2^k or 0, every k; else empty. most, all: canonical signed digits of the neuron that has
    most of them, and of all neurons. matrix: the weights themselves, (fan-in, neurons).
    """

    twos: int
    lo: int
    hi: int
    odd: bool
    zero: bool
    exponents: tuple[int, ...]
    most: int
    all: int
    matrix: ById

    @classmethod
    def of(cls, weights: np.ndarray) -> Weights:
        """weights: (fan-in, neurons)."""
        every = int(np.bitwise_or.reduce(np.abs(weights), axis=None))
        twos = (every & -every).bit_length() - 1 if every else 0
        weights = weights >> twos
        sizes = np.unique(np.abs(weights))
        positive = [int(size) for size in sizes if size]
        powers = all(size & (size - 1) == 0 for size in positive)
        # The nonadjacent form has a digit wherever w and 3·w differ.
        form = np.ascontiguousarray(weights ^ (3 * weights))
        digits = np.unpackbits(form.view(np.uint8).reshape(*form.shape, 8), axis=-1).sum(axis=(0, 2), dtype=np.int64)
        return cls(
            twos,
            int(weights.min()),
            int(weights.max()),
            bool((weights & 1).all()),
            bool(sizes[0] == 0),
            tuple(size.bit_length() - 1 for size in positive) if powers else (),
            int(digits.max()),
            int(digits.sum()),
            ById(weights),
        )

    @property
    def kind(self) -> str:
        """binary, ternary, power or general: the least general one that they are."""
        if self.lo >= -1 and self.hi <= 1:
            return "ternary" if self.zero else "binary"
        return "power" if self.exponents else "general"

    @property
    def bits(self) -> int:
        """Least width that holds them: two's complement where one is negative."""
        if self.lo < 0:
            return max(self.hi.bit_length(), (~self.lo).bit_length()) + 1
        return max(self.hi.bit_length(), 1)


@lru_cache(maxsize=16384)
def arithmetics(weights: Weights, x_lo: int, x_hi: int, taps: int, words: int, sharing: int) -> dict[str, Arithmetic]:
    """Every arithmetic, by name, that can do these weights over `taps` inputs a cycle with `words` words in turn.

    sharing: how many lanes have the same inputs.
    """
    x = (x_lo, x_hi, taps)
    magnitude = max(weights.hi, -weights.lo)
    found: dict[str, Arithmetic] = {}
    if weights.odd:
        found["signs"] = Signs(*x, magnitude.bit_length())
    if weights.kind == "ternary":
        found["gates"] = Gates(*x)
    if weights.exponents and weights.kind == "power":
        found["shifts"] = Shifts(*x, weights.exponents, weights.zero)
    if weights.kind != "binary":
        found["planes"] = BitPlanes(*x, weights.bits, weights.lo < 0)
    if words <= 8:
        found["tables"] = Tables(*x, max(magnitude, 1), words)
    if words == 1:
        found["constants"] = Constants(*x, weights.matrix, sharing, weights.most, weights.all)
    return found | packings(*x, weights.lo, weights.hi, sharing)


@lru_cache(maxsize=65536)
def choose(
    weights: Weights, x_lo: int, x_hi: int, taps: int, words: int, lanes: int, sharing: int, name: str
) -> Arithmetic:
    """The arithmetic of that name, or for "auto" the cheapest: LUTs, half of the bits to store, DSPs at DSP_PRICE.

    sharing: how many of the lanes have the same inputs. Raises ValueError where the name can't be used here.
    """
    found = arithmetics(weights, x_lo, x_hi, taps, words, sharing)
    if name != "auto":
        if name not in found:
            raise ValueError(f"arithmetic {name!r} can't be used here; choose one of auto, {', '.join(found)}")
        return found[name]

    def price(arithmetic):
        cost = arithmetic.cost(sharing) * (lanes / sharing)
        return cost.lut + DSP_PRICE * cost.dsp + (arithmetic.stored * lanes / 2 if words > 4 else 0)

    return min(found.values(), key=price)
