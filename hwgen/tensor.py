"""The exact integer type of a tensor: shape, range, and what a raw integer means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction


@dataclass(frozen=True)
class TensorType:
    """A tensor of integers that stand for real numbers: value = raw · 2^-frac / divisor.

    shape:   (H, W, C) without the batch; a vector of N is (1, 1, N); a sequence of T × C is (1, T, C).
    lo, hi:  least and greatest raw integer that can occur, both inclusive. Width and signedness follow.
    frac:    fractional bits, may be negative.
    divisor: a positive odd integer, 1 but for the sum that stands for an average over a non-power of two.
    """

    shape: tuple[int, int, int]
    lo: int
    hi: int
    frac: int = 0
    divisor: int = 1

    def __post_init__(self):
        if len(self.shape) != 3 or any(not isinstance(n, int) or n < 1 for n in self.shape):
            raise ValueError(f"tensor shape must be three positive integers (H, W, C), not {self.shape!r}")
        if self.lo > self.hi:
            raise ValueError(f"tensor range is empty: {self.lo}..{self.hi}")
        if self.divisor < 1 or self.divisor % 2 == 0:
            raise ValueError(f"divisor must be positive and odd, not {self.divisor}")

    @property
    def signed(self) -> bool:
        return self.lo < 0

    @property
    def width(self) -> int:
        """Bits of a raw value in hardware, at least 1."""
        if self.signed:
            return max(self.hi.bit_length(), (~self.lo).bit_length()) + 1
        return max(self.hi.bit_length(), 1)

    @property
    def pixels(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def channels(self) -> int:
        return self.shape[2]

    @property
    def size(self) -> int:
        return self.pixels * self.channels

    @property
    def step(self) -> Fraction:
        """The real value of raw 1."""
        return Fraction(2) ** -self.frac / self.divisor

    @property
    def fixed(self) -> str:
        """As in `--input-type`: fixed<bits, those before the point with the sign>."""
        over = f"/{self.divisor}" if self.divisor != 1 else ""
        return f"{'' if self.signed else 'u'}fixed<{self.width},{self.width - self.frac}>{over}"

    def with_shape(self, shape: tuple[int, int, int]) -> TensorType:
        return replace(self, shape=shape)

    def with_range(self, lo: int, hi: int) -> TensorType:
        return replace(self, lo=lo, hi=hi)

    def __str__(self) -> str:
        kind = "s" if self.signed else "u"
        over = f"/{self.divisor}" if self.divisor != 1 else ""
        return f"{'×'.join(map(str, self.shape))} {kind}{self.width}.{self.frac}{over} [{self.lo},{self.hi}]"
