"""The flow with Vivado. Its Tcl and XDC are run by an open Tcl interpreter that has Vivado's commands (tests/fake_vivado.tcl)."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import hwgen
from hwgen.__main__ import main
from hwgen.boards import BOARDS
from hwgen.chip import build as chips
from hwgen.chip import vivado
from hwgen.chip.bitfile import main as convert
from hwgen.chip.uart_top import uart_chip
from hwgen.chip.zynq_top import zynq_chip
from hwgen.errors import DoesNotFit, OptionError, ToolFailed, ToolMissing
from tests import vivado_reports as form
from tests.chip.test_bitfile import made, words

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples/digits/digits.h5"
ZYBO, ARTY = BOARDS["zybo"], BOARDS["arty-a7-35t"]
DATA = words(100, 1)
BIT = made(DATA, "7z010clg400")  # as Vivado names the part
SAIF = "(SAIFILE\n(DURATION 10)\n(INSTANCE digits\n(NET\n(clk (T0 5) (T1 5) (TC 2))\n)\n(INSTANCE a\n(NET\n)\n)\n)\n)\n"
STAGES = ("synthesis", "placement", "routing", "power", "bitstream")


@pytest.fixture(scope="module")
def compiled():
    return hwgen.compile(DIGITS, "zybo", interval=6272).compiled


@pytest.fixture(scope="module")
def chip(compiled):
    """A chip, and the blocks of its network."""
    return zynq_chip(compiled, ZYBO, 100.0), list(compiled.emitted.instances.values())


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The stand-in, the only Vivado that is found."""
    monkeypatch.setenv("VIVADO", str(form.install(tmp_path / "bin", BIT)))
    monkeypatch.delenv("XILINX_VIVADO", raising=False)
    return tmp_path / "bin"


def make(tmp_path, chip, stages=None, **options):
    show = lambda stage, part=None: None if stages is None else stages.append(stage)  # noqa: E731
    return vivado.build(chip[0], ZYBO, chip[1], tmp_path / "work", show, **options)


def calls(folder: Path) -> list[str]:
    file = folder / "calls"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def started(folder: Path) -> list[str]:
    return [line.split()[1].removesuffix(".tcl") for line in calls(folder) if line.startswith("started")]


def test_a_run_that_goes_through_and_one_that_finds_all_done(tmp_path, program, chip):
    stages = []
    found = make(tmp_path, chip, stages)
    assert found.bit.read_bytes() == BIT and found.skipped == () and found.tools == {"vivado": "vivado 2023.2"}
    (manager,) = found.others
    assert manager.name == "chip.bit.bin" and manager.read_bytes() == b"".join(word[::-1] for word in DATA)
    assert (found.resources.lut, found.resources.lutram, found.resources.ff) == (6464, 236, 11375)
    assert (found.resources.bram36, found.resources.dsp, found.resources.carry4) == (0.5, 3, 950)
    assert found.found.routed_mhz == round(1000 / (10 - 0.123), 3) and found.power_w == 1.652
    way = found.found.path
    assert (way.start, way.end) == ("shell.emitted.network.emitted.b_sum", "shell.emitted.dma")
    assert (way.logic_ns, way.routing_ns, way.levels) == (1.234, 4.321, 7)
    assert found.found.used["DSPs"] == (3, 80)
    assert "Vivado: route_design" in stages and "Vivado: placement, Initialization" in stages
    lines = calls(program)
    assert [line.split()[1] for line in lines if line.startswith("started")] == [f"{name}.tcl" for name in STAGES]
    (synthesis,) = [line for line in lines if line.startswith("synth_design")]
    assert synthesis == f"synth_design -top {chip[0].top} -part xc7z010clg400-1 -flatten_hierarchy rebuilt"
    assert "create_clock -name fclk0 -period 10.000 {pin:ps7/FCLKCLK[0]}" in lines
    assert not [line for line in lines if line.startswith("read_saif")]
    assert re.search(r'\(\* DONT_TOUCH = "true" \*\)\s+PS7 ps7 \(', chip[0].text)  # the chip has no port to keep it for
    assert make(tmp_path, chip).skipped == STAGES and not calls(program)
    (tmp_path / "work" / "placement.dcp").write_text("damaged")
    assert make(tmp_path, chip).skipped == ("synthesis", "routing", "power", "bitstream")
    assert started(program) == ["placement"]  # to the same checkpoint


