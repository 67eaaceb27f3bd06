"""The virtual board: the driver against whole chips in simulation, and what it says when something goes wrong."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import api, ops, virtual
from hwgen.__main__ import main
from hwgen.boards import BOARDS
from hwgen.boards.shell.driver import REGISTERS, Accelerator, FrameFailed, Hangs, WrongModel
from hwgen.chip import host_files
from hwgen.errors import DifferenceError, OptionError, ToolFailed, ToolMissing
from hwgen.graph import Graph, Ref, evaluate, verify
from hwgen.sim import virtual_board
from hwgen.sim.virtual_board import VirtualMachine
from hwgen.tensor import TensorType
from tests.graphs import GraphBuilder, random_frames
from tests.shell.loop import looped_shell
from tests.shell.test_shell import compiled

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
SEED = random.randrange(1 << 16)


def several(seed: int) -> Graph:
    """Two inputs that are added, two outputs of different sizes and types."""
    rng = np.random.default_rng(seed)
    b = GraphBuilder("several", TensorType((4, 3, 3), 0, 15))
    b.add("other", ops.Input(TensorType((4, 3, 2), -128, 127, 3)))
    one = b.activation("a0", b.conv("c0", "input", rng, (1, 1), 2, "bits4"), signed=True)
    two = b.activation("a1", b.conv("c1", "other", rng, (1, 1), 2, "ternary"), signed=True)
    x = b.add("sum", ops.Add((1, 1), 0), one, two)
    y = b.conv("map", x, rng, (2, 2), 3, "po2")
    flat = b.add("flat", ops.Reshape((1, 1, b.types[x].size)), x)
    dense = b.conv("dense", flat, rng, (1, 1), 5, "bits8")
    shapes = {name: b.types[name].shape for name in ("input", "other", y)} | {dense: (5,)}
    return verify(Graph("several", tuple(b.nodes), ("input", "other"), (Ref(dense), Ref(y)), shapes))


@pytest.fixture(scope="module")
def design():
    """A small network, its program built once."""
    return api.Design("several", BOARDS["zybo"], 150.0, compiled(several(7)))


def real(graph: Graph, raw: dict) -> dict[str, np.ndarray]:
    return {name: array * 2.0 ** -graph[name].type.frac for name, array in raw.items()}


def check(design, chip: Accelerator, count: int, seed: int) -> None:
    graph = design.compiled.integer
    raw = random_frames(graph, count, seed)
    values = evaluate(graph, raw)
    found = chip.run(real(graph, raw), raw=True)
    for ref, array in zip(graph.outputs, found):
        assert (array.reshape(count, -1) == values[ref.node].reshape(count, -1)).all(), (ref, seed)


@pytest.mark.parametrize(("latency", "pauses"), [(0, 0.0), (40, 0.3), (200, 0.8)])
def test_batches_come_back(design, latency, pauses):
    """Batches one behind the other; more frames than the queues, and then than the ring, hold."""
    print(f"seed {SEED}")
    with design.virtual_board(latency=latency, pauses=pauses, seed=SEED) as chip:
        for k, count in enumerate((1, 20, 90, 3)):
            check(design, chip, count, SEED + k)
        assert chip.status()["OUTPUT1"]["FRAMES"] == 1 + 20 + 90 + 3


def test_a_run_is_the_same_again(design):
    """All that is random comes from the seed; another seed is another run."""
    cycles = []
    for seed in (5, 5, 6):
        with design.virtual_board(pauses=0.5, seed=seed) as chip:
            check(design, chip, 5, 1)
            cycles.append(chip.machine.cycles)
    assert cycles[0] == cycles[1] != cycles[2]


def test_two_chips_at_once(design):
    with design.virtual_board() as one, design.virtual_board(pauses=0.2) as two:
        threads = [threading.Thread(target=check, args=(design, chip, 30, k)) for k, chip in enumerate((one, two))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        check(design, one, 2, 9)
        check(design, two, 2, 9)


@pytest.mark.parametrize("response", ["SLVERR", "DECERR"])
@pytest.mark.parametrize(("kind", "verb"), [("input", "READ"), ("output", "WRITE")])
def test_memory_that_fails(design, response, kind, verb):
    """The driver says which frame it was and at which of its channels; the next run is as good as ever."""
    with design.virtual_board() as chip:
        check(design, chip, 2, 0)
        slots, places = chip._layout
        offset, stride = places[0 if kind == "input" else len(chip.inputs)]
        chip.machine.fail(chip.machine.address + offset + 5 * stride, 8, response)
        name = (chip.inputs if kind == "input" else chip.outputs)[0].name
        with pytest.raises(FrameFailed, match=f"frame 5, at '{name}': {verb}_{response}"):
            check(design, chip, 8, 1)
        check(design, chip, 4, 2)


def test_frames_outside_of_memory(design):
    with design.virtual_board(memory=1 << 20) as chip:
        chip.machine.address += 1 << 20
        with pytest.raises(FrameFailed, match="READ_DECERR"):
            check(design, chip, 1, 0)
        chip.machine.address -= 1 << 20
        check(design, chip, 3, 0)


def test_reset_in_the_middle(design):
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    with design.virtual_board(pauses=0.3, seed=SEED) as chip:
        check(design, chip, 2, 0)
        slots, places = chip._layout
        for k in range(8):
            chip.machine.write(REGISTERS["CONTROL"], 1)
            chip._push([np.zeros((3, c.frame_bytes), np.uint8) for c in chip.inputs], 0, 3)
            chip.machine.wait(rng.randrange(400) / chip.machine.clock_hz)
            if k % 2:
                chip.machine.power_up()
            chip.reset()
            assert chip.status()["STATUS"]["IDLE"]
            check(design, chip, 3, k)


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ({"INPUT0", "INPUT1"}, "idle: no frame of an input is queued"),
        ({"INPUT1"}, "the network waits for frames at 'other': no frame is queued there"),
        ({"OUTPUT1"}, "can't get rid of scores at 'map': no room for scores is queued there"),
    ],
)
def test_a_chip_that_stands_still(design, monkeypatch, lost, said):
    """Frames that never reach a queue: the driver loses its patience, in the chip's time, and says what it sees."""
    with design.virtual_board() as chip:
        begun, write = chip.machine.time(), chip.machine.write
        gone = {c.offsets["PUSH"] for c in chip.inputs + chip.outputs if f"{c.kind}{c.k}" in lost}
        with monkeypatch.context() as patch:
            patch.setattr(chip.machine, "write", lambda offset, value: offset in gone or write(offset, value))
            with pytest.raises(Hangs, match=said):
                check(design, chip, 20, 0)
        assert chip.machine.time() - begun > chip.patience
        check(design, chip, 2, 0)


