"""FPGA families: what their LUTs are called, and what becomes of the blocks' costs, which are in terms of Xilinx 7 series.

The cost model is calibrated for Xilinx 7 series. For any other family a cost is multiplied by one factor a resource: how much
of its own the family takes, measured with Yosys over the blocks of the calibration (`benchmarks/families.py`). So for these
the single block may be far off, and only whole networks are estimated.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from hwgen.layers.block import Resources

OPEN, VIVADO = "open", "vivado"  # toolchains: of open tools, and AMD's


@dataclass(frozen=True)
class Family:
    """factors: the family's own resources for one of Xilinx 7 series, resource by resource. lut: what its LUTs are.
    toolchains: with what hwgen makes bitstreams."""

    name: str
    lut: str
    factors: Resources
    toolchains: tuple[str, ...] = ()

    def estimate(self, cost: Resources) -> Resources:
        """A cost in the family's own terms."""
        return Resources(**{kind: getattr(cost, kind) * factor for kind, factor in self._factors()})

    def room(self, resources: Resources) -> Resources:
        """The inverse: what the family's resources are in terms of the cost model."""
        return Resources(**{kind: getattr(resources, kind) / factor for kind, factor in self._factors()})

    def _factors(self) -> list[tuple[str, float]]:
        return [(f.name, getattr(self.factors, f.name)) for f in fields(Resources)]


FAMILIES = {
    family.name: family
    for family in (
        Family("xc7", "LUT6", Resources(1, 1, 1, 1, 1, 1), (OPEN, VIVADO)),
        # Half the inputs, no LUT with two outputs and no ternary adder, and a carry takes the LUTs of its slice. No shift
        # registers in LUTs: delay lines become flip-flops, or RAM of 16 words. A multiplier of 25×17 bits takes two of 18×18;
        # most products are narrower, so that this is the most.
        Family("ecp5", "LUT4", Resources(lut=2.7, lutram=2.5, ff=1.2, bram36=1, dsp=2, carry4=1.2), (OPEN,)),
    )
}
