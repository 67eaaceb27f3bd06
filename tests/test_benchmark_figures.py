"""What the benchmark of the reference network measures: lines and their targets, time and memory, growth."""

import sys
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hwgen
from benchmarks import growth, layers, measure, steps, targets, wafer
from benchmarks.targets import Line
from hwgen.boards import BOARDS
from hwgen.errors import DoesNotFit, ToolFailed
from hwgen.frames import load
from hwgen.layers.block import Resources
from hwgen.sim.result import SimResult
from hwgen.synth import SynthResult

DIGITS = wafer.ROOT / "examples" / "digits"


# --- lines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        (Line("", 50_700, "", most=50_700), True),
        (Line("", 50_701, "", most=50_700), False),
        (Line("", 5_000, "", least=5_000), True),
        (Line("", 4_999.9, "", least=5_000), False),
        (Line("", 0, "", most=80), True),
        (Line("", None, "", most=80), None),
        (Line("", 7, ""), None),
    ],
)
def test_a_target_holds_up_to_its_last_number(line, holds):
    assert line.holds is holds
    assert targets.missed([line]) == ([line] if holds is False else [])


def test_what_was_not_measured_is_not_shown_as_measured():
    row = targets.table([Line("LUT", None, "--skip-synthesis", 13_500, None, 12_000, "13,860")]).splitlines()[-1]
    assert row == "| LUT | not run | at most 13,500 |  | 12,000 | 13,860 | --skip-synthesis |"


def test_numbers_are_short_but_whole_where_they_count():
    values = (478_150, 50_176.0, 298.83, 31.46, 0.8099, 0.5, 0)
    assert [targets.number(value) for value in values] == ["478,150", "50,176", "298.8", "31.5", "0.81", "0.5", "0"]


def test_a_miss_is_plain_to_see():
    row = targets.table([Line("LUT", 14_000, "Yosys", most=13_500)], ("", "measured", "holds")).splitlines()[-1]
    assert row == "| LUT | 14,000 | **no** |"


# --- what is measured ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def design():
    return hwgen.compile(DIGITS / "digits.h5", "zybo", interval=10_000)


def run_of(design, **changes):
    frames = load(DIGITS / "test_frames.npz").first(3)
    model = wafer.WaferModel(1, DIGITS / "digits.h5", frames, 1)
    return replace(measure.Run(model, design, steps.Usage(31.0, 1_500_000_000), True, 3), **changes)


def simulated(ends, compared):
    """A run in which a pixel went in every cycle from cycle 7 on, and frames ended in these cycles."""
    starts = 7 + 784 * np.arange(len(ends))
    nothing = {"outputs": {}, "top1": {}, "cycles": 0, "mismatched": 0, "mismatches": [], "fills": {}}
    return SimResult(
        len(ends),
        first_in=starts,
        last_in=starts + 783,
        first_out=np.array(ends) - 9,
        last_out=np.array(ends),
        compared=compared,
        simulator="Verilator",
        build_seconds=40.0,
        **nothing,
    )


def test_interval_is_that_of_the_last_frames_and_latency_that_of_a_frame_alone(design):
    steady, first = simulated([60_000, 111_000, 161_700], 300), simulated([60_007], 100)
    interval, rate, latency, time_ = measure.speed(run_of(design, first=first, steady=steady))
    assert (interval.figure, interval.holds) == (50_700, True) and "300 values" in interval.how
    assert rate.figure == round(150e6 / 50_700)
    assert (latency.figure, latency.holds) == (60_000, True) and "100 values" in latency.how
    assert time_.figure == pytest.approx(0.4)
    late = simulated([60_008], 100)
    assert measure.speed(run_of(design, first=late, steady=steady))[2].holds is False


def test_without_simulation_only_estimates_are_given(design):
    for line in measure.speed(run_of(design)):
        assert line.figure is None and line.how == "--skip-simulation" and line.estimated
    assert measure.speed(run_of(design))[0].estimated == design.compiled.timing.interval


