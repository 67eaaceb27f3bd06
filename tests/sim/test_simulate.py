"""The bench finds what is wrong and nothing else: on a small network made by hand, whose every value is known."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen.errors import DifferenceError, OptionError, ToolFailed, ToolMissing
from hwgen.sim import tools
from hwgen.sim.bench import Axi, Bench
from hwgen.sim.simulate import simulate
from hwgen.tensor import TensorType
from tests.sim import design


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A design in a folder; Icarus builds it once for a number of frames."""
    folder = tmp_path_factory.mktemp("network")
    return design.make(folder), folder / "sim"


def run(built, frames, expected, **options):
    bench, folder = built
    return simulate(bench, frames, expected, folder, **{"simulator": "icarus", "deadline": 5000, **options})


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stalls", [0.0, 0.3, 0.7])
def test_equal_streams_pass(built, seed, stalls):
    frames, expected = design.values(3, seed)
    result = run(built, frames, expected, stalls=stalls, seed=seed).check()
    assert np.array_equal(result.outputs["output"], expected["output"])
    assert np.array_equal(result.top1["output"], expected["output"].reshape(3, -1).argmax(axis=1))
    assert (result.mismatched, result.mismatches) == (0, [])
    assert result.compared == 3 * 36 * 4
    assert 1 <= result.fills["conv.queue"] <= design.DEPTH


def test_cycles_are_those_of_the_schedule(built):
    frames, expected = design.values(3, 0)
    result = run(built, frames, expected)
    # 12 beats a frame without a bubble; one cycle in invert, two in the FIFO, one in halve.
    assert result.interval_cycles == 12
    assert result.latency_cycles == 11 + 4
    assert np.array_equal(result.first_in, result.first_in[0] + np.array([0, 12, 24]))
    assert np.array_equal(result.last_in, result.first_in + 11)
    assert np.array_equal(result.first_out, result.first_in + 4)
    assert np.array_equal(result.last_out, result.first_out + 11)


