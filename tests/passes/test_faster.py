"""What the next shorter interval would need: the figures are those of a folding, and the layers named are in the way."""

from dataclasses import replace

import pytest

from hwgen.boards import BOARDS
from hwgen.compiler import sized
from hwgen.passes.buffer import buffer
from hwgen.passes.faster import next_faster
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from tests.graphs import inception, residual

ZYBO = BOARDS["zybo"]


def finished(folder: Folder, board, interval):
    hardware = buffer(fork(sized(folder, board, interval)))
    return hardware, next_faster(folder, hardware, timing(hardware).interval)


@pytest.mark.parametrize("make", [inception, residual])
def test_the_step_that_does_not_fit_says_what_is_missing(make):
    board = replace(ZYBO, resources=ZYBO.resources * 0.12)
    folder = Folder(lower(make(1)), board.budget)
    hardware, step = finished(folder, board, None)
    assert step.next == max(c for c in folder.intervals() if c < step.interval)
    assert step.over, "a step that fits would have been taken"
    for kind, limit in step.over.items():
        assert getattr(step.needs, kind) > limit == getattr(board.budget, kind)
    in_the_way = {node.layer for node in hardware.nodes if node.op.interval > step.next}
    assert step.layers and set(step.layers) <= in_the_way
    for word in (f"{step.interval:,} → {step.next:,} cycles", " of ", step.most):
        assert word in str(step)


def test_a_step_that_fits_says_so():
    folder = Folder(lower(inception(1)), ZYBO.budget)
    _, step = finished(folder, ZYBO, folder.intervals()[-1])
    assert step.next < step.interval and not step.over
    assert "which fits" in str(step)


def test_the_fastest_folding_names_the_layer_that_no_folding_makes_faster():
    folder = Folder(lower(residual(1)), ZYBO.budget)
    hardware, step = finished(folder, ZYBO, None)
    assert step.next is None and step.interval == timing(hardware).interval
    (layer,) = step.layers
    assert str(step) == f"none, layer {layer} takes at least {step.interval:,} cycles a frame"
