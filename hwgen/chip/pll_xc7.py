"""The clock of an Artix-7 chip: a PLLE2_ADV, its dividers, and itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product

from amaranth.hdl import Instance, Signal, Value

# Xilinx DS181, PLL specification at speed grade -1 (-1LI is the same at 0.95 V), MHz; dividers: UG472.
VCO = (800, 1600)
DETECTOR = (19, 450)
OUTPUT = (Fraction(25, 4), 800)
DIVIDE, MULTIPLY, LARGEST = 56, (2, 64), 128


@dataclass(frozen=True)
class Plle2:
    """Dividers of a PLLE2_ADV. source: MHz at its input."""

    source: Fraction
    input: int
    feedback: int
    output: int

    @property
    def clock(self) -> Fraction:
        """MHz that it makes."""
        return self.source * self.feedback / self.input / self.output

    def instance(self, pin: Value, clock: Value, locked: Value) -> Instance:
        """The PLL between the oscillator's buffer and the clock's. locked: 1 once the clock is good."""
        feedback = Signal()
        return Instance(
            "PLLE2_ADV",
            p_CLKIN1_PERIOD=float(1000 / self.source),
            p_DIVCLK_DIVIDE=self.input,
            p_CLKFBOUT_MULT=self.feedback,
            p_CLKOUT0_DIVIDE=self.output,
            p_CLKFBOUT_PHASE=0.0,
            p_CLKOUT0_PHASE=0.0,
            p_COMPENSATION="INTERNAL",  # no phase to keep: nothing at the chip's pins goes with the clock
            i_CLKIN1=pin,
            i_CLKIN2=0,
            i_CLKINSEL=1,
            i_CLKFBIN=feedback,
            o_CLKFBOUT=feedback,
            i_RST=0,
            i_PWRDWN=0,
            i_DADDR=0,
            i_DI=0,
            i_DEN=0,
            i_DWE=0,
            i_DCLK=0,
            o_CLKOUT0=clock,
            o_LOCKED=locked,
        )


@cache
def clocks(source: Fraction) -> dict[Fraction, Plle2]:
    """All that a PLL makes of an oscillator, MHz -> the PLL; of several the least divided input, then the fastest oscillation."""
    found: dict[Fraction, Plle2] = {}
    for divide in range(1, DIVIDE + 1):
        if not DETECTOR[0] <= source / divide <= DETECTOR[1]:
            continue
        for multiply, output in product(range(MULTIPLY[1], MULTIPLY[0] - 1, -1), range(1, LARGEST + 1)):
            vco = source * multiply / divide
            if VCO[0] <= vco <= VCO[1] and OUTPUT[0] <= vco / output <= OUTPUT[1]:
                found.setdefault(vco / output, Plle2(source, divide, multiply, output))
    return found
