import numpy as np
import pytest

from hwgen.errors import FrameError
from hwgen.quantize import frames_to_raw, quantize, raw_to_real
from hwgen.tensor import TensorType
from tests.quantize.networks import chain, layer


@pytest.fixture
def graph():
    return quantize(chain((2, 3, 1), layer("Flatten")), "ufixed<8,0>")


def test_frames_become_raw_integers(graph):
    raw = np.arange(12).reshape(2, 2, 3, 1) * 21
    assert np.array_equal(frames_to_raw(graph, (raw / 256).astype(np.float32)), raw)
    assert np.array_equal(frames_to_raw(graph, np.zeros((1, 2, 3, 1), dtype=np.uint8)), np.zeros((1, 2, 3, 1)))


def test_frames_of_a_vector_model():
    graph = quantize(chain((5,), layer("Dropout")), "fixed<4,4>")
    raw = frames_to_raw(graph, np.array([[-8, -1, 0, 1, 7]]))
    assert raw.shape == (1, 1, 1, 5) and raw.ravel().tolist() == [-8, -1, 0, 1, 7]


@pytest.mark.parametrize(
    "value, text",
    [
        (0.3, r"frame 1 has 0.3\S* at \(1, 2, 0\).*multiples of 0.00390625 from 0 to 0.996094"),
        (1.0, r"frame 1 has 1.0 at"),
        (-1 / 256, r"frame 1 has -0.00390625 at"),
        (np.nan, r"frame 1 has nan at"),
        (np.inf, r"frame 1 has inf at"),
    ],
)
def test_a_value_that_the_input_cannot_represent(graph, value, text):
    frames = np.zeros((2, 2, 3, 1), dtype=np.float32)
    frames[1, 1, 2, 0] = value
    with pytest.raises(FrameError, match=text):
        frames_to_raw(graph, frames)


def test_more_bad_values_are_counted(graph):
    with pytest.raises(FrameError, match=r"and 11 more values"):
        frames_to_raw(graph, np.full((2, 2, 3, 1), 0.1))


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 3, 2, 1), (1, 2, 3, 1, 1), (6,), ()])
def test_wrong_shapes_say_both(graph, shape):
    with pytest.raises(FrameError, match=r"frames of shape \(frames, 2, 3, 1\), these have \("):
        frames_to_raw(graph, np.zeros(shape))


def test_no_frames_and_no_numbers(graph):
    with pytest.raises(FrameError, match="there are no frames"):
        frames_to_raw(graph, np.zeros((0, 2, 3, 1)))
    with pytest.raises(FrameError, match="aren't real numbers"):
        frames_to_raw(graph, np.zeros((1, 2, 3, 1), dtype=complex))
    with pytest.raises(FrameError, match="aren't real numbers"):
        frames_to_raw(graph, np.array([["a"]]))


def test_raw_to_real():
    assert raw_to_real(TensorType((1, 1, 1), -8, 7, 3), np.array([-8, 3])).tolist() == [-1.0, 0.375]
    assert raw_to_real(TensorType((1, 1, 1), 0, 9, -1, divisor=3), np.array([6])).tolist() == [4.0]


def test_raw_to_real_rounds_once():
    rng = np.random.default_rng(0)
    for bits in (52, 60, 100, 200):
        for divisor in (1, 3, 49):
            raw = [int(v) << bits - 50 | int(v) for v in rng.integers(-(2**50), 2**50, 50)]
            type = TensorType((1, 1, 1), min(raw), max(raw), 20, divisor)
            seen = raw_to_real(type, np.array(raw, dtype=np.int64 if bits <= 62 else object))
            assert seen.tolist() == [float(v * type.step) for v in raw]
