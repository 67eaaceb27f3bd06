"""Rate against resources: every row is a design that can be had, the limits are the board's, and the plot shows them."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

import hwgen
from hwgen.__main__ import main
from hwgen.boards import BOARDS
from hwgen.plot import HEIGHT, WIDTH, Limit, Line, svg

MODEL = Path(__file__).resolve().parent.parent / "examples/digits/digits.h5"
USED = ("lut", "ff", "bram36", "dsp")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def small():
    """A board that the example fits, but not at its highest rate."""
    board = replace(BOARDS["zybo"], name="small", title="Small", resources=BOARDS["zybo"].resources * 0.25)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BOARDS, "small", board)
        patch.setattr("hwgen.tradeoff.POINTS", 6)
        yield board


@pytest.fixture(scope="module")
def found(small):
    return hwgen.pareto(MODEL, "small", clock_mhz=100)


def test_none_is_beaten_by_another(found):
    assert len(found.points) >= 4
    for faster, slower in zip(found.points, found.points[1:]):
        assert faster.interval_cycles < slower.interval_cycles
    for point in found.points:
        for other in found.points:
            better = other.interval_cycles < point.interval_cycles
            assert not (better and all(other.resources[k] <= point.resources[k] for k in USED))


def test_rates_and_fits_follow_from_the_figures(found, small):
    for point in found.points:
        assert point.frames_per_second == pytest.approx(100e6 / point.interval_cycles, abs=0.1)
        fits = [
            all(amount <= getattr(limit, kind) for kind, amount in point.resources.items())
            for limit in (small.budget, small.resources)
        ]
        assert point.fits == ("yes" if fits[0] else "tight" if fits[1] else "no")
    assert {"yes", "no"} <= {point.fits for point in found.points}


def test_the_fastest_that_fits_is_what_compiling_takes(found):
    design = hwgen.compile(MODEL, "small", clock_mhz=100).report()
    best = next(point for point in found.points if point.fits == "yes")
    assert best.interval_cycles == design["interval_cycles"]["estimated"]
    assert best.resources == design["resources"]["estimated"]
    assert best.bottleneck == design["bottleneck"]


def test_files_and_table(small, found, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([str(MODEL), "--board", "small", "--clock", "100", "--pareto", "-o", str(out)]) == 0
    assert sorted(file.name for file in out.iterdir()) == [".hwgen.json", "pareto.json", "pareto.svg"]
    assert json.loads((out / "pareto.json").read_text()) == json.loads(json.dumps(found.report()))
    printed = capsys.readouterr().out
    for word in ("cycles", "frames/s", "LUT", "FF", "BRAM", "DSP", "fits", "slowest block", "written to"):
        assert word in printed
    for point in found.points:
        assert f"{point.interval_cycles:,}" in printed


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main([str(MODEL), "--pareto", "-o", str(tmp_path)]) == 2
    assert "did not write" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("other", [["--fps", "10"], ["--interval", "900"], ["--synthesize"]])
def test_it_makes_no_design(other, tmp_path, capsys):
    assert main([str(MODEL), "--pareto", *other, "-o", str(tmp_path / "out")]) == 2
    assert re.search(f"error: --pareto makes no design: leave {other[0]}", capsys.readouterr().err)


def test_a_network_that_fits_nowhere_has_points_all_the_same(monkeypatch):
    tiny = replace(BOARDS["zybo"], name="tiny", resources=BOARDS["zybo"].resources * 0.01)
    monkeypatch.setitem(BOARDS, "tiny", tiny)
    monkeypatch.setattr("hwgen.tradeoff.POINTS", 2)
    found = hwgen.pareto(MODEL, "tiny")
    assert found.points and {point.fits for point in found.points} == {"no"}


def test_the_plot_has_axes_limits_and_every_point(found):
    root = ET.fromstring(found.svg())
    texts = [element.text for element in root.iter(f"{SVG}text")]
    for word in ("LUT", "FF", "BRAM", "DSP", "% of the board", "small: all of it"):
        assert word in texts
    assert any("frames a second at 100 MHz" in text for text in texts)
    assert len(list(root.iter(f"{SVG}polyline"))) == 4
    assert sum(element.get("class") == "limit" for element in root.iter(f"{SVG}line")) == 2


def test_a_plot_puts_points_where_they_belong():
    points = [(10, 0.0), (100, 50.0), (1000, 100.0)]
    root = ET.fromstring(svg("a <b>", "x", "y", [Line("one", points)], [Limit("half", 50.0)], 100.0))
    places = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
    (axis,) = [element for element in root.iter(f"{SVG}path")]
    left, top, bottom, right = map(float, re.fullmatch(r"M(\S+) (\S+)V(\S+)H(\S+)", axis.get("d")).groups())
    assert places == [(left, bottom), ((left + right) / 2, (top + bottom) / 2), (right, top)]
    (limit,) = [element for element in root.iter(f"{SVG}line") if element.get("class") == "limit"]
    assert float(limit.get("y1")) == float(limit.get("y2")) == (top + bottom) / 2
    assert 0 <= left < right <= WIDTH and 0 <= top < bottom <= HEIGHT


def test_a_point_beyond_the_plot_is_not_marked():
    root = ET.fromstring(svg("t", "x", "y", [Line("one", [(10, 50.0), (20, 5000.0)])], [], 100.0))
    assert len(list(root.iter(f"{SVG}circle"))) == 1
