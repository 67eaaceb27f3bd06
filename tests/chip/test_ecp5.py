"""The flow for ECP5: what it says where a tool is missing or fails, with programs that pretend; and one real bitstream."""

import json
import os
import re
import stat
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import hwgen
from hwgen.__main__ import main
from hwgen.boards import BOARDS
from hwgen.chip import build as chips
from hwgen.chip import ecp5, tools
from hwgen.chip.uart_top import uart_chip
from hwgen.errors import DoesNotFit, OptionError, ToolFailed, ToolMissing
from hwgen.passes.emit import emit
from tests.graphs import inception
from tests.test_end_to_end import hardware

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples/digits/digits.h5"
SHELL = {"lut": 1_370, "ff": 700, "bram36": 1}  # of a chip of digits what isn't the network, as it was measured
CRAB, ULX3S = BOARDS["orangecrab-25f"], BOARDS["ulx3s-85f"]
# As nextpnr-ecp5 0.11.1 printed it, shortened.
LOG = r"""
Info: Device utilisation:
Info: 	        TRELLIS_COMB: 17000/24288    69%
Info: 	              DP16KD:     3/   56     5%
Info: Running router1...
Info: Critical path report for clock '$glbnet$clk' (posedge -> posedge):
Info:       type curr  total name
Info:   clk-to-q  0.52  0.52 Source $flatten\shell.$flatten\network.$flatten\emitted.\b_sum.$auto$ff.cc:337:slice$1.Q
Info:    routing  1.75  2.27 Net shell.network.emitted.b_sum.credits[0] (94,66) -> (94,63)
Info:                          Sink $flatten\shell.$flatten\network.$flatten\emitted.\c_relu.$auto$ff.cc:337:slice$2.CE
Info:      setup  0.10  2.37 Source $flatten\shell.$flatten\network.$flatten\emitted.\c_relu.$auto$ff.cc:337:slice$2.CE
Info: Max frequency for clock '$glbnet$clk': {mhz:.2f} MHz (PASS at 48.00 MHz)
"""


def program(folder: Path, name: str, version: str, body: str) -> None:
    """A program that states a version, and else runs the Python in `body`, each time noting that in NAME.calls."""
    path = folder / name
    text = f"""\
    #!{sys.executable}
    import sys
    from pathlib import Path
    if "--version" in sys.argv:
        print({version!r})
        sys.exit()
    with open({str(folder / name) + ".calls"!r}, "a") as file:
        file.write(" ".join(sys.argv[1:]) + "\\n")
    """
    path.write_text(textwrap.dedent(text) + textwrap.dedent(body))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def calls(folder: Path, name: str) -> list[str]:
    path = folder / f"{name}.calls"
    return path.read_text().splitlines() if path.exists() else []


