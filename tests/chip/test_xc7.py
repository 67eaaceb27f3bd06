"""The open flow for Xilinx 7 series, with programs that pretend: what it makes of them, where it stops, where it goes on."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import hwgen
from hwgen.__main__ import main
from hwgen.boards import BOARDS
from hwgen.chip import build as chips
from hwgen.chip import prjxray, xc7
from hwgen.chip.zynq_top import zynq_chip
from hwgen.errors import DoesNotFit, OptionError, ToolFailed, ToolMissing
from tests import fake_nextpnr
from tests.chip.test_bitfile import made, words

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples/digits/digits.h5"
ZYBO = BOARDS["zybo"]
# As nextpnr-himbaechel 0.11.1 prints it, shortened; cells of a whole chip.
PLACED = "Info: \t         SLICE_LUTX:   12563/  35200    35%\nInfo: \t             CARRY4:     950/   4400    21%\n"
ROUTED = r"""
Info: Running router2...
Info: Critical path report for clock 'clk' (posedge -> posedge):
Info:       type curr  total name
Info:   clk-to-q  0.35  0.35 Source $flatten\shell.$flatten\emitted.$flatten\network.$flatten\emitted.\b_sum.$auto$slice$1.Q
Info:    routing  4.75  5.10 Net x (94,66) -> (94,63)
Info:                          Sink $flatten\shell.$flatten\emitted.\dma.$auto$slice$2.CE
Info:      setup  0.10  5.20 Source $flatten\shell.$flatten\emitted.\dma.$auto$slice$2.CE
Info: Max frequency for clock 'clk': {mhz:.2f} MHz (PASS at 100.00 MHz)
"""
FASM = "BRAM_L_X6Y0.RAMB18_Y0.SDP_READ_WIDTH_36\nBRAM_L_X6Y0.RAMB18_Y0.READ_WIDTH_B_18\n"


def program(path: Path, body: str) -> None:
    """A program that notes its arguments in NAME.calls and runs the Python in `body`."""
    calls = f'with open({str(path) + ".calls"!r}, "a") as file:\n    file.write(" ".join(sys.argv[1:]) + "\\n")\n'
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n{calls}{body}\n")
    path.chmod(0o755)


def calls(folder: Path, name: str) -> list[str]:
    path = folder / f"{name}.calls"
    return path.read_text().splitlines() if path.exists() else []


def database(folder: Path, part: str = "xc7z010clg400-1", family: str = "zynq7") -> Path:
    """Of Project X-Ray, as far as hwgen looks at it."""
    root = folder / family
    for name in (f"{part}/part.yaml", f"{part}/package_pins.csv", "mapping/parts.yaml", "segbits_bram_l.db"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return folder


def none_installed(folder: Path, monkeypatch) -> None:
    """No tool is found but what is in the folder."""
    fake_nextpnr.install_none(folder, monkeypatch)
    for name in ("FASM2FRAMES", "XC7FRAMES2BIT", "PRJXRAY_DB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(prjxray, "sys", SimpleNamespace(executable=str(folder / "python")))


def pretend(tmp_path, monkeypatch, *, mhz=123.4, log=None, fasm=FASM, frames="", bit=None, cells=None) -> Path:
    """All the tools; the folder that they are in."""
    folder = tmp_path / "bin"
    if not folder.exists():
        none_installed(folder, monkeypatch)
        monkeypatch.setenv("PRJXRAY_DB_DIR", str(database(tmp_path / "database")))
    then = f"""
