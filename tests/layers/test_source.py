import numpy as np
import pytest
from amaranth.sim import Simulator

from hwgen.layers.axi import element_bytes, words
from hwgen.layers.source import Source
from hwgen.layers.stream import to_beats
from hwgen.tensor import TensorType
from tests.harness import random_raw
from tests.layers.axi_bench import run_axi

RANGES = [(0, 3), (-7, 7), (0, 255), (-300, 4), (0, 2**17), (-(2**40), 2**40)]


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.4, 0.3)])
@pytest.mark.parametrize("seed", range(len(RANGES)))
def test_source(seed, stalls):
    type_ = TensorType((2, 3, 6), *RANGES[seed])
    lanes = (1, 2, 3, 6)[seed % 4]
    block = Source(type_, lanes)
    x = random_raw(np.random.default_rng(seed), type_, 3)
    tdata = words(x, type_, lanes)
    assert block.ports()["s_axis_tdata"].shape == 8 * element_bytes(type_) * lanes
    last = [k % block.beats_out == block.beats_out - 1 for k in range(len(tdata))]
    offered = [{"s_axis_tdata": d, "s_axis_tlast": end} for d, end in zip(tdata, last)]
    collected, taken, emitted = run_axi(block.component(), offered, "s_axis_t", "o.", len(offered), seed, *stalls)
    assert [beat["o.payload"] for beat in collected] == to_beats(x, lanes).tolist()
    assert block.infer() == type_ and (block.evaluate(x) == x).all()
    if not stalls[0]:
        (took,), gave = block.schedule(np.arange(len(offered)))
        assert taken == took.tolist() and emitted == gave.tolist()


@pytest.mark.parametrize("wrong", [None, 0, 4, 5, 11, 17])
def test_frame_error(wrong):
    """TLAST of the wrong beat, or none on the right one, sets the flag for good; nothing else does."""
    component = Source(TensorType((1, 3, 2), 0, 3), 1).component()

    async def bench(ctx):
        ctx.set(component.s_axis_tvalid, 1)
        ctx.set(component.o.ready, 1)
        for beat in range(24):
            ctx.set(component.s_axis_tlast, (beat % 6 == 5) != (beat == wrong))
            await ctx.tick()
            assert ctx.get(component.frame_error) == (wrong is not None and beat >= wrong)

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