def test_a_run_that_was_broken_off_goes_on(tmp_path, program, chip):
    (program / "fail").write_text("route_design|ERROR: [Route 35-7] Design has unplaced cells\n")
    with pytest.raises(
        ToolFailed, match=r"vivado 2023.2 stopped in routing: \[Route 35-7\] Design .*; line \d+ of .*routing.log"
    ):
        make(tmp_path, chip)
    assert started(program) == ["synthesis", "placement", "routing"]
    (program / "fail").unlink()
    assert make(tmp_path, chip).skipped == ("synthesis", "placement")
    assert started(program) == ["routing", "power", "bitstream"]


def test_the_activity_of_simulated_frames(tmp_path, program, chip):
    """The network's SAIF gets the instances above the network; a new one asks for the power alone."""
    make(tmp_path, chip)
    activity = tmp_path / "activity.saif"
    activity.write_text(SAIF)
    calls(program)
    assert make(tmp_path, chip, activity=activity).skipped == ("synthesis", "placement", "routing", "bitstream")
    work = tmp_path / "work"
    lines = calls(program)
    top = chip[0].top
    (line,) = [line for line in lines if line.startswith("read_saif")]
    assert line.startswith(f"read_saif -strip_path {top} -out_file ") and line.endswith(str(work / "activity.saif"))
    text = (work / "activity.saif").read_text()
    instances = re.findall(r"\(INSTANCE (\S+)", text)
    assert instances == [top, "shell", "emitted", "network", "emitted", "a"]
    assert chip[0].path == "shell.emitted.network.emitted" and (work / "unmatched.rpt").read_text() == "none\n"
    assert text.count("(") == text.count(")") and "(clk (T0 5) (T1 5) (TC 2))" in text
    assert make(tmp_path, chip).skipped == ("synthesis", "placement", "routing", "bitstream")  # without it again
    assert not [line for line in calls(program) if line.startswith("read_saif")]


def test_a_chip_that_is_too_slow(tmp_path, program, chip):
    form.install(program, BIT, timing=form.timing("-0.250"))
    text = f"reaches {1000 / 10.25:.6g} MHz, not the 100 MHz that it is for; slowest path: b_sum to shell.emitted.dma, 1.234 ns"
    for _ in range(2):  # also where routing was done before
        with pytest.raises(DoesNotFit, match=re.escape(text)):
            make(tmp_path, chip)
    assert started(program) == ["synthesis", "placement", "routing"]
    form.install(program, BIT, timing=form.timing("0.000"))
    third = replace(chip[0], clock_mhz=33.3333333)  # no slack is enough, whatever is rounded
    found = vivado.build(third, ZYBO, chip[1], tmp_path / "third", lambda *_: None).found
    assert found.routed_mhz == third.clock_mhz
    form.install(program, BIT, timing=form.timing("0.001", "-0.002"))
    with pytest.raises(ToolFailed, match="slack of -0.002 ns for hold, 2.083 ns for pulses; see .*timing.rpt"):
        vivado.build(chip[0], ZYBO, chip[1], tmp_path / "other", lambda *_: None)


@pytest.mark.parametrize(
    "reports, said",
    [
        ({"route_status": form.route_status(whole=30000)}, "123 of 30123 nets aren't routed whole"),
        ({"drc": form.drc(("NSTD-1", "Error", "Unspecified I/O Standard", 2))}, "found errors: NSTD-1"),
        ({"timing": form.timing("NA", "NA", "NA")}, "the clock of chip.xdc was not found"),
        ({"timing": "?"}, r"timing.rpt isn't the report that it should be"),
        ({"utilization": ""}, r"vivado 2023.2 wrote no utilization.rpt; the log is .*routing.log"),
        ({"power": form.power(total="much")}, r"power.rpt doesn't say the power"),
    ],
)
def test_chips_and_reports_that_are_not_right(tmp_path, program, chip, reports, said):
    form.install(program, BIT, **reports)
    with pytest.raises(ToolFailed, match=said):
        make(tmp_path, chip)
    assert not (tmp_path / "work" / "chip.bit.bin").exists()