def pretend(tmp_path, monkeypatch, mhz: float = 61.5, log: str = LOG, code: int = 0, pack: str = "") -> Path:
    """nextpnr-ecp5 that reaches a clock, and ecppack; the folder that they are in."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    nextpnr = f"""
    print({log.replace("{mhz:.2f}", f"{mhz:.2f}")!r})
    Path(sys.argv[sys.argv.index("--textcfg") + 1]).write_text("config")
    sys.exit({code})
    """
    program(folder, "nextpnr-ecp5", '"x" (Version nextpnr-0.11.1)', nextpnr)
    program(folder, "ecppack", "Project Trellis ecppack Version 1.4", pack or 'Path(sys.argv[-1]).write_bytes(b"bits")')
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("NEXTPNR_ECP5", "nextpnr-ecp5")
    monkeypatch.setenv("ECPPACK", "ecppack")

    def synthesize(module, job, log, progress):
        made = json.loads(job.read_text())
        Path(made["netlist"]).write_text("netlist")
        cells = {"LUT4": 10, "TRELLIS_FF": 7, "TRELLIS_DPR16X4": 2, "EHXPLLL": 1}
        Path(made["stats"]).write_text(json.dumps({"modules": {f"\\{made['top']}": {"num_cells_by_type": cells}}}))
        log.write_text("log")
        with open(tmp_path / "synthesized", "a") as file:
            file.write("once\n")

    monkeypatch.setattr(ecp5, "run_worker", synthesize)
    return folder


@pytest.fixture(scope="module")
def design():
    return hwgen.compile(DIGITS, "orangecrab-25f", interval=6272)


def make(tmp_path, design):
    stages = []
    chip = uart_chip(design.compiled, CRAB, 48.0)
    blocks = list(design.compiled.emitted.instances.values())
    return ecp5.build(chip, CRAB, blocks, tmp_path / "work", lambda stage, part=None: stages.append(stage))


def test_a_run_that_goes_through_and_one_that_finds_all_done(tmp_path, monkeypatch, design):
    folder = pretend(tmp_path, monkeypatch)
    found = make(tmp_path, design)
    assert found.bit.read_bytes() == b"bits" and found.skipped == ()
    assert found.found.routed_mhz == 61.5 and found.found.used["TRELLIS_COMB"] == (17000, 24288)
    assert (found.resources.lut, found.resources.ff, found.resources.lutram) == (22, 7, 12)
    assert found.tools["nextpnr"] == "nextpnr-ecp5 0.11.1" and found.tools["ecppack"] == "ecppack 1.4"
    (line,) = calls(folder, "nextpnr-ecp5")
    assert "--25k --package CSFBGA285 --speed 8" in line
    (line,) = calls(folder, "ecppack")
    assert line.startswith("--compress --freq 38.8 ")
    assert make(tmp_path, design).skipped == ("synthesis", "place and route", "bitstream")
    assert len(calls(folder, "nextpnr-ecp5")) == len(calls(folder, "ecppack")) == 1
    pretend(tmp_path, monkeypatch, pack="sys.exit(1)")  # another ecppack, but of the same version
    assert len(make(tmp_path, design).skipped) == 3
    assert (tmp_path / "synthesized").read_text() == "once\n"


def test_a_chip_that_is_too_slow(tmp_path, monkeypatch, design):
    folder = pretend(tmp_path, monkeypatch, mhz=47.9)
    text = r"reaches 47.9 MHz, not the 48 MHz that it is for; slowest path: b_sum to c_relu, 0.62 ns logic, 1.75 ns routing"
    for _ in range(2):  # also where place and route was done before
        with pytest.raises(DoesNotFit, match=text):
            make(tmp_path, design)
    assert not (tmp_path / "work" / "chip.bit").exists() and len(calls(folder, "nextpnr-ecp5")) == 1


def test_tools_that_fail(tmp_path, monkeypatch, design):
    pretend(tmp_path, monkeypatch, log="ERROR: no timing for this\n", code=1)
    with pytest.raises(ToolFailed, match=r"nextpnr-ecp5 0.11.1 stopped: no timing for this; the log is .*nextpnr.log"):
        make(tmp_path, design)
    log = "Info: 	        TRELLIS_COMB: 25000/24288   102%\n"
    log += "ERROR: Unable to place cell 'x', no BELs remaining to implement cell type 'TRELLIS_COMB'\n"
    pretend(tmp_path, monkeypatch, log=log, code=1)
    with pytest.raises(DoesNotFit, match=r"orangecrab-25f: no legal placement .* it takes 25,000 of 24,288 LUT4s"):
        make(tmp_path, design)
    pretend(tmp_path, monkeypatch, pack='sys.stderr.write("bad tile\\n"); sys.exit(3)')
    with pytest.raises(ToolFailed, match=r"ecppack 1.4 failed \(code 3\): bad tile"):
        make(tmp_path, design)
    pretend(tmp_path, monkeypatch)
    assert make(tmp_path, design).skipped == ("synthesis", "place and route")  # it goes on where it stopped


def test_tools_that_are_missing(tmp_path, monkeypatch, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr(tools, "sys", SimpleNamespace(executable=str(empty / "python")))
    out = tmp_path / "out"
    assert main([str(DIGITS), "--board", "ulx3s-85f", "--bitstream", "-o", str(out)]) == 4
    said = capsys.readouterr().err
    assert "nextpnr-ecp5 is not installed; get it with: pip install 'hwgen[ecp5]'" in said and "NEXTPNR_ECP5" in said
    assert not out.exists()
    monkeypatch.setenv("NEXTPNR_ECP5", "nowhere")
    with pytest.raises(ToolMissing, match="NEXTPNR_ECP5 names 'nowhere', which is no program"):
        ecp5.tools()
    program(empty, "nextpnr-ecp5", "something else", "")
    monkeypatch.setenv("NEXTPNR_ECP5", "nextpnr-ecp5")
    with pytest.raises(ToolMissing, match="is no nextpnr-ecp5: it states no version"):
        ecp5.tools()


def test_boards_and_toolchains_that_do_not_go_together():
    with pytest.raises(OptionError, match="ulx3s-85f has no bitstream by --toolchain vivado; it has: open"):
        chips.check(ULX3S, "vivado")


def test_constraints():
    text = ecp5.constraints(ULX3S)
    assert 'LOCATE COMP "clk" SITE "G2";' in text and 'FREQUENCY PORT "clk" 25 MHZ;' in text
    assert 'LOCATE COMP "tx" SITE "L4";' in text and text.count("IO_TYPE=LVCMOS33;") == 3
    assert ecp5.device(ULX3S) == ["--85k", "--package", "CABGA381", "--speed", "6"]


def test_a_small_chip_with_a_pll(tmp_path):
    """By the real tools: the clock is the PLL's, and a path is named by the part of the chip that it is in."""
    integer = inception(3, (5, 4, 2))
    compiled = SimpleNamespace(integer=integer, hardware=hardware(integer, 300))
    chip = uart_chip(compiled, CRAB, 60.0)
    emitted = emit(compiled.hardware, "ecp5", levels=True)
    found = ecp5.build(chip, CRAB, list(emitted.instances.values()), tmp_path, lambda stage, part=None: None)
    log = (tmp_path / "nextpnr.log").read_text()
    assert "Derived frequency constraint of 60.0 MHz" in log and re.search(r"EHXPLLL:\s+1/", log)
    assert found.found.routed_mhz >= 60
    known = {f"{chip.path}.{name}" for name in emitted.instances.values()} | set(chip.parts)
    assert {found.found.path.start, found.found.path.end} <= known
    assert b"LFE5U-25F" in found.bit.read_bytes()[:200]


