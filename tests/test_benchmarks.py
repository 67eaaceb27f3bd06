"""The benchmark of the reference network as a command: frames, documents, options, errors, exit codes."""

import os

import h5py
import numpy as np
import pytest

import hwgen
from benchmarks import growth, measure, reference, steps, tables, wafer
from benchmarks.targets import Line
from benchmarks.wafer import ROOT
from hwgen.errors import DoesNotFit, OutputError

# --- frames and model files ---------------------------------------------------------------------------------------


def test_frames_are_wafers_of_three_levels_and_one_of_noise():
    frames = wafer.frames(3)
    assert frames.shape == (3, 224, 224, 1) and frames.dtype == np.float32
    levels = frames * 16
    for number in (0, 1):
        assert set(np.unique(levels[number])) == {0, 8, 15}
        assert 0.5 < np.mean(levels[number] == 8) < 0.9 and levels[number, 0, 0, 0] == 0
    assert np.array_equal(np.unique(levels[2]), np.arange(16))
    assert np.array_equal(frames, wafer.frames(3)) and not np.array_equal(frames, wafer.frames(4))


# --- documents ----------------------------------------------------------------------------------------------------


def test_text_goes_between_the_markers_and_nowhere_else(tmp_path):
    begin, end = tables.markers("it")
    file = tmp_path / "a.md"
    file.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):
        tables.insert(file, "it", "new\n")
        assert file.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"


@pytest.mark.parametrize("text", ["", "{begin}", "{end}{begin}", "{begin}{begin}{end}"])
def test_a_document_without_its_markers_is_an_error(tmp_path, text):
    begin, end = tables.markers("it")
    (tmp_path / "a.md").write_text(text.format(begin=begin, end=end))
    with pytest.raises(OutputError, match="a.md must hold the lines"):
        tables.insert(tmp_path / "a.md", "it", "new")


def test_the_documents_of_the_project_have_their_markers():
    for document in (reference.DOCUMENT, reference.README):
        tables.split(document, reference.NAME)


# --- the command --------------------------------------------------------------------------------------------------


def failing(capsys, *arguments):
    """The exit code and the error of a command that must print that alone."""
    code = reference.main(list(arguments))
    printed = capsys.readouterr()
    assert not printed.out and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    return code, printed.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--width", "0"], "--width must be above 0"),
        (["--side", "32"], "--side must be at least 40"),
        (["--update-docs", "--skip-synthesis"], "--update-docs wants a whole run"),
        (["--update-docs", "--width", "0.5"], "--update-docs wants a whole run"),
        (["--update-docs", "--models", "/nowhere"], "isn't there"),
        (["--markdown", "/nowhere/a.md"], "can't write into /nowhere"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(capsys, arguments, words):
    code, error = failing(capsys, *arguments)
    assert code == 2 and words in error


@pytest.mark.parametrize(("package", "arguments"), [("qkeras", []), ("matplotlib", ["--markdown", "a.md"])])
def test_what_is_not_installed_is_named_with_the_way_to_get_it(capsys, monkeypatch, package, arguments):
    find = wafer.importlib.util.find_spec
    monkeypatch.setattr(wafer.importlib.util, "find_spec", lambda name: None if name == package else find(name))
    assert reference.main(arguments) == 4
    printed = capsys.readouterr()
    last = printed.err.splitlines()[-1]
    assert not printed.out and "not installed" in last and "pip install '.[" in last


def test_a_small_network_from_model_file_to_markdown(capsys, tmp_path):
    target = tmp_path / "out.md"
    skips = ["--skip-simulation", "--skip-synthesis"]
    small = ["--width", "0.25", "--side", "40", "--seed", "5", "--models", str(tmp_path)]
    assert reference.main([*small, *skips, "--markdown", str(target)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert (
        "`python -m benchmarks.reference --skip-simulation --skip-synthesis --width 0.25 --side 40 --seed 5`"
        in lines[0]
    )
    equal = next(line for line in lines if "integer model's scores" in line)
    assert "| 3 | at least 3 | yes |" in equal
    for what in ("interval, cycles", "latency, cycles", "LUT", "RN07 on pynq-z2, inferences/s"):
        row = next(line for line in lines if line.startswith(f"| {what} |"))
        assert row.split(" | ")[1] == "not run", row
    for width in ("×0.125", "×0.25", "×0.5"):
        assert any(line.startswith(f"| {width} |") for line in lines)
    compiled = next(line for line in lines if line.startswith("| compile and write, s |"))
    assert "the same Verilog" in compiled and str(tmp_path) not in printed.out
    assert target.read_text().startswith(printed.out.strip())
    assert (tmp_path / "out.svg").read_text().count("<svg") == 1


@pytest.mark.parametrize(("miss", "code"), [([], 0), ([Line("LUT", 14_000, "Yosys", most=13_500)], 1)])
def test_the_exit_code_says_whether_all_targets_hold(capsys, monkeypatch, miss, code):
    path = ROOT / "examples" / "digits" / "digits.h5"
    model = wafer.WaferModel(1, path, None, 1)
    run = measure.Run(model, hwgen.compile(path, "zybo", interval=10_000), steps.Usage(1, 1), True, 3)
    lines = [Line("interval, cycles", 50_176, "", most=50_700), *miss]
    results = reference.Results(run, lines, [growth.Point(1, 1, "zybo", 1, 1, "a")], "command")
    monkeypatch.setattr(reference, "run", lambda options, folder: results)
    assert reference.main([]) == code
    error = capsys.readouterr().err
    assert error == ("error: 1 of the targets don't hold: LUT 14,000, at most 13,500\n" if miss else "")


def test_an_error_of_hwgen_keeps_its_code(capsys, monkeypatch):
    def run(options, folder):
        raise DoesNotFit("no room")

    monkeypatch.setattr(reference, "run", run)
    assert failing(capsys) == (DoesNotFit.exit_code, "error: no room\n")


def test_the_model_file_holds_no_more_than_the_network(tmp_path):
    made = wafer.make(tmp_path, 0.125, 9, 40)
    with h5py.File(made.path) as file:
        sizes = []
        file["model_weights"].visititems(lambda _, item: sizes.append(getattr(item, "size", 0)))
    assert sum(sizes) == made.parameters
    assert made.frames.expected.shape == (3, 58) and os.path.getsize(made.path) < 1e6
