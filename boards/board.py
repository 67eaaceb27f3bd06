"""What the compiler needs to know of a board."""

from dataclasses import dataclass

from hwgen.layers.block import Resources


@dataclass(frozen=True)
class Board:
    """A board to fold for.

    part: the FPGA as vendors write it. resources: all that the chip has. clock_mhz: the clock that networks are folded and
    reported for unless the user says otherwise. margin: the share of LUTs and flip-flops that the network may take; the rest is
    for the board's shell and for what place and route can't fill. clock_pin: the package pin of the board's oscillator, for place
    and route of the network by itself; None: not known.
    """

    name: str
    title: str
    part: str
    resources: Resources
    clock_mhz: float
    family: str = "xc7"
    margin: float = 0.8
    clock_pin: str | None = None

    @property
    def budget(self) -> Resources:
        """What the network may use: LUTs and flip-flops with the margin, block RAM and DSP to the last one."""
        r = self.resources
        share = self.margin
        return Resources(r.lut * share, r.lutram * share, r.ff * share, r.bram36, r.dsp, r.carry4 * share)
