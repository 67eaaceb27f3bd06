"""One flat netlist for place and route, from the blocks that were synthesized apart.

The network's AXI4-Stream ports are wider than a package has pins. So that the clock stands for the network alone, it is
placed inside a top of its own whose only pin is the clock: each input bit is driven by a flip-flop (they form a ring),
and each output bit ends in one. Both count for the clock as the flip-flops of a board's shell would.
"""

from __future__ import annotations

from collections.abc import Iterable

TOP = "hwgen_place"
NETWORK = "network"  # the instance that the network is in TOP
PORTS = "port"  # what names of the flip-flops around it begin with

# What nextpnr for Xilinx can't do, in terms of what it can. Neither of the two routes both outputs of a LUT6_2. Where its
# I5 is constant one, it is two LUT5 of the same inputs, which may share a site; elsewhere it takes two sites.
LUT6_2 = r"""
(* techmap_celltype = "LUT6_2" *)
module hwgen_lut6_2 (output O6, output O5, input I0, I1, I2, I3, I4, I5);
  parameter [63:0] INIT = 0;
  parameter _TECHMAP_CONSTMSK_I5_ = 0;
  parameter _TECHMAP_CONSTVAL_I5_ = 0;
  LUT5 #(.INIT(INIT[31:0])) lower (.O(O5), .I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4));
  generate
    if (_TECHMAP_CONSTMSK_I5_ === 1'b1 && _TECHMAP_CONSTVAL_I5_ === 1'b1)
      LUT5 #(.INIT(INIT[63:32])) upper (.O(O6), .I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4));
    else
      LUT6 #(.INIT(INIT)) whole (.O(O6), .I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4), .I5(I5));
  endgenerate
endmodule
"""
# himbaechel crashes at a RAM64X1S and has no place for a RAM32X1S; a second port at the same address is the same RAM, but
# three of them take four LUTs.
SINGLE_PORT = "".join(
    f"""
(* techmap_celltype = "RAM{depth}X1S" *)
module hwgen_ram{depth} (output O, input {", ".join(f"A{k}" for k in range(bits))}, D, WCLK, WE);
  parameter [{depth - 1}:0] INIT = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  RAM{depth}X1D #(.INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) _TECHMAP_REPLACE_ (.DPO(O), .D(D), .WCLK(WCLK), .WE(WE),
    {", ".join(f".A{k}(A{k}), .DPRA{k}(A{k})" for k in range(bits))});
endmodule
"""
    for depth, bits in ((32, 5), (64, 6))
)
# himbaechel doesn't route the cascade of shift registers, Q31: the last bit is read as any other. Whichever of the two
# shift registers nobody reads goes.
CASCADE = """
(* techmap_celltype = "SRLC32E" *)
module hwgen_srlc32e (output Q, Q31, input [4:0] A, input CE, CLK, D);
  parameter [31:0] INIT = 0;
  parameter [0:0] IS_CLK_INVERTED = 0;
  SRLC32E #(.INIT(INIT), .IS_CLK_INVERTED(IS_CLK_INVERTED)) any (.Q(Q), .A(A), .CE(CE), .CLK(CLK), .D(D));
  SRLC32E #(.INIT(INIT), .IS_CLK_INVERTED(IS_CLK_INVERTED)) last (.Q(Q31), .A(5'd31), .CE(CE), .CLK(CLK), .D(D));
endmodule
"""
MAPS = {"LUT6_2": LUT6_2, "RAM32X1S": SINGLE_PORT, "RAM64X1S": SINGLE_PORT, "SRLC32E": CASCADE}


def wrapper(top: str, ports: Iterable[tuple[str, int, bool]]) -> str:
    """Verilog of TOP, in primitives. ports: (name, width, is an input) of the network, its `clk` among them."""
    ports = [port for port in ports if port[0] != "clk"]
    widths = {kind: sum(width for _, width, is_input in ports if is_input is kind) for kind in (True, False)}
    lines = [
        f"module {TOP} (input clk);",
        "wire pin, clock;",
        "IBUF ibuf (.I(clk), .O(pin));",
        "BUFG bufg (.I(pin), .O(clock));",
        f"wire [{widths[True] - 1}:0] into;",
        f"wire [{widths[False] - 1}:0] outof;",
    ]
    for name, bus, source in (
        (f"{PORTS}_in", "into", f"{{into[{widths[True] - 2}:0], into[{widths[True] - 1}]}}"),
        (f"{PORTS}_out", "", "outof"),
    ):
        q = f", .Q({bus})" if bus else ""
        last = (widths[True] if bus else widths[False]) - 1
        lines.append(f"(* keep *) FDRE {name} [{last}:0] (.C(clock), .CE(1'b1), .R(1'b0), .D({source}){q});")
    at = {True: 0, False: 0}
    connections = [".clk(clock)"]
    for name, width, is_input in ports:
        bus = "into" if is_input else "outof"
        connections.append(f".\\{name} ({bus}[{at[is_input] + width - 1}:{at[is_input]}])")
        at[is_input] += width
    lines += [f"\\{top} {NETWORK} ({', '.join(connections)});", "endmodule"]
    return "\n".join(lines) + "\n"


def write(run, ports: Iterable[tuple[str, int, bool]], top: str, scratch: str, netlist: str) -> None:
    """Flattens the synthesized design, the network inside TOP, and writes Yosys's JSON for nextpnr.

    run: runs a Yosys command. scratch: what the names of the files begin with that Yosys reads.
    """
    with open(f"{scratch}wrapper.v", "w", encoding="utf-8") as file:
        file.write(wrapper(top, ports))
    run("setattr -mod -unset keep_hierarchy *")
    run(f'read_verilog "{scratch}wrapper.v"')
    run(f"hierarchy -check -top {TOP}")
    run("flatten")
    fit(run, scratch)
    run(f'write_json "{netlist}"')


def fit(run, scratch: str) -> None:
    """Puts what nextpnr for Xilinx can place and route in the place of what it can't, in a flat design. run, scratch: as
    of `write`."""
    with open(f"{scratch}maps.v", "w", encoding="utf-8") as file:
        file.write("".join(dict.fromkeys(MAPS.values())))
    kinds = " ".join(f"t:{kind}" for kind in MAPS)
    run(f'techmap -max_iter 1 -map "{scratch}maps.v" {kinds}')
    run("opt_lut_ins -tech xilinx")  # nextpnr counts a constant as an input, and then finds no place for a carry chain
    run("delete t:$scopeinfo")
    run("clean -purge")


def block_of(cell: str, instances: Iterable[str]) -> str:
    """The block that a cell of the flat netlist is in, by its instance name; "ports" for the flip-flops around the
    network, "between blocks" for what is in none.

    cell: as nextpnr prints it: Yosys's name of the cell, instance names before it, perhaps with a suffix.
    """
    path = cell.replace("$flatten", "").replace("\\", "")
    if path.startswith(PORTS):
        return "ports"
    path = path.removeprefix(f"{NETWORK}.")
    found = [name for name in instances if path.startswith(f"{name}.")]
    return max(found, key=len, default="between blocks")
