"""What the compiler needs to know of a board."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hwgen.boards.families import FAMILIES, Family
from hwgen.layers.block import Resources

ZYNQ, UART = "zynq", "uart"  # shells


@dataclass(frozen=True)
class Board:
    """A board to fold for.

    part: the FPGA as vendors write it. resources: all that the chip has, in the terms of its family. clock_mhz: the clock that
    networks are folded and reported for unless the user says otherwise; in a chip of the UART shell a PLL makes it from the
    oscillator. margin: the share of LUTs and flip-flops that the network may take; the rest is for the board's shell and
    for what place and route can't fill.

    oscillator_mhz: of the oscillator at the logic's pins.
    clock_pin: the oscillator's package pin. platform: "module:class" of amaranth-boards, which knows the pins of boards
    that have none here. serial: the UART's (rx, tx), seen from the FPGA, where the board has no serial port of its own: pins
    of amaranth-boards' connector ("io_0:0"). pins: `hwgen.boards.pins`.
    shell: how a host reaches the network. pack_options: of ecppack.
    unknown_to: toolchains of the family that do not have the part. ceiling: what the toolchain can place, where that is less
    than what the chip has, in the terms of blocks' costs (`hwgen.chip.limits`).
    """

    name: str
    title: str
    part: str
    resources: Resources
    clock_mhz: float
    family: str = "xc7"
    margin: float = 0.8
    clock_pin: str | None = None
    oscillator_mhz: float = 125.0
    platform: str | None = None
    serial: tuple[str, str] | None = None
    shell: str = ZYNQ
    pack_options: tuple[str, ...] = ()
    unknown_to: tuple[str, ...] = ()
    ceiling: Resources | None = None

    @property
    def kind(self) -> Family:
        """How the family counts, and what it makes of the blocks' costs."""
        return FAMILIES[self.family]

    @property
    def toolchains(self) -> tuple[str, ...]:
        """With what hwgen makes its bitstream."""
        return tuple(name for name in self.kind.toolchains if name not in self.unknown_to)

    @property
    def available(self) -> Resources:
        """All that the network could be given, in the terms of blocks' costs."""
        return self._below_ceiling(self.kind.room(self.resources))

    @property
    def budget(self) -> Resources:
        """What the network may use, in the terms of blocks' costs: LUTs and flip-flops with the margin, block RAM and DSP
        to the last one."""
        r, share = self.kind.room(self.resources), self.margin
        whole = Resources(r.lut * share, r.lutram * share, r.ff * share, r.bram36, r.dsp, r.carry4 * share)
        return self._below_ceiling(whole)

    def _below_ceiling(self, room: Resources) -> Resources:
        if self.ceiling is None:
            return room
        return Resources(
            **{f.name: min(getattr(room, f.name), getattr(self.ceiling, f.name)) for f in fields(Resources)}
        )

    def estimate(self, cost: Resources) -> Resources:
        """Blocks' costs in the terms of the chip."""
        return self.kind.estimate(cost)
