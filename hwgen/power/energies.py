"""Energies of a 7-series FPGA's parts (28 nm, 1.0 V), from what was published, low to high where sources differ.

Sources, each named where its number is used:

- REG: "Experimental measurement of FPGA registers power consumption", github.com/targeted/fpga-reg-power, 2022 (table in
  docs/power_data.ods). Chains of as many flip-flops as a chip has, all toggling every cycle, measured at the board's 5 V
  supply at 10, 25 and 100 MHz. mW at 10 and 100 MHz: Cora Z7 (Zynq-7007S, 28,800 flip-flops) 149.4, 764.3; Cmod S7 (Spartan-7
  25, 29,200) 207.0, 1527.5; Cmod A7 (Artix-7 35T, 41,600) 210.1, 2796.1. The slope between the two is energy a flip-flop and
  cycle, free of what doesn't depend on the clock. It contains the losses of the board's converters.
- CVA6: Vivado 2020.1's report_power of a routed processor on a Zybo Z7-20 (xc7z020, 45 MHz) with SAIF of its simulation after
  routing, github.com/riscmakers/cva6-softcore-contest, fpga/results/base/post_impl/power_routed_mnist.txt, 2022: clocks 27 mW
  for 22,768 registers; LUT as logic 13 mW for 26,755; signals 18 mW for 46,725 nets; block RAM 21 mW for 86 RAMB36; device
  static 114 mW at 28.5 °C. It doesn't say how often the nets toggled.
- XPE: Xilinx UG440 (2022.1): the default toggle rate of its Power Estimator, 12.5 %, is an average over customers' designs.
- BMG: Xilinx DS512, Block Memory Generator 6.1, March 2011, table 41: dynamic power of Virtex-5 (65 nm, 1.0 V) block RAM at
  300 MHz, half of the data toggling, half of the accesses writes: 8k×72 single port 74 mW in 32 18 Kb blocks (16 RAMB36);
  2k×36 with two ports 39 mW in 4 (2 RAMB36).

No published energy of a DSP slice by toggle was found: CVA6 says below 1 mW for four, without their activity. So none is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwgen.errors import OptionError

PJ = 1e12  # pJ in a J


@dataclass(frozen=True)
class Range:
    """An amount with what its sources leave open."""

    low: float
    mid: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.mid + other.mid, self.high + other.high)

    def __mul__(self, factor: float) -> Range:
        return Range(self.low * factor, self.mid * factor, self.high * factor)


@dataclass(frozen=True)
class Energies:
    """pJ. register: a change of a flip-flop's output and of its net. lut: the same of a LUT's output. clock: a flip-flop's
    share of the clock tree, each cycle. bram: an access of a RAMB36 through one port."""

    register: Range
    lut: Range
    clock: Range
    bram: Range


def _slope(mw10: float, mw100: float, registers: int) -> float:
    """pJ a register and cycle, of REG's measurements."""
    return (mw100 - mw10) * 1e-3 / 90e6 / registers * PJ


def _seven_series() -> Energies:
    cycle = 45e6  # of CVA6
    clock = 27e-3 / cycle / 22_768 * PJ
    net, lut = 18e-3 / cycle / 46_725 * PJ, 13e-3 / cycle / 26_755 * PJ  # a cycle, at that program's activity
    # Low: CVA6 at XPE's average activity, of which a processor that mostly waits has less. Then measured: what is left of a
    # flip-flop's energy without its clock is that of its output and net, on a Zynq-7000, and the highest of the family.
    usual = 0.125
    zynq, highest = _slope(149.4, 764.3, 28_800) - clock, _slope(210.1, 2796.1, 41_600) - clock
    register = Range(net / usual, zynq, highest)
    # A LUT in front of the same net adds as much as CVA6's LUTs do to its nets.
    per_lut = register * ((net + lut) / net)
    # Low: all of CVA6's as if each were accessed in every cycle. Then BMG: one port; half of two ports in narrow blocks.
    bram = Range(21e-3 / cycle / 86 * PJ, 74e-3 / 300e6 / 16 * PJ, 39e-3 / 300e6 / 2 / 2 * PJ)
    return Energies(register, per_lut, Range(clock, clock, clock), bram)


FAMILIES = {"xc7": _seven_series()}

# W that a chip takes while nothing switches, by part: CVA6. Of no other part of ours was one found.
STATIC = {"xc7z020clg400-1": 0.114}

# What was published of the reference network on an xc7z010: docs/reference-network.md names the source.
PUBLISHED = {"fpga_w": 0.24, "chip_w": 1.75, "mj_an_image": 1.35}


def of(family: str) -> Energies:
    """The energies of a family. Raises OptionError where none are published here."""
    if family not in FAMILIES:
        known = "Zynq-7000, Artix-7"
        raise OptionError(
            f"no power estimate for the FPGA family {family!r}: of its LUTs, clock and block RAM no energies are published "
            f"here; leave --power away, or choose a board with {known}"
        )
    return FAMILIES[family]