def test_vivado_that_fails(tmp_path, program, chip):
    over = "ERROR: [DRC UTLZ-1] Resource utilization: Slice LUTs over-utilized in Top Level Design"
    (program / "fail").write_text(f"place_design|{over}\n")
    with pytest.raises(
        DoesNotFit, match=r"zybo: \[DRC UTLZ-1\] .* over-utilized .*; ask for a lower rate; line \d+ of"
    ):
        make(tmp_path, chip)
    log = (tmp_path / "work" / "placement.log").read_text().splitlines()
    with pytest.raises(DoesNotFit) as error:
        make(tmp_path, chip)
    assert log[int(re.search(r"line (\d+) of", str(error.value))[1]) - 1] == over
    (program / "fail").write_text("place_design|")
    lines = (program / "vivado").read_text()
    (program / "vivado").write_text(lines.replace('fail "Common 17-69"', "error"))  # as Tcl itself says an error
    with pytest.raises(
        ToolFailed, match="vivado 2023.2 ended with code 1 in placement; it said last: Command failed: place_design"
    ):
        make(tmp_path, chip)
    (program / "vivado").write_text(lines)
    (program / "fail").unlink()
    for bit, message in (
        (made(DATA, "7z020clg400"), "made a bitstream for '7z020clg400', not for 'xc7z010clg400-1'"),
        (BIT[:-4], "the .bit file is cut off"),
    ):
        (program / "chip.bit").write_bytes(bit)
        (tmp_path / "work" / "chip.bit").unlink(missing_ok=True)
        with pytest.raises(ToolFailed, match=message):
            make(tmp_path, chip)
    (program / "chip.bit").unlink()
    (tmp_path / "work" / "chip.bit").unlink()
    with pytest.raises(ToolFailed, match="wrote no chip.bit"):
        make(tmp_path, chip)


def test_the_stand_in_refuses_what_vivado_would(tmp_path, program):
    """Else the scripts' run through it would say nothing."""
    for text, said in (
        ("synth_design -top none -part x", "module 'none' not found"),
        ("synth_design -tip none", "Unknown option '-tip'"),
        ("place_design", "no synthesized design is open"),
        ("report_drc -file", "Missing value for option '-file'"),
        ("read_xdc", "positional"),
        ("launch_runs impl_1", "invalid command name"),
    ):
        (tmp_path / "x.tcl").write_text(text)
        done = subprocess.run(
            [program / "vivado", "-mode", "batch", "-source", tmp_path / "x.tcl"], capture_output=True, text=True
        )
        assert done.returncode == 1 and said in done.stdout


def test_a_serial_chip_and_its_constraints(tmp_path, program, compiled):
    chip = uart_chip(compiled, ARTY, 100.0)
    form.install(program, made(DATA, "7a35ticsg324"), path=form.path("shell/link/x_reg/C", "shell/link/y_reg/D"))
    found = vivado.build(chip, ARTY, list(compiled.emitted.instances.values()), tmp_path / "work", lambda *_: None)
    assert found.others == () and found.found.path.start == "shell.link"
    lines = calls(program)
    for line in (
        "create_clock -name oscillator -period 10.000 port:clk",
        "set_property PACKAGE_PIN E3 port:clk",
        "set_property PACKAGE_PIN A9 port:rx",
        "set_property PACKAGE_PIN D10 port:tx",
        "set_property CFGBVS VCCO design",
        "set_property CONFIG_VOLTAGE 3.3 design",
    ):
        assert line in lines
    assert [line for line in lines if line.startswith("synth_design")][0].split()[4] == ARTY.part


