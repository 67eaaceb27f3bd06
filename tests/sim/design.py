"""A small network made by hand, with the port names that emit gives: -x-1, a FIFO, x >> 1, and the AXI4-Streams."""

from pathlib import Path

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from hwgen.layers.stream import connect, signature
from hwgen.sim.bench import Axi, Bench, Fill, Tap
from hwgen.tensor import TensorType

SHAPE = (3, 2, 6)
INPUT = TensorType(SHAPE, -8, 7)
SCORES = TensorType(SHAPE, -4, 3)
LANES = 3
DEPTH = 16


class Stage(wiring.Component):
    """One register; what it computes is a function of a lane."""

    def __init__(self, taken: TensorType, given: TensorType, function, stuck_after: int | None = None):
        self.function, self.stuck_after = function, stuck_after
        super().__init__({"i": In(signature(taken, LANES)), "o": Out(signature(given, LANES))})

    def elaborate(self, platform):
        m = Module()
        free = Signal()
        m.d.comb += [free.eq(self.o.ready | ~self.o.valid), self.i.ready.eq(free)]
        with m.If(free):
            m.d.sync += self.o.valid.eq(self.i.valid)
            m.d.sync += [o.eq(self.function(i)) for o, i in zip(self.o.payload, self.i.payload)]
        if self.stuck_after is not None:
            beats = Signal(16)
            with m.If(self.i.valid & self.i.ready):
                m.d.sync += beats.eq(beats + 1)
            with m.If(beats == self.stuck_after):
                m.d.comb += [free.eq(0), self.i.ready.eq(0)]
                m.d.sync += self.o.valid.eq(self.o.valid & ~self.o.ready)
        return m


class Queue(wiring.Component):
    def __init__(self):
        super().__init__(
            {"i": In(signature(INPUT, LANES)), "o": Out(signature(INPUT, LANES)), "level": Out(range(DEPTH + 1))}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=INPUT.width * LANES, depth=DEPTH)
        m.d.comb += [
            fifo.w_data.eq(self.i.payload.as_value()),
            fifo.w_en.eq(self.i.valid),
            self.i.ready.eq(fifo.w_rdy),
            self.o.p.as_value().eq(fifo.r_data),
            self.o.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.o.ready),
            self.level.eq(fifo.level),
        ]
        return m


class Network(wiring.Component):
    """late_tlast: TLAST comes with the last but one beat, a fault. stuck_after: see Stage."""

    def __init__(self, stuck_after: int | None = None, late_tlast: int = 0):
        self.stuck_after, self.late_tlast = stuck_after, late_tlast
        super().__init__(
            {
                "s_axis_tdata": In(8 * LANES),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(8 * LANES),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "m_axis_tuser": Out(6),
                "frame_error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.invert = invert = Stage(INPUT, INPUT, lambda x: ~x)
        m.submodules.queue = queue = Queue()
        m.submodules.halve = halve = Stage(INPUT, SCORES, lambda x: x >> 1, self.stuck_after)
        connect(m, invert.o, queue.i)
        connect(m, queue.o, halve.i)
        beats = INPUT.size // LANES

        taken = Signal(range(beats))
        with m.If(self.s_axis_tvalid & self.s_axis_tready):
            m.d.sync += taken.eq(Mux(taken == beats - 1, 0, taken + 1))
            m.d.comb += self.frame_error.eq(self.s_axis_tlast != (taken == beats - 1))
        m.d.comb += [
            invert.i.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(invert.i.ready),
            *(lane.eq(self.s_axis_tdata.word_select(k, 8)) for k, lane in enumerate(invert.i.payload)),
        ]

        given = Signal(range(beats))
        best, index = Signal(4), Signal(6)  # best so far + 4, so that 0 is below all
        here, there = best, index
        for k in range(LANES):
            score = halve.o.payload[k] + 4
            first = (given == 0) if k == 0 else 0
            better = first | (score > here)
            here, there = Mux(better, score, here), Mux(better, given * LANES + k, there)
        m.d.comb += [
            self.m_axis_tvalid.eq(halve.o.valid),
            halve.o.ready.eq(self.m_axis_tready),
            self.m_axis_tlast.eq(given == beats - 1 - self.late_tlast),
            self.m_axis_tuser.eq(there),
            self.m_axis_tdata.eq(Cat(_extended(lane) for lane in halve.o.payload)),
        ]
        with m.If(self.m_axis_tvalid & self.m_axis_tready):
            m.d.sync += [given.eq(Mux(given == beats - 1, 0, given + 1)), best.eq(here), index.eq(there)]
        return m


def _extended(value):
    return Cat(value, *([value[-1]] * (8 - len(value))))


def make(folder: Path, **faults) -> Bench:
    """Writes the Verilog into a folder and says how to simulate it."""
    path = folder / "network.v"
    path.write_text(verilog.convert(Network(**faults), name="network", strip_internal_attrs=True))
    return Bench(
        top="network",
        verilog=(path,),
        sources=(Axi("input", INPUT, LANES),),
        sinks=(Axi("output", SCORES, LANES, layer="last", top1=True),),
        taps=(
            Tap("conv.invert", "conv", "invert", "o", INPUT, LANES),
            Tap("conv.queue", "conv", "queue", "o", INPUT, LANES),
            Tap("last.halve", "last", "halve", "o", SCORES, LANES),
        ),
        fills=(Fill("queue", "conv.queue", DEPTH),),
    )


def values(frames: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(frames, expected) for `simulate`."""
    x = np.random.default_rng(seed).integers(-8, 7, size=(frames, *SHAPE), endpoint=True)
    inverted = -x - 1
    expected = {"conv.invert": inverted, "conv.queue": inverted, "last.halve": inverted // 2, "output": inverted // 2}
    return {"input": x}, expected
