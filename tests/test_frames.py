"""Frame files: what can be read, and the line that says what is wrong with the rest."""

import numpy as np
import pytest

from hwgen.errors import FrameError
from hwgen.frames import load


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
        (lambda p: np.savez(p, frames=np.zeros((2, 2))), "under the name 'x'"),
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
