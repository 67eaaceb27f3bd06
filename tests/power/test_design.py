"""A design from frames to its report and its output folder, with the activity of a real simulation."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hwgen.api import Design
from hwgen.boards import BOARDS
from hwgen.compiler import Compiled, cost
from hwgen.errors import OptionError
from hwgen.passes.buffer import buffer
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from hwgen.tensor import TensorType
from tests.graphs import GraphBuilder

SEED, FRAMES = 5, 4


@pytest.fixture(scope="module")
def design():
    builder, rng = GraphBuilder("tiny", TensorType((6, 5, 2), 0, 7)), np.random.default_rng(SEED)
    x = builder.activation("a", builder.conv("c", "input", rng, (3, 3), 3, "ternary"), bits=3)
    graph = builder.graph(builder.conv("d", x, rng, (1, 1), 2))
    graph = replace(graph, frame_shape={"input": (6, 5, 2), "d": (4, 3, 2)})
    folder = Folder(lower(graph), BOARDS["zybo"].budget)
    hardware = buffer(fork(folder.plan(folder.intervals()[-1]).graph))
    return Design(
        "tiny", BOARDS["zybo"], 100, Compiled(graph, hardware, timing(hardware), cost(hardware), "xc7", folder)
    )


def test_from_frames_to_the_output_folder(design, tmp_path):
    frames = np.random.default_rng(SEED).integers(0, 7, (FRAMES, 6, 5, 2), endpoint=True)
    result = design.simulate(frames, activity=True)
    assert "power" in design.report()
    power = json.loads((design.write(tmp_path / "out") / "report.json").read_text())["power"]
    assert power["frames"] == FRAMES and power["counts"] == "estimated" and power["clock_mhz"] == 100
    watts, rate = power["dynamic_w"], 100e6 / result.interval_cycles
    assert 0 < watts["low"] < watts["mid"] < watts["high"]
    assert power["mj_an_image"]["mid"] == pytest.approx(watts["mid"] / rate * 1e3, rel=1e-3)
    assert {"c", "c.window", "d"} <= {block["name"] for block in power["blocks"]}
    # Every block that has registers of its own was found in the trace, under the name that it has in the Verilog.
    instances = design.compiled.emitted.instances
    for node in design.compiled.hardware.nodes:
        if node.op.cost().ff:
            assert design.recorded.activities[instances[node.name]].registers > 0, f"{node.name}, seed {SEED}"
    kept = {file.name for file in (tmp_path / "out" / "sim").iterdir()}
    assert "activity.saif" in kept and "dump.saif" not in kept
    assert "Dynamic power, estimated" in (tmp_path / "out" / "report.html").read_text()

    design.synthesize()
    synthesized = design.report()["power"]
    assert synthesized["counts"] == "synthesized"
    assert 0.5 < synthesized["dynamic_w"]["mid"] / watts["mid"] < 2


def test_one_layer_alone_has_no_power(design):
    with pytest.raises(OptionError, match="power is estimated of the whole network"):
        design.simulate(np.zeros((1, 6, 5, 2)), layer="c", activity=True)