def test_frames_offered_evenly_over_an_interval(built):
    frames, expected = design.values(3, 0)
    result = run(built, frames, expected, interval=43).check()
    first = result.first_in[0]
    assert np.array_equal(result.first_in, first + np.array([0, 43, 86]))
    assert np.array_equal(result.last_in, first + np.array([0, 43, 86]) + 11 * 43 // 12)
    assert result.interval_cycles == 43
    assert set(result.waited.values()) == {0}, "nothing waits in front of a network that is faster"
    with pytest.raises(ValueError, match="interval must be at least 1 cycle, not 0"):
        run(built, frames, expected, interval=0)


def test_a_wrong_expected_value_is_located(built):
    frames, expected = design.values(3, 5)
    right = run(built, frames, expected)
    place = (1, 2, 0, 4)  # frame, row, column, channel
    wrong = expected["conv.queue"].copy()
    seen = int(wrong[place])
    wrong[place] = 7 if seen != 7 else -8
    result = run(built, frames, expected | {"conv.queue": wrong})
    (found,) = result.mismatches
    assert (found.frame, found.row, found.column, found.channel) == place
    assert (found.layer, found.node) == ("conv", "conv.queue")
    assert (found.expected, found.seen) == (int(wrong[place]), seen)
    # Beat 9 of frame 1 comes out of the FIFO a cycle before it comes out of the network.
    assert found.cycle == right.first_out[1] + (2 * 2 * 6 + 4) // 3 - 1
    with pytest.raises(DifferenceError) as error:
        result.check()
    assert str(error.value) == (
        f"hardware and integer model differ at frame 1, layer 'conv' (conv.queue), channel 4, row 2, column 0, "
        f"cycle {found.cycle}: expected {found.expected}, seen {seen}"
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_wrong_output_value_is_listed(built, seed):
    rng = np.random.default_rng(seed)
    frames, expected = design.values(3, seed)
    wrong = expected["output"].copy()
    places = {tuple(int(rng.integers(n)) for n in wrong.shape) for _ in range(5)}
    for place in places:
        wrong[place] = 3 if wrong[place] != 3 else -4
    result = run(built, frames, expected | {"output": wrong})
    assert {(d.frame, d.row, d.column, d.channel) for d in result.mismatches} == places
    for d in result.mismatches:
        place = (d.frame, d.row, d.column, d.channel)
        assert (d.seen, d.expected) == (expected["output"][place], wrong[place])
    assert [d.cycle for d in result.mismatches] == sorted(d.cycle for d in result.mismatches)


def test_differences_of_a_tap_are_counted_beyond_those_listed(built):
    frames, expected = design.values(3, 1)
    wrong = np.where(expected["conv.invert"] == 7, -8, 7)
    result = run(built, frames, expected | {"conv.invert": wrong})
    assert result.mismatched == 36  # all beats
    assert len({d.cycle for d in result.mismatches}) == 16


def test_a_hang_ends_and_names_the_stuck_block(tmp_path):
    bench = design.make(tmp_path, stuck_after=17)
    frames, expected = design.values(2, 0)
    with pytest.raises(DifferenceError, match="the first block that gives nothing is last.halve") as error:
        run((bench, tmp_path / "sim"), frames, expected, deadline=700)
    assert "deadline 700 cycles" in str(error.value)
    assert "conv.queue 17 of 24 beats (offered, not taken)" in str(error.value)
    assert "output 17 of 24 beats (nothing offered)" in str(error.value)
    with pytest.raises(DifferenceError, match=r"200 without a transfer, stopped in cycle 2\d\d;"):
        run((bench, tmp_path / "sim"), frames, expected, quiet=200)


def test_tlast_out_of_place(tmp_path):
    bench = design.make(tmp_path, late_tlast=1)
    frames, expected = design.values(1, 0)
    with pytest.raises(DifferenceError, match=r"output 'output': TLAST is 1, not 0, in beat 10 \(cycle \d+\)"):
        run((bench, tmp_path / "sim"), frames, expected)


def test_a_stream_of_another_width(tmp_path):
    bench = design.make(tmp_path)
    wide = replace(design.INPUT, lo=-16)
    bench = replace(bench, taps=(replace(bench.taps[0], type=wide), *bench.taps[1:]))
    with pytest.raises(DifferenceError, match=r"stream 'conv.invert' \(layer 'conv'\) is 12 bits wide, not 15"):
        run((bench, tmp_path / "sim"), *design.values(1, 0))


def test_one_frame_has_no_interval(tmp_path):
    frames, expected = design.values(1, 0)
    result = run((design.make(tmp_path), tmp_path / "sim"), frames, expected).check()
    assert result.interval_cycles is None


# Two inputs joined, two outputs: the sum (9 bits in 2 bytes), and whether the first is greater. No registers at all.
JOIN = """
module join_ (input clk, input rst, output frame_error,
  input [7:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready, input s_axis_tlast,
  input [7:0] s_axis_1_tdata, input s_axis_1_tvalid, output s_axis_1_tready, input s_axis_1_tlast,
  output [15:0] m_axis_tdata, output m_axis_tvalid, input m_axis_tready, output m_axis_tlast,
  output [7:0] m_axis_1_tdata, output m_axis_1_tvalid, input m_axis_1_tready, output m_axis_1_tlast);
  wire both = s_axis_tvalid & s_axis_1_tvalid;
  wire move = both & m_axis_tready & m_axis_1_tready;
  assign frame_error = both & (s_axis_tlast ^ s_axis_1_tlast);
  assign {s_axis_tready, s_axis_1_tready} = {2{move}};
  assign m_axis_tvalid = both & m_axis_1_tready, m_axis_1_tvalid = both & m_axis_tready;
  assign {m_axis_tlast, m_axis_1_tlast} = {2{s_axis_tlast}};
  assign m_axis_tdata = {{8{s_axis_tdata[7]}}, s_axis_tdata} + {{8{s_axis_1_tdata[7]}}, s_axis_1_tdata};
  assign m_axis_1_tdata = $signed(s_axis_tdata) > $signed(s_axis_1_tdata);
endmodule
"""


@pytest.mark.parametrize("seed", range(2))
def test_several_inputs_and_outputs(tmp_path, seed):
    (tmp_path / "join.v").write_text(JOIN)
    byte = TensorType((2, 3, 1), -128, 127)
    bench = Bench(
        top="join_",
        verilog=(tmp_path / "join.v",),
        sources=(Axi("a", byte, 1), Axi("b", byte, 1)),
        sinks=(Axi("sum", TensorType(byte.shape, -256, 254), 1), Axi("greater", TensorType(byte.shape, 0, 1), 1)),
    )
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-128, 127, size=(2, 4, *byte.shape), endpoint=True)
    expected = {"sum": a + b, "greater": (a > b).astype(np.int64)}
    result = run((bench, tmp_path / "sim"), {"a": a, "b": b}, expected, stalls=0.4, seed=seed).check()
    assert result.compared == 2 * 4 * 6
    for name, values in expected.items():
        assert np.array_equal(result.outputs[name], values)
    result = run((bench, tmp_path / "sim"), {"a": b, "b": a}, expected, stalls=0.4, seed=seed)
    assert {d.node for d in result.mismatches} == {"greater"}


def test_arrays_that_do_not_suit(built):
    frames, expected = design.values(3, 0)
    with pytest.raises(ValueError, match="no expected values for 'last.halve'"):
        run(built, frames, {name: x for name, x in expected.items() if name != "last.halve"})
    with pytest.raises(ValueError, match="equally many"):
        run(built, {"input": frames["input"][:2]}, expected)
    with pytest.raises(ValueError, match="leave the range"):
        run(built, {"input": frames["input"] + 8}, expected)
    with pytest.raises(ValueError, match="must be"):
        run(built, {"input": frames["input"][..., :3]}, expected)


def test_verilog_that_does_not_compile_shows_the_error_and_the_log(tmp_path):
    bench = design.make(tmp_path)
    bench.verilog[0].write_text("module network; no such thing; endmodule\n")
    with pytest.raises(ToolFailed, match=r"Icarus Verilog.* could not build the bench") as error:
        run((bench, tmp_path / "sim"), *design.values(1, 0))
    assert f"{tmp_path / 'sim' / 'build.log'}" in str(error.value)
    assert "network.v:1" in str(error.value)


def test_waves(tmp_path):
    run((design.make(tmp_path), tmp_path / "sim"), *design.values(1, 0), waves=True).check()
    assert list((tmp_path / "sim").glob("**/*.fst"))


def test_verilator_agrees_with_icarus_and_builds_once(built, tmp_path):
    frames, expected = design.values(3, 9)
    stages = []
    options = dict(stalls=0.5, seed=4)
    icarus = run(built, frames, expected, **options)
    folder = tmp_path / "with space"  # GNU make can't work there
    for _ in range(2):
        verilator = run(
            (built[0], folder),
            frames,
            expected,
            simulator="verilator",
            progress=lambda s, f: stages.append(s),
            **options,
        )
        assert np.array_equal(verilator.outputs["output"], icarus.outputs["output"])
        for name in ("first_in", "last_in", "first_out", "last_out"):
            assert np.array_equal(getattr(verilator, name), getattr(icarus, name)), name
        assert (verilator.cycles, verilator.fills) == (icarus.cycles, icarus.fills)
    assert set(stages) == {"verilating", "compiling", "running"}
    assert verilator.build_seconds < 0.5
    wrong = expected["last.halve"].copy()
    wrong[0, 0, 0, 0] ^= 1
    expected = expected | {"last.halve": wrong}
    found = [
        run((built[0], place), frames, expected, simulator=name, **options).mismatches
        for name, place in (("verilator", folder), ("icarus", built[1]))
    ]
    assert found[0] == found[1] and len(found[0]) == 1


def test_a_python_without_shared_library_is_named(built, monkeypatch):
    for name in ("LIBPYTHON_LOC", "GPI_USERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("find_libpython.find_libpython", lambda: None)
    with pytest.raises(ToolMissing, match=r"as a shared library, .* apt install libpython3\.\d+\)"):
        run(built, *design.values(3, 0))


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolMissing, match=r"Icarus Verilog \(iverilog\) is not on PATH.*apt install iverilog"):
        tools.find_simulator("icarus")
    with pytest.raises(ToolMissing, match=r"needs a C\+\+ compiler; install one .*apt install g\+\+ make"):
        tools.find_simulator("verilator")
    with pytest.raises(ToolMissing, match=r"no simulator: .*g\+\+.*iverilog"):
        tools.find_simulator("auto")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolMissing, match="'no-such-compiler' that CXX names is not there"):
        tools.find_simulator("verilator")
    with pytest.raises(OptionError, match="unknown simulator 'modelsim'; choose one of auto, verilator, icarus"):
        tools.find_simulator("modelsim")
