"""The whole chip of a Zynq-7000: frames through the ports of its processor, and Yosys's own description of these."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyosys

from hwgen.boards.shell.zynq import whole
from tests.shell.loop import loop_config, looped_shell
from tests.shell.ps7 import ps7
from tests.shell.simulation import Simulation


def simulation(shape, folder, **options) -> Simulation:
    chip = whole(looped_shell([shape]))
    chip = replace(chip, text=f"{chip.text}\n{ps7()}")
    return Simulation(chip, replace(loop_config([shape]), entity="ps7", **options), folder)


def test_frames_through_the_processors_ports(tmp_path):
    simulation((7, 3), tmp_path).run("tests.shell.drive_frames", 5)


def test_rate_and_frames_of_many_bursts_through_the_processors_ports(tmp_path):
    """With registers at each port: 8 bytes a cycle both ways, and no word ahead of its address."""
    made = simulation((70, 8), tmp_path, interval=70)
    made.run("tests.shell.drive_rate", 2)
    made.run("tests.shell.drive_frames", 5)
    made.run("tests.shell.drive_zynq", 2)


def test_the_ports_are_those_of_the_primitive(tmp_path):
    """Yosys's description of the primitives has every port that is named, each as wide as what it is connected to."""
    cells = Path(pyosys.__file__).parent / "share" / "xilinx"
    chip = whole(looped_shell([(7, 3)]))
    (tmp_path / "chip.v").write_text(chip.text)
    script = (
        f"read_verilog -lib {cells}/cells_sim.v {cells}/cells_xtra.v; read_verilog chip.v; "
        f"hierarchy -check -top {chip.top}; proc; check -assert; select -assert-count 1 t:PS7"
    )
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); ys.run_pass(sys.argv[1], d)"
    ran = subprocess.run(
        [sys.executable, "-c", code, script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    wrong = [line for line in ran.stdout.splitlines() if "Resizing cell port" in line]
    assert not wrong, wrong
