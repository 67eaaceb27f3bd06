"""One stream to several consumers, each at its own pace."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Signal

from hwgen.layers.beatwise import Beatwise, BeatwiseComponent
from hwgen.layers.block import Resources
from hwgen.tensor import TensorType


@dataclass(frozen=True)
class Fork(Beatwise):
    """Offers each beat to `fan_out` consumers (at least 2); it is done with when the last has taken it.

    No registers for data: the outputs are wires, and only who has taken the beat is remembered. The input's ready
    depends on those of the outputs in the same cycle.
    """

    output_room = 0

    input: TensorType
    lanes: int
    fan_out: int

    def __post_init__(self):
        super().__post_init__()
        if self.fan_out < 2:
            raise ValueError(f"a fork needs at least 2 outputs, not {self.fan_out}")

    @property
    def result(self):
        return self.input

    @property
    def latency(self):
        return 0

    def evaluate(self, x):
        return x

    def cost(self):
        return Resources(lut=2 * self.fan_out + 1, ff=self.fan_out)

    def component(self):
        return BeatwiseComponent(self)

    def build(self, m, ports):
        i, outputs = ports.i, [getattr(ports, f"o{k}") for k in range(self.fan_out)]
        taken = Signal(self.fan_out)  # of the beat that is offered now, by earlier cycles
        passed = taken | Cat(o.ready for o in outputs)
        m.d.comb += i.ready.eq(passed.all())
        for k, o in enumerate(outputs):
            m.d.comb += [o.payload.eq(i.payload), o.valid.eq(i.valid & ~taken[k])]
        with m.If(i.valid):
            # Once all have it, the next beat starts with nobody having taken it.
            m.d.sync += taken.eq(passed & ~i.ready.replicate(self.fan_out))

    def describe(self):
        return f"Fork[{self.fan_out} × {self.lanes} lanes]"
