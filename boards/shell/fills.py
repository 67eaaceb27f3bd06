"""The highest fill of each FIFO, for the registers."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Fills(wiring.Component):
    """Keeps the highest of each `level{k}`, 0 to depths[k]; `fill` is, two cycles later, that of FIFO `select`, 0 where
    there is none."""

    def __init__(self, depths: tuple[int, ...]):
        self.depths = depths
        levels = {f"level{k}": In(range(depth + 1)) for k, depth in enumerate(depths)}
        super().__init__({**levels, "select": In(16), "fill": Out(32)})

    def elaborate(self, platform):
        m = Module()
        fills = []
        for k, depth in enumerate(self.depths):
            level, highest = Signal(range(depth + 1)), Signal(range(depth + 1))
            m.d.sync += level.eq(getattr(self, f"level{k}"))  # comparing is off the FIFO's own path
            with m.If(level > highest):
                m.d.sync += highest.eq(level)
            fills.append(highest)
        m.d.sync += self.fill.eq(0)
        with m.If(self.select < len(fills)):
            m.d.sync += self.fill.eq(Array(fills)[self.select])
        return m
