"""Frame files: what can be read, and the line that says what is wrong with the rest."""

import numpy as np
import pytest

from hwgen.errors import FrameError, OptionError
from hwgen.frames import Frames, by_input, load, scores


def test_npy_and_npz(tmp_path):
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", x=x, y=[1, 2, 3])
    assert (load(tmp_path / "a.npy").x == x).all()
    frames = load(tmp_path / "a.npz").first(2)
    assert frames.x.shape == (2, 4) and list(frames.y) == [1, 2] and frames.expected is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.write_text("1,2,3"), "not a whole numpy"),
        (lambda p: p.write_bytes(b""), "not a whole numpy"),
        (lambda p: np.savez(p, y=np.zeros(2), expected1=np.zeros(2)), "holds y, expected1; .* under the name 'x'"),
        (lambda p: np.savez(p, x=np.zeros((2, 2)), y=np.zeros(3)), "'y' has"),
        (lambda p: np.savez(p, x=np.array([{"a": 1}], dtype=object)), "not a whole numpy"),
        (lambda p: p.write_bytes(b"PK\x03\x04" + bytes(40)), "not a whole numpy"),
    ],
)
def test_errors(tmp_path, make, message):
    path = tmp_path / "frames.npz"
    make(path)
    with pytest.raises(FrameError, match=message) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_truncated_file(tmp_path):
    path = tmp_path / "frames.npz"
    np.savez(path, x=np.random.default_rng(0).random((4, 400)))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(FrameError):
        load(path)


def test_a_file_may_hold_more_than_frames(tmp_path):
    x = np.random.default_rng(0).random((4, 2, 2))
    np.savez(tmp_path / "more.npz", x=x, parameters=7, names=np.array(["a", "b"]))
    found = load(tmp_path / "more.npz").first(3)
    assert len(found) == 3 and np.array_equal(by_input(["image"], found)["image"], x[:3])


def test_several_inputs_and_outputs(tmp_path):
    path, left, right = tmp_path / "frames.npz", np.arange(6).reshape(3, 2), np.arange(3).reshape(3, 1)
    np.savez(path, left=left, right=right, y1=[0, 1, 1], expected=left, expected2=right)
    frames = load(path)
    assert len(frames) == 3 and (by_input(("right", "left"), frames)["right"] == right).all()
    (y, expected), (y1, expected1), (y2, expected2) = frames.first(2).truths
    assert y is None and (expected == left[:2]).all() and list(y1) == [0, 1] and expected1 is None
    assert y2 is None and (expected2 == right[:2]).all() and len(frames.first(2)) == 2


def test_forms_of_frames_in_memory():
    a, b = np.zeros((2, 3)), np.ones((2, 1))
    for given in ({"b": b, "a": a}, [a, b], (a, b), Frames({"a": a, "b": b})):
        found = by_input(("a", "b"), given)
        assert list(found) == ["a", "b"] and found["a"] is a and found["b"] is b
    for given in (a, {"a": a}, {"x": a, "more": b}, Frames({"x": a, "names": b}), a.tolist()):
        assert (by_input(("a",), given)["a"] == a).all()


@pytest.mark.parametrize(
    ("names", "frames", "message"),
    [
        (("a", "b"), np.zeros((2, 3)), "no frames for input 'b'; give an array for each of 'a', 'b'"),
        (("a", "b"), {"a": [1], "c": [2]}, "no frames for input 'b'"),
        (("a", "b"), {"a": [1], "b": [1], "c": [2]}, "frames for 'c', which is no input of the model; it has 'a', 'b'"),
        (("a", "b"), {"a": [1], "b": [1, 2]}, "different numbers of frames: {'a': 1, 'b': 2}"),
        (("a",), {"frames": [1]}, "no frames for input 'a'; give them as an array, in a file as 'x' or 'a'"),
    ],
)
def test_frames_for_other_inputs(names, frames, message):
    with pytest.raises(FrameError, match=message):
        by_input(names, frames)


def test_scores_of_every_output():
    first, second = np.array([[1.0, 2], [3, 0]]), np.array([[5.0], [6]])
    frames = Frames(np.zeros((2, 1)), y=np.array([1, 1]), further=((None, np.array([[5], [7]])),))
    assert scores(frames, [first, second]) == {"frames": 2, "hardware": 0.5, "output 1 outputs equal": 1}
    frames = Frames(np.zeros((2, 1)), np.array([1, 0]), first)
    assert scores(frames, [first]) == {"frames": 2, "hardware": 1.0, "QKeras": 1.0, "outputs equal": 2}
    assert scores(Frames(np.zeros((2, 1))), [first]) is None
    with pytest.raises(OptionError, match="results of output 1, the network has 1"):
        scores(Frames(np.zeros((2, 1)), further=((None, second),)), [first])
    with pytest.raises(OptionError, match="'expected1' has 1 values a frame, the network gives 2"):
        scores(Frames(np.zeros((2, 1)), further=((None, second),)), [first, first])