def test_digits_on_an_ecp5_from_pip_alone(tmp_path, capsys):
    """A real bitstream: Yosys, nextpnr-ecp5 and ecppack as wheels. The estimate holds what synthesis finds."""
    out = tmp_path / "digits"
    options = [str(DIGITS), "--board", "orangecrab-25f", "--interval", "6272", "--bitstream", "-o", str(out)]
    assert main(options) == 0
    printed = capsys.readouterr().out
    report = json.loads((out / "report.json").read_text())
    chip = report["chip"]
    bit = (out / "chip" / "digits.bit").read_bytes()
    assert b"LFE5U-25F" in bit[:200] and len(bit) > 100_000
    assert bit.find(bytes.fromhex("ffffbdb3")) >= 0  # the preamble that an ECP5 waits for
    assert chip["routed_mhz"] >= chip["clock_mhz"] == 48
    assert re.search(r"chip: [\d,]+ LUT4, [\d,]+ FF.*reached after routing \(pyosys .*nextpnr-ecp5 \d", printed)
    estimated, measured = report["resources"]["estimated"], chip["resources"]
    for kind, lowest, highest in (("lut", 0.9, 1.25), ("ff", 0.9, 1.35), ("lutram", 0.8, 1.4)):
        network = measured[kind] - SHELL.get(kind, 0)
        assert lowest < estimated[kind] / network < highest, (kind, estimated[kind], network)
    assert estimated["dsp"] == measured["dsp"] and abs(estimated["bram36"] - measured["bram36"]) <= SHELL["bram36"]
    assert chip["used"]["TRELLIS_COMB"][1] == report["resources"]["board"]["lut"]
    times = {file.name: file.stat().st_mtime_ns for file in (tmp_path / ".digits.chip").iterdir()}
    assert main([*options, "-q"]) == 0  # nothing is made twice
    again = {file.name: file.stat().st_mtime_ns for file in (tmp_path / ".digits.chip").iterdir()}
    assert times == again and np.array_equal(bit, (out / "chip" / "digits.bit").read_bytes())
    assert os.listdir(out / "chip") and not list(out.glob("**/*.partial"))
