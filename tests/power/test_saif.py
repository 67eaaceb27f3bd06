"""What a simulation records is what happened: counted again from the values on the streams, and written as well-formed SAIF."""

import re
import shutil

import numpy as np
import pytest

from hwgen.errors import OptionError, ToolFailed, ToolMissing
from hwgen.power import activity, saif, structure
from hwgen.sim.activity import TRACE
from hwgen.sim.simulate import simulate
from tests.sim import design

FRAMES, SEED = 7, 11
BEATS = 12


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(folder, the trace, the Verilog) of the network made by hand, built once with Verilator."""
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("Verilator needs g++ and make")
    folder = tmp_path_factory.mktemp("network")
    bench = design.make(folder)
    frames, expected = design.values(FRAMES, SEED)
    simulate(bench, frames, expected, folder, activity=True).check()
    return folder, saif.read(folder / TRACE, "dut"), (folder / "network.v").read_text()


def changes(values: np.ndarray, width: int) -> list[int]:
    """How often each bit of a sequence changes."""
    return [int(np.abs(np.diff(values >> k & 1)).sum()) for k in range(width)]


def test_a_counter_of_twelve_changes_as_often_as_it_must(run):
    """It counts the beats of a frame, 0 to 11, and ends at 0."""
    _, trace, _ = run
    expected = changes(np.append(np.tile(np.arange(BEATS), FRAMES), 0), 4)
    assert expected == [12 * FRAMES, 6 * FRAMES, 2 * FRAMES, 2 * FRAMES]
    assert [bit.changes for bit in trace.top.nets["taken"]] == expected


def test_a_register_changes_as_its_values_do(run):
    """`invert` holds ~x of what the source offers, which is 0 before the first beat and after the last; 0 at reset."""
    _, trace, _ = run
    beats = design.values(FRAMES, SEED)[0]["input"].reshape(-1, design.LANES)
    offered = np.vstack([np.zeros_like(beats[:1]), beats, np.zeros_like(beats[:1])])
    held = np.vstack([np.zeros_like(beats[:1]), ~offered])
    wanted = [count for lane in held.T for count in changes(lane, 4)]
    scope = trace.top.scopes["invert"]
    assert [bit.changes for bit in scope.nets["o__payload"]] == wanted, f"seed {SEED}"


def test_activities_are_sums_of_what_is_in_the_trace(run):
    _, trace, verilog = run
    structures = structure.read(verilog)
    blocks, between = activity.by_block(trace, structures, "network")
    assert set(blocks) == {"invert", "queue", "halve"}
    invert = blocks["invert"]
    assert structures["network.invert"].registers == {"o__payload", "o__valid"}
    assert invert.register_bits == 13
    nets = trace.top.scopes["invert"].nets
    assert invert.registers == sum(bit.changes for name in ("o__payload", "o__valid") for bit in nets[name])
    counted = {(path, name): net for path, scope in saif.everything(trace.top) for name, net in scope.nets.items()}
    total = sum(bit.changes for net in counted.values() for bit in net)
    inputs = sum(
        bit.changes
        for (path, name), net in counted.items()
        for bit in net
        if name in structures[".".join(["network", *filter(None, [path])])].inputs or name.startswith("$auto$")
    )
    assert total - inputs == sum(a.registers + a.nets for a in (*blocks.values(), between))


def test_what_is_written_is_well_formed_and_in_the_time_of_the_clock(run, tmp_path):
    _, trace, _ = run
    saif.write(trace, "network", 125, tmp_path / "a.saif")
    text = (tmp_path / "a.saif").read_text()
    tokens = re.findall(r'"[^"]*"|[()]|[^\s()]+', text)
    depth, least = 0, 1
    for token in tokens[:-1]:
        depth += {"(": 1, ")": -1}.get(token, 0)
        least = min(least, depth)
    assert least == 1 and depth == 1 and tokens[-1] == ")"
    duration = int(re.search(r"\(DURATION (\d+)\)", text)[1])
    nets = re.findall(r"\(T0 (\d+)\) \(T1 (\d+)\) \(TX (\d+)\) \(TC (\d+)\)", text)
    assert len(nets) == sum(len(net) for _, scope in saif.everything(trace.top) for net in scope.nets.values())
    assert all(int(low) + int(high) + int(unknown) == duration for low, high, unknown, _ in nets)
    assert duration == round(trace.cycles * 8000), "8 ns a cycle"
    clock = re.search(r"\(clk \(T0 (\d+)\) \(T1 (\d+)\) \(TX 0\) \(TC (\d+)\)", text)
    assert int(clock[3]) == 2 * trace.cycles
    assert text.index("(INSTANCE network") < text.index("(INSTANCE invert")
    assert "hwgen_bench" not in text


def test_a_trace_that_broke_off_is_refused(run, tmp_path):
    folder, *_ = run
    text = (folder / TRACE).read_text()
    (tmp_path / TRACE).write_text(text[: len(text) // 2])
    with pytest.raises(ToolFailed, match="no whole record of switching activity with an instance 'dut'"):
        saif.read(tmp_path / TRACE, "dut")
    with pytest.raises(ToolFailed, match="with an instance 'other'"):
        saif.read(folder / TRACE, "other")


def test_activity_wants_verilator(tmp_path, monkeypatch):
    bench, (frames, expected) = design.make(tmp_path), design.values(2, 0)
    with pytest.raises(OptionError, match="recorded by Verilator alone"):
        simulate(bench, frames, expected, tmp_path, simulator="icarus", activity=True)
    with pytest.raises(OptionError, match="waveforms or switching activity, not both"):
        simulate(bench, frames, expected, tmp_path, waves=True, activity=True)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolMissing, match=r"needs a C\+\+ compiler; install one .*apt install g\+\+ make"):
        simulate(bench, frames, expected, tmp_path, activity=True)
