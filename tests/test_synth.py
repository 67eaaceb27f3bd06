"""Synthesis of modules whose resources follow from the definition."""

import pytest

from hwgen import synth
from hwgen.errors import OptionError, ToolFailed, ToolMissing
from hwgen.layers.block import Resources
from hwgen.synth import count, synthesize
from tests.sim import design

# One memory, register or product a block; each block has its own module, as Amaranth makes them.
BLOCKS = """
module lutram (input clk, input [4:0] w, r, input we, input [5:0] d, output reg [5:0] q);
  (* ram_style = "distributed" *) reg [5:0] m [0:31];
  always @(posedge clk) begin if (we) m[w] <= d; q <= m[r]; end
endmodule
module bram (input clk, input [9:0] w, r, input we, input [35:0] d, output reg [35:0] q);
  reg [35:0] m [0:1023];
  always @(posedge clk) begin if (we) m[w] <= d; q <= m[r]; end
endmodule
module delay (input clk, input [3:0] d, output [3:0] q);
  reg [3:0] a [0:15]; integer i;
  assign q = a[15];
  always @(posedge clk) begin a[0] <= d; for (i = 1; i < 16; i = i + 1) a[i] <= a[i-1]; end
endmodule
module product (input clk, input signed [17:0] a, b, output reg signed [35:0] q);
  always @(posedge clk) q <= a * b;
endmodule
module parity (input clk, input [5:0] d, output reg q);
  always @(posedge clk) q <= ^d;
endmodule
module top (input clk, input [9:0] w, r, input we, input [35:0] d, output [5:0] q0, output [35:0] q1, output [3:0] q2,
            output [35:0] q3, output q4, output q5);
  lutram u_lutram (clk, w[4:0], r[4:0], we, d[5:0], q0);
  bram u_bram (clk, w, r, we, d, q1);
  delay u_delay (clk, d[3:0], q2);
  product u_product (clk, d[17:0], d[35:18], q3);
  parity u_parity (clk, d[5:0], q4);
  assign q5 = &d[5:0];
endmodule
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synth")
    (folder / "blocks.v").write_text(BLOCKS)
    stages = []
    found = synthesize([folder / "blocks.v"], "top", folder / "yosys", progress=lambda *stage: stages.append(stage))
    return found, stages


@pytest.mark.parametrize(
    "block,resources",
    [
        ("u_lutram", Resources(lut=4, lutram=4, ff=6)),  # one RAM32M holds 32 × 6
        ("u_bram", Resources(bram36=1)),
        ("u_delay", Resources(lut=4, lutram=4)),  # an SRL16E a bit
        ("u_product", Resources(dsp=1)),
        ("u_parity", Resources(lut=1, ff=1)),
    ],
)
def test_a_block_takes_what_its_definition_says(result, block, resources):
    assert result[0].blocks[block] == resources


def test_the_total_is_the_blocks_and_what_is_between_them(result):
    found, _ = result
    assert set(found.blocks) == {"u_lutram", "u_bram", "u_delay", "u_product", "u_parity"}
    assert found.total == sum(found.blocks.values(), start=Resources(lut=1))  # the AND of six bits


def test_progress_rises_through_the_stages(result):
    _, stages = result
    names, fractions = zip(*stages)
    assert names[0] == "read" and names[-1] == "check" and "map_luts" in names
    assert list(fractions) == sorted(fractions) and 0 == fractions[0] < fractions[-1] < 1


@pytest.mark.parametrize("family", ["xc7", "ecp5"])
def test_amaranth_verilog(tmp_path, family):
    bench = design.make(tmp_path)
    found = synthesize(bench.verilog, "network", tmp_path, family)
    assert set(found.blocks) == {"invert", "queue", "halve"}
    # A register of 3 × 4 bits and its valid; the shift of halve is wires, and drops a bit a lane.
    assert (found.blocks["invert"].ff, found.blocks["halve"].ff) == (13, 10)
    assert found.blocks["queue"].lutram > 0
    assert found.total.lut > sum(block.lut for block in found.blocks.values())


def test_bad_verilog_shows_the_error_and_the_log(tmp_path):
    (tmp_path / "bad.v").write_text("module top (output q); assign q = ; endmodule\n")
    with pytest.raises(ToolFailed, match=r"Yosys failed \(code 1\); the log is .*yosys.log") as error:
        synthesize([tmp_path / "bad.v"], "top", tmp_path)
    assert "bad.v:1: ERROR: syntax error" in str(error.value)


def test_unknown_family_and_cell_and_no_yosys(tmp_path, monkeypatch):
    with pytest.raises(OptionError, match="no synthesis for the FPGA family 'ice40'; known: xc7, ecp5"):
        synthesize([], "top", tmp_path, "ice40")
    with pytest.raises(ToolFailed, match="a cell 'PS7' whose resources on xc7 are not known"):
        count({"LUT6": 2, "PS7": 1}, "xc7")
    monkeypatch.setattr(synth.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="install it with: pip install pyosys"):
        synthesize([], "top", tmp_path)