at = [a for a in sys.argv if a.startswith("fasm=")]
Path(at[0].removeprefix("fasm=")).write_text({fasm!r})
with open({str(folder / "nextpnr.calls")!r}, "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
"""
    text = PLACED + ROUTED.replace("{mhz:.2f}", f"{mhz:.2f}") if log is None else log
    fake_nextpnr.install(folder, "nextpnr-himbaechel", uarch="xilinx", log=text, then=then)
    program(folder / "fasm2frames", frames or 'Path(sys.argv[-1]).write_text("0x00000000 0x0")')
    (folder / "chip").write_bytes(made(words(100, 1)) if bit is None else bit)
    output = [
        'to = [a for a in sys.argv if "output_file" in a][0].split("=")[1]',
        f"Path(to).write_bytes(Path({str(folder / 'chip')!r}).read_bytes())",
    ]
    program(folder / "xc7frames2bit", "pass" if bit == b"" else "\n".join(output))

    def synthesize(module, job, log, progress):
        todo = json.loads(job.read_text())
        found = {"b_sum.lut": {"type": "LUT6", "parameters": {}, "connections": {}}} if cells is None else cells
        Path(todo["netlist"]).write_text(json.dumps({"modules": {todo["top"]: {"cells": found}}}))
        kinds = {"LUT6": 10, "LUT6_2": 5, "FDRE": 7, "RAM32M": 2, "PS7": 1, "BUFG": 1, "CARRY4": 3}
        Path(todo["stats"]).write_text(json.dumps({"modules": {f"\\{todo['top']}": {"num_cells_by_type": kinds}}}))
        with open(tmp_path / "synthesized", "a") as file:
            file.write("once\n")

    monkeypatch.setattr(xc7, "run_worker", synthesize)
    return folder


@pytest.fixture(scope="module")
def chip():
    """A chip, and the blocks of its network."""
    compiled = hwgen.compile(DIGITS, "zybo", interval=6272).compiled
    return zynq_chip(compiled, ZYBO, 100.0), list(compiled.emitted.instances.values())


def make(tmp_path, chip, stages=None):
    show = lambda stage, part=None: None if stages is None else stages.append(stage)  # noqa: E731
    return xc7.build(chip[0], ZYBO, chip[1], tmp_path / "work", show)


def test_a_run_that_goes_through_and_one_that_finds_all_done(tmp_path, monkeypatch, chip):
    folder, stages = pretend(tmp_path, monkeypatch), []
    found = make(tmp_path, chip, stages)
    assert found.bit.read_bytes() == made(words(100, 1)) and found.skipped == ()
    (manager,) = found.others
    assert manager.name == "chip.bit.bin" and manager.read_bytes() == b"".join(w[::-1] for w in words(100, 1))
    assert found.found.routed_mhz == 123.4 and found.found.used["CARRY4"] == (950, 4400)
    assert (found.found.path.start, found.found.path.end) == (
        "shell.emitted.network.emitted.b_sum",
        "shell.emitted.dma",
    )
    assert (found.resources.lut, found.resources.ff, found.resources.lutram, found.resources.carry4) == (23, 7, 8, 3)
    assert found.tools["nextpnr"] == "nextpnr-himbaechel test-1"
    assert all(
        re.search(r"sha256 [0-9a-f]{12}", found.tools[name]) for name in ("fasm2frames", "xc7frames2bit", "prjxray-db")
    )
    (line,) = calls(folder, "nextpnr")
    assert "--freq 100 " in line and "--device xc7z010clg400-1" in line
    assert "nextpnr: routing" in stages and "fasm2frames" in stages and "xc7frames2bit" in stages
    constraints = (tmp_path / "work" / "chip.xdc").read_text()
    assert constraints == "create_clock -period 10.000 [get_nets clk]\n"
    (line,) = calls(folder, "fasm2frames")
    assert line.startswith(f"--part xc7z010clg400-1 --db-root {tmp_path / 'database' / 'zynq7'} ")
    (line,) = calls(folder, "xc7frames2bit")
    assert f"--part_file={tmp_path / 'database' / 'zynq7' / 'xc7z010clg400-1' / 'part.yaml'}" in line
    assert make(tmp_path, chip).skipped == ("synthesis", "place and route", "frames", "bitstream")
    program(folder / "fasm2frames", 'Path(sys.argv[-1]).write_text("other frames")')  # another one
    assert make(tmp_path, chip).skipped == ("synthesis", "place and route")
    assert (tmp_path / "synthesized").read_text() == "once\n" and len(calls(folder, "nextpnr")) == 1


def test_the_call_of_openxc7s_nextpnr(tmp_path, monkeypatch, chip):
    """It takes constraints and FASM by options of their own, and needs the chip's database, whose content counts."""
    folder = pretend(tmp_path, monkeypatch)
    then = """
Path(sys.argv[sys.argv.index("--fasm") + 1]).write_text("")
with open(Path(__file__).with_name("nextpnr.calls"), "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
"""
    fake_nextpnr.install(folder, "nextpnr-xilinx", log=PLACED + ROUTED.replace("{mhz:.2f}", "120.00"), then=then)
    (tmp_path / "xc7z010clg400.bin").write_text("one")
    monkeypatch.setenv("HWGEN_CHIPDB", str(tmp_path))
    found = make(tmp_path, chip)
    assert found.tools["nextpnr"] == "nextpnr-xilinx test-1" and found.found.routed_mhz == 120
    (line,) = calls(folder, "nextpnr")
    work = tmp_path / "work"
    assert line.startswith(
        f"--json {work / 'netlist.json'} --freq 100 --timing-allow-fail --seed 1 --xdc {work / 'chip.xdc'} --fasm "
    )
    assert line.endswith(f"--chipdb {tmp_path / 'xc7z010clg400.bin'}") and "--device" not in line
    assert len(make(tmp_path, chip).skipped) == 4
    (tmp_path / "xc7z010clg400.bin").write_text("another")
    assert "place and route" not in make(tmp_path, chip).skipped and len(calls(folder, "nextpnr")) == 2


def test_a_chip_that_is_too_slow(tmp_path, monkeypatch, chip):
    folder = pretend(tmp_path, monkeypatch, mhz=99.9)
    text = "reaches 99.9 MHz, not the 100 MHz that it is for; slowest path: b_sum to shell.emitted.dma, 0.45 ns logic, 4.75 ns"
    for _ in range(2):  # also where place and route was done before
        with pytest.raises(DoesNotFit, match=re.escape(text)):
            make(tmp_path, chip)
    assert len(calls(folder, "nextpnr")) == 1 and not calls(folder, "fasm2frames")


def test_tools_that_fail_and_that_go_on_where_they_stopped(tmp_path, monkeypatch, chip):
    crowded = (
        "Info: \t             CARRY4:     2300/   4400    52%\nERROR: Unable to find legal placement for all cells\n"
    )
    pretend(tmp_path, monkeypatch, log=crowded)
    with pytest.raises(
        DoesNotFit, match="zybo: no legal placement .* 2,300 of 4,400 carry chains .*; ask for a lower rate"
    ):
        make(tmp_path, chip)
    pretend(tmp_path, monkeypatch, log="ERROR: unknown cell type 'X'\n")
    with pytest.raises(ToolFailed, match="nextpnr-himbaechel test-1 stopped: unknown cell type 'X'; the log is"):
        make(tmp_path, chip)
    pretend(tmp_path, monkeypatch, frames='print("FasmLookupError: no such bit"); sys.exit(1)')
    with pytest.raises(
        ToolFailed, match=r"fasm2frames \(sha256 \w+\) failed \(code 1\): FasmLookupError: no such bit; the log"
    ):
        make(tmp_path, chip)
    pretend(tmp_path, monkeypatch, frames='Path(sys.argv[-1]).write_text("")')
    with pytest.raises(ToolFailed, match="fasm2frames .* wrote no frames"):
        make(tmp_path, chip)
    pretend(tmp_path, monkeypatch, bit=b"")
    with pytest.raises(ToolFailed, match="xc7frames2bit .* wrote no bitstream"):
        make(tmp_path, chip)
    pretend(tmp_path, monkeypatch, bit=made(words(100, 1), part="xc7z020clg400-1"))
    with pytest.raises(ToolFailed, match="made a bitstream for 'xc7z020clg400-1', not for 'xc7z010clg400-1'"):
        make(tmp_path, chip)
    pretend(tmp_path, monkeypatch, bit=made(words(100, 1))[:-1])
    with pytest.raises(ToolFailed, match="cut off"):
        make(tmp_path, chip)
    assert not (tmp_path / "work" / "chip.bit").exists()
    pretend(tmp_path, monkeypatch)
    assert make(tmp_path, chip).skipped == ("synthesis", "place and route", "frames")


def test_what_would_be_wrong_on_the_chip_is_not_made(tmp_path, monkeypatch, chip):
    wrong = {
        "$flatten\\shell.$flatten\\emitted.$flatten\\network.$flatten\\emitted.\\b_sum.mul": {
            "type": "DSP48E1",
            "connections": {},
        }
    }
    folder = pretend(tmp_path, monkeypatch, cells=wrong)
    with pytest.raises(ToolFailed, match=r"wrong on the chip: a DSP48E1 .* \(in shell.emitted.network.emitted.b_sum\)"):
        make(tmp_path, chip)
    assert not calls(folder, "nextpnr")
    (tmp_path / "work" / "stamps.json").unlink()
    pretend(tmp_path, monkeypatch, fasm="BRAM_L_X6Y0.RAMB18_Y1.SDP_READ_WIDTH_36\n")
    with pytest.raises(ToolFailed, match="wrong on the chip: the block RAM at BRAM_L_X6Y0.RAMB18_Y1 is 36 bits wide"):
        make(tmp_path, chip)
    assert not calls(folder, "fasm2frames")


def test_all_that_is_missing_is_named_at_once(tmp_path, monkeypatch, capsys):
    none_installed(tmp_path / "bin", monkeypatch)
    out = tmp_path / "out"
    assert main([str(DIGITS), "--board", "zybo", "--bitstream", "-o", str(out)]) == 4
    said = capsys.readouterr().err
    for text in (
        "nextpnr for Xilinx is not installed",
        "fasm2frames (FASM2FRAMES) is not installed",
        "set PRJXRAY_DB_DIR",
    ):
        assert text in said
    assert (
        "xc7frames2bit (XC7FRAMES2BIT) is not installed" in said and "toolchain-installer" in said and not out.exists()
    )
    monkeypatch.setenv("XC7FRAMES2BIT", "nowhere")
    with pytest.raises(ToolMissing, match="XC7FRAMES2BIT names 'nowhere', which is no program"):
        prjxray.find_tool("xc7frames2bit")


def test_the_database_is_the_parts(tmp_path, monkeypatch):
    root = database(tmp_path / "database")
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(root))
    found = prjxray.find_database(ZYBO)
    assert found.root == root / "zynq7" and found.part_file.is_file()
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(root / "zynq7"))  # the family's own folder does as well
    assert prjxray.find_database(ZYBO) == found
    (root / "zynq7" / "segbits_bram_l.db").write_text("other bits")
    assert prjxray.find_database(ZYBO).version != found.version
    with pytest.raises(ToolMissing, match="has no zynq7/xc7z020clg400-1/part.yaml"):
        prjxray.find_database(BOARDS["pynq-z2"])
    with pytest.raises(ToolMissing, match="has no artix7/xc7a35tcsg324-1/part.yaml"):
        prjxray.find_database(BOARDS["arty-a7-35t"])
    (root / "zynq7" / "mapping" / "parts.yaml").unlink()
    with pytest.raises(ToolMissing, match="not whole: mapping/parts.yaml is missing"):
        prjxray.find_database(ZYBO)


def test_a_part_that_project_xray_does_not_have():
    board = BOARDS["cora-z7-07s"]
    with pytest.raises(OptionError, match="cora-z7-07s: Project X-Ray doesn't know the bits of xc7z007sclg400-1"):
        chips.check(board, "open")
    assert "open" not in board.toolchains and "open" in ZYBO.toolchains