def test_another_model(design):
    other = host_files.describe(compiled(several(8)), BOARDS["zybo"], 150.0, "other")
    with design.virtual_board() as chip, pytest.raises(WrongModel, match="of 'other'"):
        Accelerator(chip.machine, other)


def test_a_crash_is_an_error(design):
    chip = design.virtual_board()
    chip.machine._process.kill()
    with pytest.raises(ToolFailed, match="ended with code -9"):
        check(design, chip, 1, 0)
    with pytest.raises(ToolFailed):
        chip.close()
    with pytest.raises(OptionError, match="closed"):
        with design.virtual_board() as chip:
            pass
        chip.machine.read(0)


def test_ctrl_c(design):
    """An answer that wasn't waited for isn't taken for that of the next question."""
    with design.virtual_board() as chip:
        signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        chip.machine.quiet = 1 << 40
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            while True:
                chip.machine.wait(1.0)
        check(design, chip, 3, 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"memory": 1000}, "memory must be"), ({"pauses": 1.0}, "pauses must be"), ({"latency": -1}, "can't be negative")],
)
def test_options(design, options, said):
    with pytest.raises(OptionError, match=said):
        design.virtual_board(**options)


def test_a_difference_is_found(design, monkeypatch):
    graph = design.compiled.integer

    def wrong(graph, raw):
        values = dict(evaluate(graph, raw))
        values["map"] = values["map"].copy()
        values["map"].reshape(6, -1)[4, 7] += 1
        return values

    frames = real(graph, random_frames(graph, 6, 3))
    found = design.run_virtual(frames)
    assert (
        found["frames"] == 6
        and found["values"] == 6 * (5 + 3 * 2 * 3)
        and found["blocked_cycles"].keys() == {"dense", "map"}
    )
    monkeypatch.setattr(virtual, "evaluate", wrong)
    with pytest.raises(DifferenceError, match="output 'map' of frame 4 has .* at value 7.* 1 of 108 values differ"):
        design.run_virtual(frames)