def test_synthesized_resources_stand_beside_the_estimate(design, monkeypatch):
    assert [line.figure for line in measure.cost(run_of(design))] == [None] * 7
    assert "synthesized" not in layers.table(design)
    block = design.compiled.hardware.nodes[0]
    made = Resources(lut=13_501, lutram=4_000, ff=28_000, bram36=60, dsp=81, carry4=9_999)
    instance = {design.compiled.emitted.instances[block.name]: Resources(lut=4_321)}
    monkeypatch.setattr(design, "synthesized", SynthResult(made, instance, Path()))
    lines = {line.what: line for line in measure.cost(run_of(design))}
    assert [line.holds for line in lines.values()] == [False, True, True, None, True, False, False]
    assert lines["LUT"].estimated == round(design.compiled.cost.lut)
    error = lines["error of the LUT estimate, %"].figure
    assert error == pytest.approx(100 * (1 - design.compiled.cost.lut / 13_501))
    rows = [row.split(" | ") for row in layers.table(design).splitlines()]
    assert rows[2][3] == f"{block.op.cost().lut:.0f} / 4,321"
    assert rows[-1][3] == f"{design.compiled.cost.lut:,.0f} / 13,501"


def test_time_and_memory_have_limits(design):
    seconds, memory, simulation = measure.effort(run_of(design))
    assert (seconds.holds, memory.holds, simulation.figure) == (False, True, None)
    run = run_of(design, first=simulated([60_000], 100), simulate_seconds=180.5, same_verilog=False)
    seconds, memory, simulation = measure.effort(run)
    assert simulation.holds is False and "40 s to build" in simulation.how
    assert "NOT the Verilog" in seconds.how


def test_a_layer_at_the_target_interval_stands_beside_the_layer_as_it_is(design):
    wanted = layers.lut_at(DIGITS / "digits.h5", "pynq-z2", 2_000)
    total = [line.split(" | ")[-1] for line in layers.table(design, wanted).splitlines()][-1]
    assert float(total.rstrip(" |").replace(",", "")) == pytest.approx(sum(wanted.values()), abs=0.5)
    assert sum(wanted.values()) > design.compiled.cost.lut
    assert layers.lut_at(DIGITS / "digits.h5", "pynq-z2", 1) is None
    assert "out of reach" in layers.refusal(DIGITS / "digits.h5", "zybo", 1)
    assert "fit the chip" in layers.refusal(DIGITS / "digits.h5", "zybo", 10_000)


def test_time_and_memory_are_those_of_the_child():
    code = "import time; block = bytearray(b'x') * 300_000_000; time.sleep(0.4)"
    start = time.perf_counter()
    used = steps.measured([sys.executable, "-c", code])
    assert 0.4 <= used.seconds <= time.perf_counter() - start
    # At the start a process has what its parent has resident; this one has TensorFlow, much less than 3 GB.
    assert 300e6 <= used.memory < 3e9


def test_memory_of_a_child_of_the_child_counts():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', \"bytearray(b'x') * 400_000_000\"])"
    assert steps.measured([sys.executable, "-c", code]).memory >= 400e6


def test_a_child_that_fails_is_an_error_of_one_line():
    with pytest.raises(ToolFailed) as error:
        steps.measured([sys.executable, "-c", "import sys; sys.exit('first\\nand last')"])
    assert "code 1: and last" in str(error.value) and "\n" not in str(error.value)


# --- growth -------------------------------------------------------------------------------------------------------


def test_growth_takes_the_smallest_board_and_keeps_the_refusals(monkeypatch):
    smallest, second, *_ = growth.SMALLEST_FIRST

    def compile(path, board):
        if board == smallest:
            raise DoesNotFit("too large")
        return hwgen.compile(path, board, interval=10_000)

    monkeypatch.setattr(growth, "hwgen", Namespace(compile=compile))
    points = growth.measure(wafer.WaferModel(2, DIGITS / "digits.h5", None, 478_150))
    assert [(p.board, p.refusal, p.interval is None) for p in points] == [
        (smallest, "too large", True),
        (second, "", False),
    ]
    lut = [BOARDS[name].resources.lut for name in growth.SMALLEST_FIRST]
    assert lut == sorted(set(lut)), "one board a chip, and no LUT4 among the LUT6"
    text = growth.table(points)
    assert f"| ×2 | 478,150 | {BOARDS[smallest].title} |  |  |  |  | too large |" in text
    assert f"{points[1].interval:,}" in text


def test_the_plot_shows_every_network_that_fits_and_is_the_same_every_time(tmp_path):
    points = [
        growth.Point(0.5, 1, "zybo", 50_176, 9_000, "a"),
        growth.Point(1, 1, "zybo", 60_000, 13_000, "a"),
        growth.Point(2, 1, "zybo", refusal="too large"),
        growth.Point(2, 1, "pynq-z2", 70_000, 30_000, "a"),
    ]
    growth.plot(points, tmp_path / "a.svg")
    growth.plot(points, tmp_path / "b.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    for label in ("×0.5", "×1", "×2", "interval, cycles a frame", "LUT, estimated", "TUL PYNQ-Z2"):
        assert label in text, label