def test_scripts_for_a_machine_that_has_vivado(tmp_path, program, monkeypatch, capsys):
    monkeypatch.setenv("VIVADO", "/none")
    out = tmp_path / "out"
    assert main([str(DIGITS), "--interval", "6272", "--toolchain", "vivado", "--scripts", "-o", str(out), "-q"]) == 0
    folder = tmp_path / "elsewhere"
    shutil.copytree(out / "chip", folder)
    assert {file.name for file in folder.iterdir()} >= {
        *("chip.v", "chip.xdc", "build.tcl", "README.txt"),
        *(f"{stage}.tcl" for stage in STAGES),
    }
    assert "vivado -mode batch -source build.tcl" in (folder / "README.txt").read_text()
    command = [str(program / "vivado"), "-mode", "batch", "-source", "build.tcl"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert (folder / "chip.bit").read_bytes() == BIT and (folder / "power.rpt").exists()
    assert len([line for line in calls(program) if line.startswith("synth_design")]) == 1
    assert convert([str(folder / "chip.bit")]) == 0
    assert (folder / "chip.bit.bin").read_bytes() == b"".join(word[::-1] for word in DATA)
    assert convert([str(folder / "chip.v")]) == 2 and convert([]) == 2
    (folder / "chip.bit").unlink()
    (program / "reports" / "slack").write_text("-0.5")
    done = subprocess.run([*command[:-1], "bitstream.tcl"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1 and "slower than its clock" in done.stdout and not (folder / "chip.bit").exists()
    capsys.readouterr()
    assert main([str(DIGITS), "--scripts", "-o", str(out), "-q"]) == 2
    assert "add --toolchain vivado" in capsys.readouterr().err
    assert main([str(DIGITS), "--toolchain", "vivado", "--bitstream", "-o", str(tmp_path / "x"), "-q"]) == 4
    assert "VIVADO names '/none', which is no program" in capsys.readouterr().err


def test_a_bitstream_from_the_command_line(tmp_path, program, capsys):
    out = tmp_path / "out"
    argv = [str(DIGITS), "--interval", "6272", "--clock", "100", "--toolchain", "vivado", "--bitstream", "-o", str(out)]
    assert main(argv) == 0
    said = "101.245 MHz reached after routing (vivado 2023.2); 1.7 W by Vivado, of no simulated frames"
    assert said in capsys.readouterr().out
    found = json.loads((out / "report.json").read_text())["chip"]
    assert (
        found["resources"]["lut"] == 6464 and found["power_w"] == 1.652 and found["tools"]["vivado"] == "vivado 2023.2"
    )
    names = {file.name for file in (out / "chip").iterdir()}
    wanted = "digits.bit digits.bit.bin chip.xdc routing.tcl timing.rpt hierarchy.rpt routing.log"
    assert names >= set(wanted.split())


def test_where_vivado_is_looked_for(tmp_path, program, monkeypatch):
    monkeypatch.delenv("VIVADO")
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setattr(vivado, "ROOTS", (str(tmp_path / "none"),))
    with pytest.raises(ToolMissing, match="Vivado is not installed; get it with: AMD's free .* --scripts"):
        chips.check(ZYBO, "vivado")
    for place in ("Vivado/2019.1", "Vivado/2023.2", "2025.1/Vivado"):
        bin = tmp_path / "tools" / place / "bin"
        bin.mkdir(parents=True)
        (bin / "vivado").symlink_to(program / "vivado")
    monkeypatch.setattr(vivado, "ROOTS", (str(tmp_path / "none"), str(tmp_path / "tools")))
    assert vivado.tools().command == str(tmp_path / "tools/Vivado/2023.2/bin/vivado")
    monkeypatch.setenv("XILINX_VIVADO", str(tmp_path / "tools/2025.1/Vivado"))
    assert vivado.tools().command == str(tmp_path / "tools/2025.1/Vivado/bin/vivado")
    with pytest.raises(OptionError, match="add --toolchain vivado"):
        chips.check(ZYBO, "open", scripts=True)
    with pytest.raises(OptionError, match="ulx3s-85f has no bitstream by --toolchain vivado"):
        chips.check(BOARDS["ulx3s-85f"], "vivado", scripts=True)
