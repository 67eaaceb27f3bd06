"""The netlist for place and route, and the real nextpnr on it where `hwgen.place` finds one (CI has none: skipped)."""

import json
import subprocess
import sys

import pytest

from hwgen import netlist, place, synth
from hwgen.boards import BOARDS
from hwgen.errors import ToolMissing
from hwgen.layers.cells import Target
from tests.sim import design

ZYBO = BOARDS["zybo"]


def yosys(*commands: str) -> None:
    """Runs Yosys in a process of its own: an error ends it."""
    code = "import sys; from pyosys import libyosys as ys; d = ys.Design(); [ys.run_pass(c, d) for c in sys.argv[1:]]"
    done = subprocess.run([sys.executable, "-c", code, *commands], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def same(tmp_path, text: str, kind: str, steps: int) -> None:
    """Proves that a module `top` stays the same, in the models of Yosys, where cells of a kind are mapped.

    steps: so many cycles from all zeros; 0 for logic without memory.
    """
    (tmp_path / "maps.v").write_text(netlist.MAPS[kind])
    (tmp_path / "top.v").write_text(text)
    steps = f"-seq {steps} -set-init-zero" if steps else ""
    yosys(
        "read_verilog -lib +/xilinx/cells_sim.v",
        f"read_verilog {tmp_path}/top.v",
        "hierarchy -check -top top",
        f"techmap -max_iter 1 -map {tmp_path}/maps.v t:{kind}",
        "clean",
        "rename top mapped",
        f"write_verilog -noattr {tmp_path}/mapped.v",
        "design -reset",
        f"read_verilog {tmp_path}/top.v {tmp_path}/mapped.v",
        "read_verilog +/xilinx/cells_sim.v",
        "hierarchy -check",
        "proc",
        "flatten top mapped",
        "memory_map",
        "opt_clean",
        "miter -equiv -flatten -make_outputs top mapped both",
        f"sat -verify {steps} -prove trigger 0 both",
    )


def lut(fifth: str) -> str:
    return (
        "module top (input [5:0] i, output a, b); LUT6_2 #(.INIT(64'h9c3a_51f0_27b4_e86d)) "
        f"lut (.I0(i[0]), .I1(i[1]), .I2(i[2]), .I3(i[3]), .I4(i[4]), .I5({fifth}), .O6(a), .O5(b)); endmodule\n"
    )


@pytest.mark.parametrize("fifth", ["1'b1", "1'b0", "i[5]"])
def test_a_lut_with_two_outputs_is_split_into_equal_ones(fifth, tmp_path):
    same(tmp_path, lut(fifth), "LUT6_2", 0)
    assert "LUT6_2" not in (tmp_path / "mapped.v").read_text()


@pytest.mark.parametrize(("depth", "bits"), [(32, 5), (64, 6)])
def test_a_memory_with_one_port_is_the_same_with_two(depth, bits, tmp_path):
    address = ", ".join(f".A{k}(a[{k}])" for k in range(bits))
    text = f"module top (input clk, d, we, input [{bits - 1}:0] a, output o);\n"
    text += f"RAM{depth}X1S ram (.WCLK(clk), .D(d), .WE(we), .O(o), {address}); endmodule\n"
    same(tmp_path, text, f"RAM{depth}X1S", 4)
    assert f"RAM{depth}X1S" not in (tmp_path / "mapped.v").read_text()


def test_a_cascade_of_shift_registers_is_the_same_without(tmp_path):
    text = "module top (input clk, ce, d, input [4:0] a, output q, r, s); wire t;\n"
    text += "SRLC32E #(.INIT(32'h9c3a_51f0)) u (.CLK(clk), .CE(ce), .D(d), .A(a), .Q(q), .Q31(t));\n"
    text += "SRLC32E #(.INIT(32'h5f00_b1d3)) v (.CLK(clk), .CE(ce), .D(t), .A(5'd7), .Q(r), .Q31(s)); endmodule\n"
    same(tmp_path, text, "SRLC32E", 4)
    assert ".Q31" not in (tmp_path / "mapped.v").read_text()


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


# The cells that hwgen places by hand, and memories as Yosys makes them of windows and delay lines.
CELLS = """
module cells (input clk, we, d, input [5:0] a, b, c, input [24:0] x, output [7:0] sum, output [5:0] one, two, output [3:0] bits,
              output [47:0] product);
  hwgen_add3 #(.WIDTH(6)) add3 (.a(a), .b(b), .c(c), .o(sum));
  hwgen_mux2 #(.WIDTH(6)) mux (.a(a), .b(b), .s(d), .o(one));
  hwgen_rom32 #(.WIDTH(6), .TABLE(192'h123456789abcdef0fedcba987654321002468ace13579bdf)) rom (.a(c[4:0]), .o(two));
  RAM32X1S short (.WCLK(clk), .WE(we), .D(d), .O(bits[0]), .A0(a[0]), .A1(a[1]), .A2(a[2]), .A3(a[3]), .A4(a[4]));
  genvar k;
  generate for (k = 1; k < 3; k = k + 1) begin : each
    RAM64X1S long (.WCLK(clk), .WE(we), .D(b[k]), .O(bits[k]), .A0(a[0]), .A1(a[1]), .A2(a[2]), .A3(a[3]), .A4(a[4]), .A5(a[5]));
  end endgenerate
  reg [39:0] late; // 32 bits in an SRLC32E, the rest in another behind it
  always @(posedge clk) if (we) late <= {late[38:0], d};
  assign bits[3] = late[39];
  wire [47:0] cascade;
  hwgen_multiply_add #(.FIRST(1), .CONSTANT(7)) lower (.clk(clk), .a(x), .b({11'b0, a}), .pcin(48'b0), .pcout(cascade));
  hwgen_multiply_add #(.FIRST(0)) upper (.clk(clk), .a(x), .b({11'b0, b}), .pcin(cascade), .p(product));
endmodule
module top (input clk, we, d, input [5:0] a, b, c, input [24:0] x, output [7:0] sum, output [5:0] one, two,
            output [3:0] bits, output [47:0] product);
  cells block (clk, we, d, a, b, c, x, sum, one, two, bits, product);
endmodule
"""


@pytest.fixture
def tool() -> place.Tool:
    try:
        return place.find(ZYBO)
    except ToolMissing as missing:
        pytest.skip(str(missing))


def test_the_real_nextpnr_places_and_routes(flat, tool, tmp_path):
    path, blocks = flat
    result = place.place(tool, path, ZYBO, 150.0, tmp_path, blocks, limit_s=600)
    found = result.found
    assert found.failure is None and 50 < found.routed_mhz < 1000 and found.placed_mhz is not None
    assert {found.path.start, found.path.end} <= {*blocks, "ports", "between blocks"}
    assert found.path.logic_ns + found.path.routing_ns == pytest.approx(1000 / found.routed_mhz, abs=0.05)
    assert found.used["SLICE_FFX"][0] > 20


def test_the_real_nextpnr_takes_every_cell(tool, tmp_path):
    source, path = tmp_path / "cells.v", tmp_path / "netlist.json"
    source.write_text(Target("xc7").library + CELLS)
    made = synth.synthesize([source], "top", tmp_path, netlist=path)
    assert made.total.dsp == 2 and made.total.lutram == 5, "something is gone"
    found = place.place(tool, path, ZYBO, 150.0, tmp_path, ["block"], limit_s=600).found
    assert found.failure is None and found.routed_mhz > 50
    assert found.used["DSP48E1_DSP48E1"][0] == 2 and found.used["CARRY4"][0] >= 2
