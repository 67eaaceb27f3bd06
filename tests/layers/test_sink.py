import numpy as np
import pytest

from hwgen.layers.axi import from_words
from hwgen.layers.sink import Sink
from hwgen.layers.stream import to_beats
from hwgen.tensor import TensorType
from tests.harness import random_raw
from tests.layers.axi_bench import run_axi


def run(block, x, seed, stalls):
    offered = [{"i.payload": beat} for beat in to_beats(x, block.lanes).tolist()]
    collected, taken, emitted = run_axi(block.component(), offered, "i.", "m_axis_t", len(offered), seed, *stalls)
    assert (from_words([b["m_axis_tdata"] for b in collected], block.input, block.lanes) == x).all()
    last = [k for k, beat in enumerate(collected) if beat["m_axis_tlast"]]
    assert last == [k for k in range(len(collected)) if k % block.beats_out == block.beats_out - 1]
    if stalls == (0.0, 0.0):
        (took,), gave = block.schedule(np.arange(len(offered)))
        assert taken == took.tolist() and emitted == gave.tolist()
    return [collected[k] for k in last]


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.4, 0.3), (0.0, 0.5)])
@pytest.mark.parametrize("range_", [(0, 3), (-7, 7), (0, 255), (-300, 4), (0, 2**17)])
def test_sink(range_, stalls):
    seed = range_[1] % 11
    type_ = TensorType((2, 3, 6), *range_)
    block = Sink(type_, (1, 2, 3, 6)[seed % 4], False)
    run(block, random_raw(np.random.default_rng(seed), type_, 2), seed, stalls)
    assert "m_axis_tuser" not in block.ports()


@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.4, 0.3), (0.0, 0.5)])
@pytest.mark.parametrize(
    "channels, lanes", [(10, 1), (10, 2), (10, 5), (10, 10), (12, 3), (12, 6), (58, 1), (2, 2), (64, 8), (1, 1)]
)
def test_top1(channels, lanes, stalls):
    """Few different values, so that ties are common: the first one wins."""
    seed = 7 * channels + lanes
    rng = np.random.default_rng(seed)
    type_ = TensorType((1, 1, channels), int(rng.integers(-3, 1)), int(rng.integers(1, 4)))
    x = random_raw(rng, type_, 12)
    ends = run(Sink(type_, lanes, True), x, seed, stalls)
    assert [beat["m_axis_tuser"] for beat in ends] == x.reshape(12, -1).argmax(axis=1).tolist()


def test_top1_of_an_image_is_refused():
    with pytest.raises(ValueError, match=r"top-1 needs a vector \(1, 1, N\), not \(2, 1, 4\)"):
        Sink(TensorType((2, 1, 4), 0, 1), 1, True)
