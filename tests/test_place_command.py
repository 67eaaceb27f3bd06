"""The clock on the command line and in the report; nextpnr is a program that answers like it, Yosys is not run."""

import json
from pathlib import Path

import pytest

from hwgen import synth
from hwgen.__main__ import main
from hwgen.layers.block import Resources
from tests import fake_nextpnr
from tests.fake_nextpnr import PLACING, log

MODEL = Path(__file__).resolve().parent.parent / "examples/digits/digits.h5"


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    fake_nextpnr.install_none(tmp_path / "bin", monkeypatch)


@pytest.fixture
def synthesized(monkeypatch):
    """Yosys is not run here."""

    def pretend(verilog, top, workdir, family, progress=None, netlist=None):
        (workdir / "yosys.log").write_text("nothing")
        if netlist is not None:
            netlist.write_text("{}")
        return synth.SynthResult(Resources(lut=8_000, ff=9_000), {}, workdir / "yosys.log")

    monkeypatch.setattr(synth, "synthesize", pretend)


def command(tmp_path, capsys, *options) -> tuple[int, str, str, dict | None]:
    """(exit code, output, the error's line, report.json)"""
    out = tmp_path / "out"
    code = main([str(MODEL), "--interval", "20000", *options, "-o", str(out)])
    printed = capsys.readouterr()
    report = json.loads((out / "report.json").read_text()) if out.exists() else None
    return code, printed.out, (printed.err.strip().splitlines() or [""])[-1], report


def test_synthesize_reports_the_clock_where_nextpnr_is(tmp_path, capsys, synthesized):
    fake_nextpnr.install(tmp_path / "bin", "nextpnr-himbaechel", uarch="xilinx", log=log(121.64, 140.37))
    code, printed, _, report = command(tmp_path, capsys, "--synthesize")
    assert code == 0
    assert report["clock_mhz"] == {"assumed": 150, "placed": 121.64, "routed": 140.37}
    cycles, rates = report["interval_cycles"]["estimated"], report["frames_per_second"]
    assert rates["at routed clock"] == pytest.approx(140.37e6 / cycles, abs=0.1) and rates["estimated"] > 150e6 / 20_001
    assert report["place"]["path"]["routing_ns"] == 1.08 and report["place"]["used"]["CARRY4"] == [824, 4400]
    assert "clock: 140.37 MHz reached after routing (nextpnr-himbaechel test-1, target 150 MHz)" in printed
    assert (tmp_path / "out" / "synth" / "nextpnr.log").read_text().startswith(PLACING)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "140.37 MHz" in page and "121.64 MHz" in page and "CARRY4" in page


def test_synthesize_without_nextpnr_says_that_the_clock_is_assumed(tmp_path, capsys, synthesized):
    code, printed, _, report = command(tmp_path, capsys, "--synthesize")
    assert code == 0 and report["clock_mhz"] == {"assumed": 150} and "place" not in report
    assert "clock: 150 MHz is assumed; nextpnr for Xilinx is not installed; install openXC7's" in printed


def test_place_without_nextpnr_is_an_error_before_any_work(tmp_path, capsys):
    code, _, line, report = command(tmp_path, capsys, "--place")
    assert (code, report) == (4, None)
    assert line.startswith("hwgen: error: nextpnr for Xilinx is not installed")


def test_a_crash_is_an_error_that_leaves_what_was_measured_and_the_log(tmp_path, capsys, synthesized):
    fake_nextpnr.install(
        tmp_path / "bin", "nextpnr-himbaechel", uarch="xilinx", log=PLACING, then="os.kill(os.getpid(), signal.SIGSEGV)"
    )
    code, _, line, report = command(tmp_path, capsys, "--synthesize")
    assert code == 5 and line.startswith("hwgen: error: nextpnr-himbaechel test-1 crashed (SIGSEGV)"), line
    kept = Path(line.rpartition("the log is ")[2])
    assert kept == tmp_path / "out" / "synth" / "nextpnr.log" and kept.read_text().startswith(PLACING)
    assert report["resources"]["synthesized"]["lut"] == 8_000 and report["clock_mhz"] == {"assumed": 150}


@pytest.mark.parametrize(("option", "wanted"), [("--synthesize", 0), ("--place", 3)])
def test_a_network_that_can_not_be_placed(option, wanted, tmp_path, capsys, synthesized):
    text = PLACING + "ERROR: Unable to find legal placement for all cells, design is probably at utilisation limit.\n"
    fake_nextpnr.install(tmp_path / "bin", "nextpnr-himbaechel", uarch="xilinx", log=text, then="sys.exit(255)")
    code, printed, line, report = command(tmp_path, capsys, option)
    assert code == wanted and report["clock_mhz"] == {"assumed": 150}
    assert "clock: 150 MHz is assumed; no legal placement was found" in printed
    assert ("no legal placement was found" in line) == (option == "--place")
    assert "no legal placement" in (tmp_path / "out" / "report.html").read_text()
