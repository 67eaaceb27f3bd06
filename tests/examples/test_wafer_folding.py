"""The reference network folds as far as its input port lets it, soon, and answers soon after the last pixel."""

import time
import warnings

import pytest

from benchmarks import wafer
from hwgen.boards import BOARDS
from hwgen.compiler import cost, sized
from hwgen.passes.buffer import buffer
from hwgen.passes.faster import next_faster
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from hwgen.quantize import quantize
from hwgen.read import read

ZYBO = BOARDS["zybo"]
DEADLINE = 20.0  # seconds of this process; 5 were measured, and 10 are promised


@pytest.fixture(scope="module")
def lowered():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow and Keras, as they are imported and draw no weights
        defined = wafer.network()
        return lower(quantize(read(defined["randomize"](defined["build"](), 1)), None))


@pytest.fixture(scope="module")
def folded(lowered):
    start = time.process_time()
    folder = Folder(lowered, ZYBO.budget)
    graph = sized(folder, ZYBO, None)
    took = time.process_time() - start
    return folder, buffer(fork(graph)), took


def test_folds_within_the_deadline(folded):
    assert folded[2] < DEADLINE


def test_takes_a_pixel_a_cycle_and_fits(folded):
    folder, hardware, _ = folded
    found = timing(hardware)
    assert found.interval == 224 * 224
    total = cost(hardware)
    for kind in ("lut", "lutram", "ff", "bram36", "dsp", "carry4"):
        assert getattr(total, kind) <= getattr(ZYBO.budget, kind), kind
    step = next_faster(folder, hardware, found.interval)
    assert step.next is None and "at least 50,176 cycles" in str(step)


def test_the_scores_come_soon_after_the_last_pixel(folded):
    assert timing(folded[1]).latency <= 60_000


def test_again_is_the_same(lowered, folded):
    """Several times: what differs from run to run in a solver may be the same twice by chance."""
    again = buffer(fork(sized(Folder(lowered, ZYBO.budget), ZYBO, None)))
    assert again.dump() == folded[1].dump()
    for interval in (224 * 224, 200_000):
        plans = {folded[0].plan(interval).graph.dump() for _ in range(4)}
        assert len(plans) == 1
