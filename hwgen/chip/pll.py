"""The clock of a chip that makes it of an oscillator: the PLL's dividers, and ECP5's PLL itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from amaranth.hdl import Instance, Value

from hwgen.chip import pll_xc7
from hwgen.errors import OptionError

# Lattice FPGA-DS-02012, sysCLOCK PLL timing.
VCO, VCO_MIDDLE = (400, 800), 600  # MHz
DETECTOR = (Fraction(25, 8), 400)  # MHz at the phase detector
LARGEST = 128  # of the dividers


@dataclass(frozen=True)
class Pll:
    """Dividers of an EHXPLLL with CLKOP as feedback. clock: MHz that it makes of `source` MHz."""

    source: Fraction
    input: int
    feedback: int
    output: int

    @property
    def clock(self) -> Fraction:
        return self.source * self.feedback / self.input

    def instance(self, pin: Value, clock: Value, locked: Value) -> Instance:
        """The PLL between the oscillator's pin and the clock. locked: 1 once the clock is good."""
        return Instance(
            "EHXPLLL",
            p_CLKI_DIV=self.input,
            p_CLKFB_DIV=self.feedback,
            p_CLKOP_DIV=self.output,
            p_CLKOP_CPHASE=self.output // 2,
            p_CLKOP_FPHASE=0,
            p_CLKOP_ENABLE="ENABLED",
            p_FEEDBK_PATH="CLKOP",
            p_OUTDIVIDER_MUXA="DIVA",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            a_FREQUENCY_PIN_CLKI=f"{float(self.source):g}",
            a_FREQUENCY_PIN_CLKOP=f"{float(self.clock):g}",
            # The loop filter, as Project Trellis's ecppll has it for all clocks.
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            i_CLKI=pin,
            i_CLKFB=clock,
            i_RST=0,
            i_STDBY=0,
            i_PHASESEL0=0,
            i_PHASESEL1=0,
            i_PHASEDIR=1,
            i_PHASESTEP=1,
            i_PHASELOADREG=1,
            i_PLLWAKESYNC=0,
            i_ENCLKOP=0,
            o_CLKOP=clock,
            o_LOCK=locked,
        )


def pll(source_mhz: float, clock_mhz: float, family: str = "ecp5") -> Pll | pll_xc7.Plle2 | None:
    """The PLL for a clock, exactly; None where it is the oscillator's own. OptionError names the nearest clocks there are."""
    source, wanted = Fraction(str(source_mhz)), Fraction(str(clock_mhz))
    if source == wanted:
        return None
    found = pll_xc7.clocks(source) if family == "xc7" else clocks(source)
    if wanted in found:
        return found[wanted]
    if not found:
        raise OptionError(f"the PLL can't take {source_mhz:g} MHz")
    plain = [clock for clock in found if (1000 * clock).denominator == 1]
    near = [max(c for c in plain if c < wanted)] if min(plain) < wanted else []
    near += [min(c for c in plain if c > wanted)] if max(plain) > wanted else []
    raise OptionError(
        f"the PLL can't make {clock_mhz:g} MHz of {source_mhz:g} MHz; nearest: "
        f"{' and '.join(f'{float(clock):.6g}' for clock in near)} MHz (--clock)"
    )


def clocks(source: Fraction) -> dict[Fraction, Pll]:
    """All that an EHXPLLL makes of an oscillator, MHz -> the PLL."""
    found: dict[Fraction, Pll] = {}
    for divide, multiply in product(range(1, LARGEST + 1), repeat=2):
        if not DETECTOR[0] <= source / divide <= DETECTOR[1]:
            break
        clock = source * multiply / divide
        output = min(max(1, round(VCO_MIDDLE / clock)), LARGEST)
        if VCO[0] <= clock * output <= VCO[1] and clock not in found:
            found[clock] = Pll(source, divide, multiply, output)
    return found
