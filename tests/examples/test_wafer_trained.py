"""The wafer maps are what data.py says, and the committed network is the trained one: its scores are QKeras's own."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import hwgen

EXAMPLE = Path(__file__).parents[2] / "examples" / "wafer"
MIXED_WM38 = 38


@pytest.fixture(scope="module")
def data():
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield runpy.run_path(str(EXAMPLE / "data.py"))
    finally:
        sys.path.remove(str(EXAMPLE))
        sys.modules.pop("patterns", None)


@pytest.fixture(scope="module")
def frames():
    with np.load(EXAMPLE / "test_frames.npz", allow_pickle=False) as archive:
        return dict(archive)


def test_58_classes_are_different_and_hold_those_of_mixedwm38(data):
    classes = [frozenset(patterns) for patterns in data["CLASSES"]]
    assert len(classes) == len(set(classes)) == len(set(data["NAMES"])) == 58
    singles = {"centre", "donut", "edge-local", "edge-ring", "local", "scratch", "near-full", "random"}
    assert set().union(*classes) == singles
    for apart in ({"centre", "donut", "edge-ring"}, {"edge-local", "edge-ring"}, {"near-full", "random"}):
        assert not any(apart <= patterns for patterns in classes)
    without_extras = [c for c in classes if len(c) < 2 or ("random" not in c and not {"centre", "donut"} <= c)]
    assert len(without_extras) == MIXED_WM38


def test_a_map_depends_on_its_seed_and_number_alone(data):
    for number in (0, 57, 123_456):
        image, label = data["wafer"](7, number)
        again, _ = data["wafer"](7, number)
        other, _ = data["wafer"](8, number)
        assert label == number % 58 and np.array_equal(image, again) and not np.array_equal(image, other)


def test_maps_have_three_levels_and_a_round_wafer(data):
    images, labels = data["batch"]((3, 0, 116))
    assert images.shape == (116, 224, 224, 1) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [2] * 58
    row, column = np.mgrid[:224, :224] - 111.5
    away = np.hypot(row, column)
    for image in images[..., 0]:
        assert set(np.unique(image)) <= {0, 8, 15}
        assert (image[away > 115] == 0).all() and (image[away < 80] > 0).all()


def test_patterns_fail_where_they_say(data):
    row, column = np.mgrid[:224, :224] - 111.5
    away = np.hypot(row, column) / 112

    def failing(name, ring):
        numbers = range(data["NAMES"].index(name), 58 * 20, 58)
        maps = np.stack([data["wafer"](11, number)[0] for number in numbers])
        return (maps[:, ring] == 15).mean() / (maps[:, ring] > 0).mean()

    middle, half, edge = away < 0.15, (away > 0.4) & (away < 0.55), (away > 0.88) & (away < 0.92)
    assert failing("none", away < 0.9) < 0.04 < 0.08 < failing("random", away < 0.9) < 0.3
    assert failing("near-full", away < 0.9) > 0.7
    assert failing("centre", middle) > 0.6 > 0.1 > failing("centre", half)
    assert failing("donut", half) > 0.4 > 0.1 > failing("donut", middle)
    assert failing("edge-ring", edge) > 0.5 > failing("edge-local", edge) > 0.08


def test_committed_frames_are_the_first_test_maps(data, frames):
    images, labels = data["batch"]((data["TEST_SEED"], 0, 50))
    assert np.array_equal(frames["x"] * 16, images) and np.array_equal(frames["y"], labels)


def test_the_integer_model_of_the_committed_network_gives_qkeras_scores(frames):
    path = EXAMPLE / "wafer.h5"
    assert path.stat().st_size < 4_000_000
    design = hwgen.compile(path, board="zybo")
    scores = design.evaluate(frames["x"][:8])
    assert np.array_equal(scores, frames["expected"][:8])
    right = (frames["expected"].argmax(axis=1) == frames["y"]).sum()
    assert f"{right} of 50 maps" in (EXAMPLE / "README.md").read_text()


# --- the page -------------------------------------------------------------------------------------------------------


def rows(first: str) -> list[list[str]]:
    """The cells of the table of the page whose head begins with these words."""
    lines = (EXAMPLE / "README.md").read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(first))
    table = lines[start:]
    table = table[: next(n for n, line in enumerate(table) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table if not line.startswith("|---")]


def test_the_page_gives_the_measured_accuracies():
    results = json.loads((EXAMPLE / "results.json").read_text())
    (_, *names), accuracy, loss, _ = rows("| | float | 4-bit")
    assert names == list(results) == ["float", "4-bit", "2-bit", "heterogeneous"]
    assert accuracy[1:] == [f"{result['accuracy']:.2%}".replace("%", " %") for result in results.values()]
    assert loss[1:] == [f"{result['loss']:.3f}" for result in results.values()]
    assert results["4-bit"]["accuracy"] - results["heterogeneous"]["accuracy"] <= 0.03


def test_the_page_gives_the_measured_sparsity():
    results = json.loads((EXAMPLE / "results.json").read_text())
    for name, *cells in rows("| layer | float")[1:]:
        for cell, result in zip(cells, results.values()):
            shares = [f"{share:.1%}".rstrip("%") for share in result["sparsity"][name].values()]
            assert cell == " / ".join(shares) + " %", name


def test_the_page_gives_the_measured_speed_of_the_cpu():
    found = json.loads((EXAMPLE / "tflite.json").read_text())
    expected = [
        [f"{kind['accuracy']:.2%}".replace("%", " %"), f"{timed['latency_ms']:.2f} ms", f"{timed['per_second']:,.0f}"]
        for kind in (found["float"], found["8-bit"])
        for timed in kind["timed"]
    ]
    assert [row[1:4] for row in rows("| | accuracy | one map")[1:-1]] == expected


def test_the_page_gives_the_rate_that_hwgen_says():
    design = hwgen.compile(EXAMPLE / "wafer.h5", board="zybo")
    interval, latency = design.compiled.timing.interval, design.compiled.timing.latency
    row = rows("| | accuracy | one map")[-1]
    assert f"{interval:,} a map, latency {latency:,}" in row[4]
    assert row[2:4] == [f"{latency / 150e3:.3f} ms", f"{150e6 / interval:,.0f}"]
