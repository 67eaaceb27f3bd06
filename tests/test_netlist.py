"""The netlist for place and route, and the real nextpnr on it where `hwgen.place` finds one (CI has none: skipped)."""

import json
import subprocess
import sys

import pytest

from hwgen import netlist, place, synth
from hwgen.boards import BOARDS
from hwgen.errors import ToolMissing
from tests.sim import design

ZYBO = BOARDS["zybo"]


def yosys(*commands: str) -> None:
    """Runs Yosys in a process of its own: an error ends it."""
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(c, d) for c in sys.argv[1:]]"
    done = subprocess.run([sys.executable, "-c", code, *commands], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("fifth", ["1'b1", "1'b0", "i[5]"])
def test_a_lut_with_two_outputs_is_split_into_equal_ones(fifth, tmp_path):
    (tmp_path / "split.v").write_text(netlist.LUT6_2)
    (tmp_path / "top.v").write_text(
        "module top (input [5:0] i, output a, b); LUT6_2 #(.INIT(64'h9c3a_51f0_27b4_e86d)) "
        f"lut (.I0(i[0]), .I1(i[1]), .I2(i[2]), .I3(i[3]), .I4(i[4]), .I5({fifth}), .O6(a), .O5(b)); endmodule\n"
    )
    yosys(
        f"read_verilog {tmp_path}/top.v",
        "copy top split",
        f"techmap -map {tmp_path}/split.v t:LUT6_2",  # where no model is loaded yet, both are left as they are
        "select -assert-none split/t:LUT6_2",
        "select -assert-none top/t:LUT6_2",
        "delete top",
        f"read_verilog {tmp_path}/top.v",
        "read_verilog +/xilinx/cells_sim.v",
        "proc",
        "hierarchy -check",
        "flatten",
        "miter -equiv -flatten top split both",
        "sat -verify -prove trigger 0 both",
    )


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """A small network's netlist for place and route, and the names of its blocks."""
    folder = tmp_path_factory.mktemp("flat")
    found = synth.synthesize(design.make(folder).verilog, "network", folder, netlist=folder / "netlist.json")
    return folder / "netlist.json", list(found.blocks)


def test_the_netlist_is_flat_and_its_only_pin_the_clock(flat):
    path, blocks = flat
    modules = json.loads(path.read_text())["modules"]
    top = modules[netlist.TOP]
    assert list(top["ports"]) == ["clk"]
    kinds = {cell["type"] for cell in top["cells"].values()}
    assert {"IBUF", "BUFG", "FDRE"} <= kinds and "LUT6_2" not in kinds and "$scopeinfo" not in kinds
    assert all(modules[kind]["attributes"].get("blackbox") for kind in kinds), "hierarchy is left"
    places = {netlist.block_of(name, blocks) for name in top["cells"]}
    assert places - {"between blocks"} == {*blocks, "ports"}


def test_the_real_nextpnr_places_and_routes(flat, tmp_path):
    try:
        tool = place.find(ZYBO)
    except ToolMissing as missing:
        pytest.skip(str(missing))
    path, blocks = flat
    result = place.place(tool, path, ZYBO, 150.0, tmp_path, blocks, limit_s=600)
    found = result.found
    assert found.failure is None and 50 < found.routed_mhz < 1000 and found.placed_mhz is not None
    assert {found.path.start, found.path.end} <= {*blocks, "ports", "between blocks"}
    assert found.path.logic_ns + found.path.routing_ns == pytest.approx(1000 / found.routed_mhz, abs=0.05)
    assert found.used["SLICE_FFX"][0] > 20
