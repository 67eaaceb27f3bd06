import numpy as np
import pytest
from amaranth.sim import Simulator

from hwgen.layers.fifo import Fifo
from hwgen.layers.queue import block_rams
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block
from tests.layers.check import check_block


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 7, 16, 33, 34, 70])
def test_fifo(depth):
    block = Fifo(
        TensorType((3, 7, 4), -9, 30), (1, 2, 4)[depth % 3], depth, ("auto", "distributed", "block")[depth % 3]
    )
    check_block(block, depth, lambda x: x)


@pytest.mark.parametrize("spacing", [2, 3, 4, 7])
@pytest.mark.parametrize("depth", [25, 40])
def test_beats_are_spaced(depth, spacing):
    """Deep enough for all that come: the cycles are those of the schedule."""
    check_block(Fifo(TensorType((3, 4, 2), -9, 30), 2, depth, spacing=spacing), depth + spacing, lambda x: x)


@pytest.mark.parametrize("spacing", [2, 3, 7])
@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_a_full_fifo_that_spaces_beats_loses_none(depth, spacing):
    block = Fifo(TensorType((3, 4, 2), -9, 30), 2, depth, spacing=spacing)
    x = random_raw(np.random.default_rng(depth), block.input, 2)
    for stall_in, stall_out in ((0, 0), (0.3, 0.5), (0, 0.8)):
        run = run_block(block, x, seed=spacing, stall_in=stall_in, stall_out=stall_out)
        assert (run.outputs[0] == x).all()
        assert (np.diff(run.emitted[0]) >= (spacing if not stall_out else 1)).all()


@pytest.mark.parametrize("depth", [1, 2, 3, 6, 300])
def test_holds_depth_beats_and_counts_them(depth):
    """Filled until it refuses, then emptied: as many beats as it is deep, and `level` is right in every cycle."""
    component = Fifo(TensorType((1, 1, 1), 0, 2**16 - 1), 1, depth).component()
    levels, got = [], []

    async def bench(ctx):
        held = 0
        for draining in (False, True):
            ctx.set(component.o.ready, draining)
            for _ in range(depth + 5):
                ctx.set(component.i.valid, not draining)
                ctx.set(component.i.payload, [held])
                assert ctx.get(component.level) == held - len(got)
                if draining and ctx.get(component.o.valid):
                    got.append(ctx.get(component.o.payload[0]))
                elif not draining and ctx.get(component.i.ready):
                    held += 1
                levels.append(held)
                await ctx.tick()
        assert held == depth

    simulator = Simulator(component)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert got == list(range(depth))


@pytest.mark.parametrize(
    "bits, size, rams",
    [(36, 512, 0.5), (37, 512, 1), (18, 1024, 0.5), (32, 1024, 1), (9, 2048, 0.5), (1, 32768, 1), (4, 65536, 8)],
)
def test_block_rams(bits, size, rams):
    assert block_rams(bits, size) == rams


def test_bad_parameters_are_refused():
    type_ = TensorType((1, 1, 2), 0, 3)
    with pytest.raises(ValueError, match="depth must be at least 1, not 0"):
        Fifo(type_, 1, 0)
    with pytest.raises(ValueError, match="spacing must be at least 1, not 0"):
        Fifo(type_, 1, 4, spacing=0)
    with pytest.raises(ValueError, match="memory must be one of auto, distributed, block, not 'flash'"):
        Fifo(type_, 1, 4, "flash")
