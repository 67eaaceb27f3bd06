"""Folding: what was asked for is met, at no more cost than needed, or refused with the reason."""

from dataclasses import replace

import pytest

from hwgen.boards import BOARDS
from hwgen.compiler import cost, sized
from hwgen.errors import DoesNotFit
from hwgen.layers.convert import Convert
from hwgen.passes.buffer import buffer
from hwgen.passes.fold import Folder, Infeasible, fastest
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from tests.graphs import inception, residual

ZYBO = BOARDS["zybo"]


@pytest.fixture(scope="module", params=[inception, residual])
def folder(request):
    return Folder(lower(request.param(1)), ZYBO.budget)


def test_every_interval_offered_is_met_and_slower_is_never_dearer_in_all(folder):
    choices = folder.intervals()
    plans = [folder.plan(interval) for interval in choices[:: max(1, len(choices) // 8)]]
    for plan in plans:
        for node in plan.graph.nodes:
            assert node.op.interval <= plan.interval, node.name
    luts = [plan.cost.lut for plan in plans]
    assert luts[0] > luts[-1]


def test_below_the_shortest_interval_the_block_in_the_way_is_named(folder):
    with pytest.raises(Infeasible, match="takes at least"):
        folder.plan(folder.intervals()[0] - 1)


def test_neighbours_have_the_same_lanes(folder):
    graph = fastest(folder).graph
    for node in graph.nodes:
        for lanes, ref in zip(node.op.lanes_in, node.inputs):
            assert graph[ref.node].op.lanes_out == lanes, node.name
        if isinstance(node.op, Convert):
            assert node.op.lanes_from != node.op.lanes_to


def test_the_fastest_fits_and_the_next_does_not(folder):
    tight = folder.within(replace(ZYBO.budget, lut=fastest(folder).cost.lut * 0.6))
    best = fastest(tight)
    assert not best.overdrawn(tight.budget)
    faster = [interval for interval in tight.intervals() if interval < best.interval]
    assert faster and tight.plan(faster[-1]).overdrawn(tight.budget)


def test_a_network_too_large_names_resource_and_layer(folder):
    with pytest.raises(DoesNotFit, match=r"too large for the board.*lut.*layer '\w+'"):
        fastest(folder.within(replace(ZYBO.budget, lut=100)))


@pytest.mark.parametrize("make", [inception, residual])
def test_the_whole_design_keeps_the_interval_and_the_budget(make):
    folder = Folder(lower(make(2)), ZYBO.budget)
    for interval in (None, 2000, 9000):
        graph = fork(sized(folder, ZYBO, interval))
        if interval is not None:
            assert timing(graph).interval <= interval
        total = cost(graph)
        assert total.lut <= ZYBO.budget.lut and total.bram36 <= ZYBO.budget.bram36
    with pytest.raises(DoesNotFit, match="out of reach"):
        sized(folder, ZYBO, 3)


@pytest.mark.parametrize("make", [inception, residual])
@pytest.mark.parametrize("share", [0.17, 0.22, 0.3])
def test_fifos_are_paid_from_the_same_budget(make, share):
    """The fastest folding alone may just fit; with its FIFOs it has to fit too, or a slower one is taken."""
    board = replace(ZYBO, resources=ZYBO.resources * share)
    total = cost(buffer(fork(sized(Folder(lower(make(1)), board.budget), board, None))))
    for kind in ("lut", "lutram", "ff", "bram36", "dsp"):
        assert getattr(total, kind) <= getattr(board.budget, kind), kind
