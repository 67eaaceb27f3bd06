"""Dynamic power of a network: what switches in each block, times what was published of the energy of it. An estimate.

A block's registers are counted exactly, and scaled where synthesis left fewer flip-flops than the Verilog has bits of
registers (the others lie inside shift registers and block RAM). Outputs of LUTs aren't nets of the Verilog: each LUT is taken
to change as often as the block's nets do on average. Glitches aren't in a simulation without delays, and so not in the
estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from hwgen.layers.block import Resources
from hwgen.power.activity import Activity
from hwgen.power.energies import PJ, Energies, Range

ZERO = Range(0, 0, 0)


@dataclass(frozen=True)
class Parts:
    """pJ a frame by what takes it."""

    registers: Range = ZERO
    luts: Range = ZERO
    clock: Range = ZERO
    bram: Range = ZERO

    @property
    def total(self) -> Range:
        return sum((getattr(self, f.name) for f in fields(self)), ZERO)

    def __add__(self, other: Parts) -> Parts:
        return Parts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Estimate:
    """An estimate of dynamic power.

    blocks: pJ a frame of each block, by its instance; what lies between blocks is "". frames_per_second: at clock_mhz.
    frames: that the activity is of. toggle_rate: how often a net changes in a cycle, on average. dsp: slices, which aren't in
    the estimate. counts: "synthesized" or "estimated", how LUTs and flip-flops were counted.
    """

    blocks: dict[str, Parts]
    frames_per_second: float
    clock_mhz: float
    frames: int
    toggle_rate: float
    dsp: float
    counts: str

    @property
    def parts(self) -> Parts:
        return sum(self.blocks.values(), Parts())

    @property
    def mj(self) -> Range:
        """mJ a frame."""
        return self.parts.total * (1e3 / PJ)

    @property
    def watts(self) -> Range:
        return self.parts.total * (self.frames_per_second / PJ)


def block(activity: Activity, cost: Resources, frames: int, interval: int, energies: Energies) -> Parts:
    """pJ a frame of one block. interval: cycles a frame while frames follow each other."""
    kept = min(1.0, cost.ff / activity.register_bits) if activity.register_bits else 0.0
    rate = activity.nets / activity.net_bits if activity.net_bits else 0.0  # changes of a net, all frames
    return Parts(
        energies.register * (activity.registers * kept / frames),
        energies.lut * (rate * cost.lut / frames),
        energies.clock * (cost.ff * interval),
        energies.bram * ((activity.accesses / frames + activity.always * interval) * cost.bram36),
    )


def estimate(
    activities: Mapping[str, Activity],
    costs: Mapping[str, Resources],
    counts: str,
    frames: int,
    interval: int,
    clock_mhz: float,
    cycles: float,
    energies: Energies,
) -> Estimate:
    """The estimate of a network. activities, costs: by the instance of each block; "" is what lies between them."""
    nets = sum(a.nets + a.registers for a in activities.values())
    bits = sum(a.net_bits + a.register_bits for a in activities.values())
    return Estimate(
        {
            name: block(activities.get(name, Activity()), cost, frames, interval, energies)
            for name, cost in costs.items()
        },
        clock_mhz * 1e6 / interval,
        clock_mhz,
        frames,
        nets / bits / cycles if bits else 0.0,
        sum(cost.dsp for cost in costs.values()),
        counts,
    )
