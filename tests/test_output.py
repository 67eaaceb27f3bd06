"""The output folder is written whole or not at all, and nothing of the user's is lost."""

import pytest

from hwgen.errors import OutputError
from hwgen.output import OutputFolder


def write(target, text="1"):
    with OutputFolder(target) as folder:
        (folder.path / "sub").mkdir()
        (folder.path / "sub" / "file").write_text(text)
        return folder.commit()


def test_writes_and_replaces_its_own(tmp_path):
    target = tmp_path / "a" / "out"
    write(target)
    write(target, "2")
    assert (target / "sub" / "file").read_text() == "2"
    assert [p.name for p in target.parent.iterdir()] == ["out"], "nothing else is left behind"


def test_refuses_a_folder_with_foreign_files(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.tex").write_text("precious")
    with pytest.raises(OutputError, match=r"thesis\.tex.*-o"):
        write(target)
    assert (target / "thesis.tex").read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


def test_refuses_its_own_folder_once_something_was_added(tmp_path):
    target = write(tmp_path / "out")
    (target / "sub" / "notes.txt").write_text("precious")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write(target)
    assert (target / "sub" / "notes.txt").exists()


def test_refuses_a_file_in_its_place(tmp_path):
    (tmp_path / "out").write_text("precious")
    with pytest.raises(OutputError, match="not a folder"):
        write(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "precious"


def test_an_error_leaves_what_was_there(tmp_path):
    target = write(tmp_path / "out")
    with pytest.raises(RuntimeError), OutputFolder(target) as folder:
        (folder.path / "half").write_text("half")
        raise RuntimeError
    assert (target / "sub" / "file").read_text() == "1"
    assert list(tmp_path.iterdir()) == [target]


def test_an_empty_folder_is_fine(tmp_path):
    (tmp_path / "out").mkdir()
    assert (write(tmp_path / "out") / "sub" / "file").exists()
