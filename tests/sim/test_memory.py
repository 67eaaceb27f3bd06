"""Memory files against Python's own integers."""

import numpy as np
import pytest

from hwgen.sim import memory


@pytest.mark.parametrize(
    "width,lanes,signed", [(1, 9, False), (3, 5, True), (4, 3, True), (8, 2, False), (13, 7, True), (40, 1, True)]
)
def test_words_hold_lane_0_lowest_and_read_back(tmp_path, monkeypatch, width, lanes, signed):
    monkeypatch.setattr(memory, "_CHUNK_BITS", 200)  # several chunks
    rng = np.random.default_rng(width)
    low = -(1 << width - 1) if signed else 0
    beats = rng.integers(low, low + (1 << width), size=(50, lanes))
    memory.write_memory(tmp_path / "a.hex", beats, width)
    lines = (tmp_path / "a.hex").read_text().splitlines()
    for line, beat in zip(lines, beats.tolist(), strict=True):
        assert int(line, 16) == sum((value % (1 << width)) << width * lane for lane, value in enumerate(beat))
        assert memory.read_word(line, lanes, width, signed) == beat


def test_unknown_bits_are_none_and_only_where_they_are():
    assert memory.read_word("x3f", 3, 4, True) == [-1, 3, None]
    assert memory.read_word("1X", 2, 3, False) == [None, None]
