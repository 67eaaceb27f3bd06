"""What a design's chip/ has for the program on the board, and that the driver takes it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hwgen
from hwgen.boards.shell.driver import Accelerator
from hwgen.boards.shell.identity import identity
from hwgen.chip import host_files
from hwgen.frames import load
from tests.shell.chip_model import ChipModel

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits"


@pytest.fixture(scope="module")
def design():
    return hwgen.compile(str(DIGITS / "digits.h5"), board="zybo", clock_mhz=100)


def test_the_driver_runs_a_model_with_what_was_written(design, tmp_path):
    """The chip's registers are those of its identity; its scores those of the integer model, frame by frame."""
    chip = design.write(tmp_path / "out") / "chip"
    assert {file.name for file in chip.iterdir()} == {"hwgen_driver.py", "hwgen_registers.h", "digits.json"}
    assert "HWGEN_MODEL_CLOCK_HZ 100000000u" in (chip / "hwgen_registers.h").read_text()
    frames = load(DIGITS / "test_frames.npz").first(20).x
    raw = design.raw(frames)["image"]
    graph, output = design.compiled.integer, design.compiled.integer.outputs[0].node
    scores = hwgen.graph.evaluate(graph, {"image": raw})[output]
    known = {frame.tobytes(): score for frame, score in zip(raw, scores)}
    found = identity(graph, design.compiled.hardware, 100, dma=True, fills=True)
    machine = ChipModel(found, lambda given: [known[given[0].tobytes()]])
    with Accelerator(machine, chip / "digits.json") as accelerator:
        np.testing.assert_array_equal(accelerator.run(frames), design.evaluate(frames))
        assert repr(accelerator.inputs[0]) == "<image 28x28x1 ufixed<4,0>>"
    said = subprocess.run(
        [sys.executable, "-I", chip / "hwgen_driver.py", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "digits" not in said.stdout and "status" in said.stdout


def test_a_serial_boards_file(design):
    described = host_files.describe(design.compiled, hwgen.boards.find("ulx3s-85f"), 50, "digits")
    assert json.loads(json.dumps(described)) == described
    assert described["clock_hz"] == 50_000_000 and described["board"] == "ulx3s-85f"
    assert len(bytes.fromhex(described["hash"])) == 16
    assert described["inputs"][0]["type"] == "ufixed<4,0>" and described["inputs"][0]["frame_bytes"] == 784
    assert described["outputs"] == [described["outputs"][0]] and described["outputs"][0]["name"] == "softmax"
    assert all(fifo["depth"] >= 1 for fifo in described["fifos"])
