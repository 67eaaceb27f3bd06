"""The benchmark of blocks' clocks, with a program that answers like nextpnr; Yosys is not run."""

from pathlib import Path

import pytest

from benchmarks import clock
from hwgen.layers.block import Resources
from hwgen.synth import SynthResult
from tests import fake_nextpnr

MODEL = Path(__file__).resolve().parent.parent / "examples/digits/digits.h5"


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    fake_nextpnr.install_none(tmp_path / "bin", monkeypatch)

    def pretend(verilog, top, workdir, family, netlist):
        assert "module " + top in verilog[0].read_text()
        netlist.write_text("{}")
        return SynthResult(Resources(lut=1_234, carry4=5), {}, workdir / "yosys.log")

    monkeypatch.setattr(clock, "synthesize", pretend)


def test_a_row_says_what_a_block_takes_and_reaches(tmp_path, capsys):
    log = fake_nextpnr.log(121.64, 140.37)
    fake_nextpnr.install(tmp_path / "bin", "nextpnr-himbaechel", uarch="xilinx", log=log)
    assert clock.main([str(MODEL), "--interval", "20000", "--block", "pool"]) == 0
    heading, _, *_, row = capsys.readouterr().out.strip().splitlines()
    assert heading.endswith("nextpnr-himbaechel test-1, xc7z010clg400-1, target 150 MHz")
    assert row.startswith("| pool: Pool[") and row.endswith(
        "| 1,234 | 5 | 824 | 121.64 | 140.37 | 0.57 in 1 cells, 1.08 in wires |"
    )


def test_a_block_that_can_not_be_placed_has_the_reason_in_its_row(tmp_path, capsys):
    log = (
        fake_nextpnr.PLACING
        + "ERROR: Unable to find legal placement for all cells, design is probably at utilisation limit.\n"
    )
    fake_nextpnr.install(tmp_path / "bin", "nextpnr-himbaechel", uarch="xilinx", log=log, then="sys.exit(255)")
    assert clock.main([str(MODEL), "--interval", "20000", "--block", "pool"]) == 0
    assert "no legal placement was found: the design is too dense" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("installed", "code", "message"),
    [(True, 2, "no block 'b9'; there are: image"), (False, 4, "nextpnr for Xilinx is not")],
)
def test_errors_are_one_line(installed, code, message, tmp_path, capsys):
    if installed:
        fake_nextpnr.install(tmp_path / "bin", "nextpnr-himbaechel", uarch="xilinx")
    assert clock.main([str(MODEL), "--interval", "20000", "--block", "b9"]) == code
    assert message in capsys.readouterr().err
