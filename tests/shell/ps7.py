"""A stand-in for the primitives of a Zynq-7000 in simulation: a PS7 whose ports a bench drives, and BUFG.

Ports and widths: Xilinx UG585 (AXI3: four bits of length, two of size). Inside it they are called as the bench of a bare
shell calls them, so that the same tests run on the whole chip: `clk`, `rst`, `s_axi_*`, `m_axi_*`, `interrupt`.
"""

# name -> width. The processor drives GP0's first group and takes its second; of HP0 it's the other way round.
ADDRESS = {"ADDR": 32, "LEN": 4, "SIZE": 2, "BURST": 2, "VALID": 1}
GP0_OUT = {
    **{f"{a}{name}": width for a in ("AW", "AR") for name, width in ({**ADDRESS, "ID": 12}).items()},
    **{"WDATA": 32, "WSTRB": 4, "WLAST": 1, "WVALID": 1, "BREADY": 1, "RREADY": 1},
}
GP0_IN = {"AWREADY": 1, "WREADY": 1, "BID": 12, "BRESP": 2, "BVALID": 1, "ARREADY": 1, "RID": 12, "RDATA": 32}
GP0_IN |= {"RRESP": 2, "RLAST": 1, "RVALID": 1}
HP0_IN = {
    **{f"{a}{name}": width for a in ("AW", "AR") for name, width in ADDRESS.items()},
    **{
        f"{a}{name}": w
        for a in ("AW", "AR")
        for name, w in {"ID": 6, "CACHE": 4, "PROT": 3, "LOCK": 2, "QOS": 4}.items()
    },
    **{"WID": 6, "WDATA": 64, "WSTRB": 8, "WLAST": 1, "WVALID": 1, "BREADY": 1, "RREADY": 1},
    **{"RDISSUECAP1EN": 1, "WRISSUECAP1EN": 1},
}
HP0_OUT = {"AWREADY": 1, "WREADY": 1, "BID": 6, "BRESP": 2, "BVALID": 1, "ARREADY": 1, "RID": 6, "RDATA": 64}
HP0_OUT |= {"RRESP": 2, "RLAST": 1, "RVALID": 1}
# What cocotbext-axi, which speaks AXI4, wants wider than AXI3 has it.
WIDER = {"AWLEN": 8, "ARLEN": 8, "AWSIZE": 3, "ARSIZE": 3}
NARROWER = {"AWLOCK": 1, "ARLOCK": 1}  # and what it wants as AXI4 has it


def ps7() -> str:
    """Verilog of both."""
    ports = ["output [3:0] FCLKCLK", "output [3:0] FCLKRESETN", "input [3:0] FCLKCLKTRIGN", "input [19:0] IRQF2P"]
    ports += ["input MAXIGP0ACLK", "input SAXIHP0ACLK"]
    body = ["reg clk, rst;", "wire interrupt = IRQF2P[0];", "assign FCLKCLK = {3'b0, clk};"]
    body += ["assign FCLKRESETN = {3'b0, ~rst};"]
    for inner, outer, given, taken in (("s_axi", "MAXIGP0", GP0_OUT, GP0_IN), ("m_axi", "SAXIHP0", HP0_OUT, HP0_IN)):
        for name, width in given.items():
            ports.append(f"output [{width - 1}:0] {outer}{name}")
            bits = WIDER.get(name, width)
            body.append(f"reg [{bits - 1}:0] {inner}_{name.lower()};")
            body.append(f"assign {outer}{name} = {inner}_{name.lower()}[{width - 1}:0];")
        for name, width in taken.items():
            ports.append(f"input [{width - 1}:0] {outer}{name}")
            bits = NARROWER.get(name) or WIDER.get(name, width)
            body.append(f"wire [{bits - 1}:0] {inner}_{name.lower()} = {outer}{name};")
    inside = "\n  ".join(body)
    return f"""
module PS7 (
  {", ".join(ports)}
);
  {inside}
endmodule

module BUFG (input I, output O);
  assign O = I;
endmodule
"""
