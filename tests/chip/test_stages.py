"""Stages that are done once."""

import pytest

from hwgen.chip.stages import Stages


def count(stages: Stages, source, setting="1", fail=False) -> int:
    """How often two stages are made in a run, one from a file and one from what that one gave."""
    made = []

    def first(out):
        made.append("first")
        (out / "a").write_text(source.read_text() * 2)

    def second(out):
        made.append("second")
        (out / "b").write_text("half")
        if fail:
            raise RuntimeError("broken off")
        (out / "b").write_text((stages.folder / "a").read_text() + setting)

    (a,) = stages.run("first", [source], [], ["a"], first)
    (b,) = stages.run("second", [a], [setting], ["b"], second)
    assert b.read_text() == source.read_text() * 2 + setting
    return made


def test_what_is_done_stays_done_until_something_changes(tmp_path):
    source = tmp_path / "source"
    source.write_text("x")
    work = tmp_path / "work"
    assert count(Stages(work), source) == ["first", "second"]
    again = Stages(work)
    assert count(again, source) == [] and again.skipped == ["first", "second"]
    assert count(Stages(work), source, "2") == ["second"]
    source.write_text("y")
    assert count(Stages(work), source, "2") == ["first", "second"]
    (work / "b").write_text("changed by somebody")
    assert count(Stages(work), source, "2") == ["second"]
    (work / "a").unlink()
    assert count(Stages(work), source, "2") == ["first"]  # it gives the same as before
    (work / "stamps.json").write_text("{")
    assert count(Stages(work), source, "2") == ["first", "second"]


def test_a_run_that_was_broken_off_goes_on(tmp_path):
    source = tmp_path / "source"
    source.write_text("x")
    with pytest.raises(RuntimeError):
        count(Stages(tmp_path / "work"), source, fail=True)
    assert not (tmp_path / "work" / "b").exists()  # half a file is none
    assert count(Stages(tmp_path / "work"), source) == ["second"]


def test_text_is_written_where_it_differs(tmp_path):
    stages = Stages(tmp_path)
    path = stages.text("t", "one")
    before = path.stat().st_mtime_ns
    assert stages.text("t", "one").stat().st_mtime_ns == before
    assert stages.text("t", "two").read_text() == "two"