def test_rules_of_axi(tmp_path):
    """A chip that breaks one is caught in that cycle: WLAST always, and 4 KB in the upper half of a MB."""
    shell = looped_shell([(40, 8)])
    top, rest = shell.text.split("endmodule", 1)
    for port in ("m_axi_wlast", "m_axi_araddr"):
        assert top.count(f".{port}({port})") == 1
        top = top.replace(f".{port}({port})", f".{port}({port}_inner)")
    top += "wire m_axi_wlast_inner; assign m_axi_wlast = ~m_axi_wlast_inner;\nwire [31:0] m_axi_araddr_inner;\n"
    top += "assign m_axi_araddr = m_axi_araddr_inner | (m_axi_araddr_inner[19] ? 4088 : 0);\n"
    program = virtual_board.build(replace(shell, text=f"{top}endmodule{rest}"), "xc7", tmp_path)
    for moved, said in ((0, "WLAST"), (1 << 19, "crosses 4 KB")):
        chip = Accelerator(VirtualMachine(program, 1e8))
        chip.machine.address += moved
        with pytest.raises(DifferenceError, match=said):
            chip.run(np.zeros((3, *chip.inputs[0].shape), np.uint8))
        with pytest.raises(DifferenceError):
            chip.close()


def test_digits_from_the_command_line(tmp_path, capsys):
    """A frame every 784 cycles, through driver, registers and DMA, with memory far away."""
    arguments = [str(DIGITS / "digits.h5"), "--virtual", str(DIGITS / "test_frames.npz"), "--frames", "30"]
    assert main([*arguments, "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "30 frames through driver, registers and DMA, 300 scores equal; 784 cycles a frame" in said
    found = json.loads((tmp_path / "out" / "report.json").read_text())["virtual"]
    assert found["interval_cycles"] == 784 and found["frames"] == 30
    assert found["accuracy"]["outputs equal"] == 30


def test_the_command_line_refuses(tmp_path, capsys, monkeypatch):
    arguments = [str(DIGITS / "digits.h5"), "--virtual", str(DIGITS / "test_frames.npz"), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--board", "ulx3s-85f"]) == 2
    assert "serial line" in capsys.readouterr().err
    assert main([*arguments, "--pareto"]) == 2
    assert "leave --virtual away" in capsys.readouterr().err
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert main(arguments) == ToolMissing.exit_code
    assert "no-such-compiler" in capsys.readouterr().err


def test_nothing_of_it_stays(design):
    """The program ends with who started it, even where that ends badly."""
    code = "import sys, os; from hwgen.sim.virtual_board import VirtualMachine; from pathlib import Path\n"
    code += "m = VirtualMachine(Path(sys.argv[1]), 1e8); print(m._process.pid, flush=True); os._exit(3)"
    program = design._virtual / "build" / virtual_board.NAME
    ran = subprocess.run([sys.executable, "-c", code, str(program)], stdout=subprocess.PIPE, text=True)
    assert ran.returncode == 3  # it returned at all: the program had its standard output and error
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(int(ran.stdout), 0)
            time.sleep(0.05)
