"""The benchmark of the arithmetics: its rows can be built, its table says what was measured, its errors are one line."""

import pytest

from benchmarks import alone, arithmetic, tables
from benchmarks.arithmetic import ROWS, UNSHARED
from hwgen.layers.block import Resources


def test_the_document_has_its_markers():
    tables.split(arithmetic.DOCUMENT, arithmetic.NAME)


def test_every_arithmetic_is_measured():
    possible = {name for work, _ in ROWS for name in work.block("auto").arithmetics()}
    assert {how for _, how in ROWS} - {UNSHARED} == possible
    assert len({(work, how) for work, how in ROWS}) == len(ROWS)


def test_sharing_saves_on_every_matrix_of_the_table():
    works = [work for work, how in ROWS if how == UNSHARED]
    assert len(works) >= 4
    for work in works:
        assert work.block("constants").cost().lut < 0.9 * arithmetic.unshared(work).lut


def test_a_row(monkeypatch, tmp_path):
    monkeypatch.setattr(alone, "measure", lambda text, folder: Resources(lut=144, carry4=72, ff=288, dsp=36))
    work = arithmetic.FOLDED["binary"]
    assert (work.macs, work.block("signs").fold) == (288, 4)
    estimated = f"{work.block('signs').cost().lut / 288:.2f}"
    row = ["binary", "4 bits", "36 × 8", "4", "signs", estimated, "0.50", "0.25", "1.00", "0.12"]
    assert arithmetic.row(work, "signs", tmp_path) == row
    assert arithmetic.row(arithmetic.FIXED["ternary"], UNSHARED, tmp_path)[-4:] == [""] * 4


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--only", "magic"], "error: no row has the arithmetic 'magic'; choose one of constants, "),
        (["--only", "dsp", "--update-docs"], "error: --update-docs wants the whole table; leave out --only"),
    ],
)
def test_errors(capsys, arguments, message):
    assert arithmetic.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(message) and printed.err.count("\n") == 1 and not printed.out
