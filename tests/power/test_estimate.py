"""The estimate is a sum of what is counted times what was published: linear, whole, and never of what isn't known."""

from dataclasses import astuple, replace
from types import SimpleNamespace

import numpy as np
import pytest

from hwgen.__main__ import main
from hwgen.errors import OptionError
from hwgen.html import page
from hwgen.layers.block import Resources
from hwgen.power import activity, energies, lines, measure, structure
from hwgen.power.activity import Activity
from hwgen.power.energies import PJ, Energies, Range
from hwgen.power.estimate import estimate
from hwgen.power.saif import Bit, Saif, Scope
from tests.power import recorded

ONE = Energies(*(Range(k, 2 * k, 3 * k) for k in (1, 10, 100, 1000)))


@pytest.fixture(scope="module")
def digits():
    """The compiled network of the example, with its recorded activity."""
    design = recorded.design()
    design.recorded = recorded.load()
    cycles = design.compiled.timing.interval
    design.simulated = SimpleNamespace(frames=100, interval_cycles=cycles)
    return design


def near(range_: Range, *wanted: float) -> bool:
    return astuple(range_) == pytest.approx(wanted, rel=1e-12)


def test_a_block_worked_out_by_hand():
    # 6 changes a frame of 8 bits, of which 4 stayed flip-flops; 20 of 10 nets for 5 LUTs; a RAM read in every cycle and
    # written three times.
    counted = Activity(register_bits=8, registers=12, net_bits=10, nets=40, accesses=6, always=1)
    costs = {"a": Resources(lut=5, ff=4, bram36=0.5), "": Resources()}
    found = estimate({"a": counted}, costs, "estimated", 2, 7, 50, 20, ONE)
    parts = found.blocks["a"]
    assert near(parts.registers, 3, 6, 9)
    assert near(parts.luts, 100, 200, 300)
    assert near(parts.clock, 2800, 5600, 8400)
    assert near(parts.bram, 5000, 10000, 15000)
    assert near(found.mj, *(k * 7903e-9 for k in (1, 2, 3)))
    assert near(found.watts, *(k * 7903e-12 * 50e6 / 7 for k in (1, 2, 3)))
    assert found.toggle_rate == pytest.approx(52 / 18 / 20)


def test_an_idle_network_has_only_its_clock():
    idle = {"a": Activity(register_bits=50, net_bits=90)}
    found = estimate(idle, {"a": Resources(lut=30, ff=50)}, "estimated", 1, 100, 150, 500, energies.of("xc7"))
    assert astuple(found.parts.registers) == astuple(found.parts.luts) == astuple(found.parts.bram) == (0, 0, 0)
    assert found.watts.mid == pytest.approx(50 * 150e6 * energies.of("xc7").clock.mid / PJ)
    nothing = estimate({}, {"a": Resources(lut=30)}, "estimated", 1, 100, 150, 500, energies.of("xc7"))
    assert nothing.watts.high == 0


def test_power_goes_with_the_clock_and_energy_a_frame_with_neither_clock_nor_frames(digits):
    one = measure.of(digits)
    faster = estimate_at(digits, clock=2)
    assert astuple(faster.mj) == astuple(one.mj)
    assert near(faster.watts, *(2 * watts for watts in astuple(one.watts)))
    # The same switching again in twice the frames is the same a frame.
    twice = SimpleNamespace(**vars(digits) | {"simulated": SimpleNamespace(frames=200, interval_cycles=784)})
    doubled = {
        n: replace(a, registers=2 * a.registers, nets=2 * a.nets, accesses=2 * a.accesses)
        for n, a in activities(digits)
    }
    twice.recorded = measure.Recorded(doubled, 2 * digits.recorded.cycles)
    assert near(measure.of(twice).mj, *astuple(one.mj))


def estimate_at(design, clock: float):
    return measure.of(SimpleNamespace(**vars(design) | {"clock_mhz": clock * design.clock_mhz}))


def activities(design):
    return design.recorded.activities.items()


def test_blocks_and_parts_sum_up_to_the_whole(digits):
    found = measure.of(digits)
    for kind in ("low", "mid", "high"):
        blocks = sum(getattr(parts.total, kind) for parts in found.blocks.values())
        kinds = sum(getattr(getattr(found.parts, part), kind) for part in lines.PARTS)
        assert blocks == pytest.approx(kinds) == pytest.approx(getattr(found.mj, kind) * PJ / 1e3)
    assert found.mj.low < found.mj.mid < found.mj.high
    assert set(found.blocks) == set(digits.compiled.emitted.instances.values())


