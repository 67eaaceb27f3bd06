"""The command line: what a new user types, what goes wrong, and what is left behind."""

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.__main__ import main
from hwgen.boards import BOARDS

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "examples/digits/digits.h5"
FRAMES = ROOT / "examples/digits/test_frames.npz"


def run(*arguments) -> tuple[int, str]:
    """(exit code, the last line of standard error) in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "hwgen", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def test_help_is_quick():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "hwgen", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        times.append(time.perf_counter() - start)
    assert "exit codes" in done.stdout
    assert min(times) < 0.3


def test_compiling_never_imports_tensorflow(tmp_path):
    code = (
        "import sys; from hwgen.__main__ import main; "
        f"code = main([{str(MODEL)!r}, '-q', '-o', {str(tmp_path / 'out')!r}]); "
        "assert not {'tensorflow', 'keras', 'tf_keras', 'qkeras'} & set(sys.modules), 'imported'; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_writes_everything_and_prints_the_table(tmp_path, capsys):
    out = tmp_path / "out"
    assert main([str(MODEL), "--board", "zybo", "-o", str(out), "--dump-ir", str(tmp_path / "ir")]) == 0
    printed = capsys.readouterr().out
    for word in ("first", "scores", "share of board", "interval", "frames/s"):
        assert word in printed
    report = json.loads((out / "report.json").read_text())
    for key in (
        "model",
        "board",
        "clock_mhz",
        "interval_cycles",
        "latency_cycles",
        "fits",
        "resources",
        "layers",
    ):
        assert key in report, key
    assert report["fits"] and report["interval_cycles"]["estimated"] >= 784 / 2
    assert set(report["resources"]["estimated"]) == {"lut", "lutram", "ff", "bram36", "dsp"}
    assert "module digits" in next((out / "rtl").glob("*.v")).read_text()
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert len(list((tmp_path / "ir").glob("*.txt"))) == 5


def test_a_rate_is_met(tmp_path):
    out = tmp_path / "out"
    assert main([str(MODEL), "--interval", "20000", "-q", "-o", str(out)]) == 0
    slow = json.loads((out / "report.json").read_text())
    assert slow["interval_cycles"]["estimated"] <= 20000
    assert main([str(MODEL), "--fps", "50000", "--clock", "100", "-q", "-o", str(out)]) == 0
    fast = json.loads((out / "report.json").read_text())
    assert fast["interval_cycles"]["estimated"] <= 2000
    assert fast["resources"]["estimated"]["lut"] > slow["resources"]["estimated"]["lut"]


def truncated(path: Path) -> Path:
    path.write_bytes(MODEL.read_bytes()[:20000])
    return path


def text(path: Path) -> Path:
    path.write_text("not a model")
    return path


CASES = {
    "no such model": (2, "there is no file 'nowhere.h5'", lambda t: ["nowhere.h5"]),
    "truncated": (2, "truncated|damaged|corrupt|HDF5", lambda t: [truncated(t / "m.h5")]),
    "not HDF5": (2, "HDF5", lambda t: [text(t / "m.h5")]),
    "board": (2, "unknown board 'zyb'.*zybo, .*pynq-z2", lambda t: [MODEL, "--board", "zyb"]),
    "input type": (2, "ufixed", lambda t: [MODEL, "--input-type", "int8"]),
    "both rates": (2, "not both", lambda t: [MODEL, "--fps", "10", "--interval", "10"]),
    "impossible rate": (3, "out of reach", lambda t: [MODEL, "--interval", "10"]),
    "frames missing": (2, "no such file", lambda t: [MODEL, "--simulate", t / "x.npy"]),
    "layer": (
        2,
        "no layer 'conv9'.*first",
        lambda t: [MODEL, "--simulate", FRAMES, "--frames", "2", "--layer", "conv9"],
    ),
    "layer without frames": (2, "--simulate", lambda t: [MODEL, "--layer", "first"]),
    "graphs into a file": (2, "--dump-ir", lambda t: [MODEL, "--dump-ir", text(t / "ir")]),
    "clock": (2, "clock", lambda t: [MODEL, "--clock", "0"]),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_and_leaves_nothing(name, tmp_path):
    wanted, message, arguments = CASES[name]
    out = tmp_path / "build" / "out"
    code, line = run(*arguments(tmp_path), "-o", out)
    assert code == wanted, line
    assert line.startswith("hwgen: error: ")
    assert re.search(message, line), line
    assert not out.exists()
    assert not out.parent.exists() or not list(out.parent.iterdir()), "something half-written was left behind"


@pytest.mark.parametrize("options", [[], ["--interval", "800"]], ids=["by itself", "at a rate"])
def test_a_network_too_large_for_the_board(options, tmp_path, monkeypatch, capsys):
    tiny = replace(BOARDS["zybo"], name="tiny", resources=BOARDS["zybo"].resources * (0.1 if options else 0.01))
    monkeypatch.setitem(BOARDS, "tiny", tiny)
    assert main([str(MODEL), "--board", "tiny", "-o", str(tmp_path / "out"), *options]) == 3
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search("too large for the board|would take .* tiny has|alone takes", line), line
    assert not list(tmp_path.iterdir())


def frames_of_shape(path: Path, x: np.ndarray) -> Path:
    np.save(path, x)
    return path


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 28, 27, 1)), r"28.*27|27.*28"),
        (np.full((2, 28, 28, 1), 1 / 32), r"frame 0"),
        (np.full((2, 28, 28, 1), 2.0), r"frame 0"),
        (np.full((2, 28, 28, 1), np.nan), r"frame 0|finite|NaN"),
        (np.array([["a"]]), r"number|numeric|dtype"),
    ],
    ids=["shape", "step", "range", "nan", "text"],
)
def test_frames_that_the_input_can_not_take(x, message, tmp_path):
    code, line = run(MODEL, "--simulate", frames_of_shape(tmp_path / "x.npy", x), "-o", tmp_path / "out")
    assert code == 2 and re.search(message, line), line
    assert not (tmp_path / "out").exists()


def test_a_foreign_output_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    code, line = run(MODEL, "-o", tmp_path)
    assert code == 2 and "thesis.tex" in line
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