def test_the_report_says_that_it_is_an_estimate(digits):
    entry = lines.entry(digits)["power"]
    assert entry["estimate"] is True
    assert sum(block["dynamic_w"]["mid"] for block in entry["blocks"]) == pytest.approx(
        entry["dynamic_w"]["mid"], rel=1e-3
    )
    assert {block["name"] for block in entry["blocks"]} <= set(digits.compiled.emitted.instances)
    (line,) = lines.summary({"power": entry})
    assert line == (
        "power: estimated 0.16 W dynamic (0.082 to 0.4) = 0.00082 mJ an image; published for the reference: 1.35 mJ"
    )
    html = lines.section({"power": entry})
    assert "Dynamic power, estimated" in html and "mix.sum" in html and "An estimated 0.16 W" in html
    built = SimpleNamespace(**vars(digits) | {"chip": SimpleNamespace(power_w=1.61)})
    with_vivado = lines.summary(lines.entry(built))[0]
    assert with_vivado.startswith("power: 1.6 W of the chip, by Vivado = 0.0084 mJ an image (estimated 0.16 W")
    assert lines.summary({}) == [] and lines.section({}) == ""


def test_figures_of_the_docs(digits):
    """Those of digits in docs/power.md are what the recorded activity gives."""
    text = (recorded.DIGITS.parents[1] / "docs" / "power.md").read_text()
    entry = lines.entry(digits)["power"]
    for kind, parts in (
        ("all", entry["dynamic_w"]),
        *((lines.PARTS[name], watts) for name, watts in entry["parts_w"].items()),
    ):
        low, mid, high = (f"{1e3 * parts[bound]:.3g}" for bound in ("low", "mid", "high"))
        assert f"| {kind} | {mid} | {low} | {high} |" in text
    assert f"{1e3 * entry['mj_an_image']['mid']:.2g} µJ" in text
    constants = energies.of("xc7")
    for name in ("register", "lut", "clock", "bram"):
        low, mid, high = astuple(getattr(constants, name))
        assert f"| {low:.3g} | {mid:.3g} | {high:.3g} |" in text, name


def test_published_hardware_lies_in_the_range():
    """The reference's published hardware at XPE's average activity, 12.5 %, as docs/power.md has it: 0.24 W are published."""
    interval = 842_697
    usual = Activity(11_796, 11_796 * interval / 8, 8, interval, always=1)
    costs = {"a": Resources(lut=13_860, ff=11_796, bram36=60)}
    found = estimate({"a": usual}, costs, "published", 1, interval, 150, interval, energies.of("xc7"))
    assert found.watts.low < energies.PUBLISHED["fpga_w"] < found.watts.high
    assert [f"{watts:.2g}" for watts in astuple(found.watts)] == ["0.15", "0.36", "0.88"]
    assert [f"{mj:.2g}" for mj in astuple(found.mj)] == ["0.85", "2", "4.9"]


def test_a_memory_counts_when_it_is_enabled():
    text = """module top(clk, en);
  input clk;
  input en;
  reg [15:0] memory [127:0];
  reg [7:0] small [3:0];
  reg [15:0] _0_;
  always @(posedge clk) begin
    if (\\$signal )
      memory[addr] <= data;
  end
  always @(posedge clk) begin
    _0_ <= memory[addr];
  end
  always @(posedge clk) begin
    if (en) begin
      small[addr[1:0]] <= data;
    end
  end
endmodule
"""
    structures = structure.read(text)
    assert structures["top"].memories == {"memory": 2048, "small": 32}
    assert structures["top"].registers == {"_0_"} and structures["top"].inputs == {"clk", "en"}
    nets = {"clk": [Bit(50, 20)], "$signal": [Bit(30, 5)], "_0_": [Bit(1, 2)] * 16}
    blocks, own = activity.by_block(Saif(100, Scope(nets)), structures, "top")
    assert blocks == {}
    assert own == Activity(16, 32, 1, 5, accesses=pytest.approx(3), always=1), "3 of 10 cycles, and each"


def test_what_is_unknown_is_said(digits):
    with pytest.raises(OptionError, match="no power estimate for the FPGA family 'ecp5'.*leave --power away"):
        energies.of("ecp5")
    found = estimate({}, {"a": Resources(dsp=3)}, "estimated", 1, 100, 150, 500, energies.of("xc7"))
    assert found.watts.high == 0 and found.dsp == 3
    entry = lines.entry(digits)["power"] | {"not_counted": {"dsp": 3}}
    assert ", without 3 DSP; published" in lines.summary({"power": entry})[0]


@pytest.mark.parametrize(
    "options, wanted",
    [
        ((), "--power needs frames to simulate on: add --simulate FRAMES"),
        (("--simulate", "frames.npy", "--board", "ulx3s-85f"), "no power estimate for the FPGA family 'ecp5'"),
        (("--simulate", "frames.npy", "--layer", "a"), "power is estimated of the whole network: leave --layer away"),
    ],
)
def test_options_that_make_no_sense(options, wanted, capsys, tmp_path, monkeypatch):
    np.save(tmp_path / "frames.npy", np.zeros((1, 28, 28, 1)))
    monkeypatch.chdir(tmp_path)
    assert main([str(recorded.DIGITS / "digits.h5"), "--power", "-q", "-o", str(tmp_path / "out"), *options]) == 2
    assert wanted in capsys.readouterr().err


def test_the_page_has_it(digits):
    found = digits.recorded
    digits.recorded, digits.simulated, kept = None, None, digits.simulated
    report = digits.report()
    digits.recorded, digits.simulated = found, kept
    assert "Dynamic power" not in page(report)
    assert "Dynamic power, estimated" in page(report | lines.entry(digits))
