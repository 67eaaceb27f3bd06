// Adders and multiplexers that fill the LUTs of Xilinx 7 series (UG474): what no synthesizer finds by itself.
// A LUT6_2 has two outputs, O5 and O6, that share five inputs where I5 is 1.

// A carry chain of WIDTH bits, CARRY4 behind CARRY4. carry: that out of the last bit.
module hwgen_carry #(parameter WIDTH = 4) (input [WIDTH-1:0] s, d, output [WIDTH-1:0] sum, output carry);
  localparam CHUNKS = (WIDTH + 3) / 4;
  wire [4*CHUNKS-1:0] propagate = s, generated = d; // with zeros above WIDTH
  wire [4*CHUNKS-1:0] total, out;
  genvar k;
  generate
    for (k = 0; k < CHUNKS; k = k + 1) begin : chunk
      wire lower;
      if (k == 0) assign lower = 1'b0;
      else assign lower = out[4*k-1];
      CARRY4 chain (.CI(lower), .CYINIT(1'b0), .DI(generated[4*k+:4]), .S(propagate[4*k+:4]),
        .O(total[4*k+:4]), .CO(out[4*k+:4]));
    end
  endgenerate
  assign sum = total[WIDTH-1:0];
  assign carry = out[WIDTH-1];
endmodule

// a + b + c, one LUT a bit: the LUT turns three bits into two, and the carry chain adds those. INVERT: bit 0 for ~a, 1 for
// ~b, 2 for ~c in its place, which changes the LUT's contents alone.
module hwgen_add3 #(parameter WIDTH = 4, parameter [2:0] INVERT = 0) (input [WIDTH-1:0] a, b, c, output [WIDTH+1:0] o);
  // The majority of three as a table of 8; inverting an input swaps the table's halves, or those of its halves.
  localparam [7:0] A = INVERT[0] ? 8'hd4 : 8'he8;
  localparam [7:0] B = INVERT[1] ? {A[5:4], A[7:6], A[1:0], A[3:2]} : A;
  localparam [7:0] MAJORITY = INVERT[2] ? {B[3:0], B[7:4]} : B;
  localparam [15:0] PARITY = ^INVERT ? 16'h9669 : 16'h6996;
  wire [WIDTH:0] s, k;
  assign k[0] = 1'b0;
  assign s[WIDTH] = k[WIDTH];
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : column
      LUT6_2 #(.INIT({{2{PARITY}}, {4{MAJORITY}}})) lut (.I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(k[i]), .I4(1'b0), .I5(1'b1),
        .O5(k[i+1]), .O6(s[i]));
    end
  endgenerate
  hwgen_carry #(.WIDTH(WIDTH + 1)) chain (.s(s), .d(k), .sum(o[WIDTH:0]), .carry(o[WIDTH+1]));
endmodule

// (a ^ s) + (b ^ t), the signs s and t for all bits alike.
module hwgen_add_signed #(parameter WIDTH = 4) (input [WIDTH-1:0] a, b, input s, t, output [WIDTH:0] o);
  wire [WIDTH-1:0] p, d;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : column
      LUT6_2 #(.INIT(64'h69966996_66666666)) lut (.I0(a[i]), .I1(s), .I2(b[i]), .I3(t), .I4(1'b0), .I5(1'b1),
        .O5(d[i]), .O6(p[i]));
    end
  endgenerate
  hwgen_carry #(.WIDTH(WIDTH)) chain (.s(p), .d(d), .sum(o[WIDTH-1:0]), .carry(o[WIDTH]));
endmodule

// (a & s) + (b & t), the gates s and t for all bits alike; with INVERT ~(a & s) + ~(b & t).
module hwgen_add_gated #(parameter WIDTH = 4, parameter INVERT = 0)
  (input [WIDTH-1:0] a, b, input s, t, output [WIDTH:0] o);
  localparam [63:0] TABLE = INVERT ? 64'h78887888_77777777 : 64'h78887888_88888888;
  wire [WIDTH-1:0] p, d;
  genvar i;
  generate
    for (i = 0; i < WIDTH; i = i + 1) begin : column
      LUT6_2 #(.INIT(TABLE)) lut (.I0(a[i]), .I1(s), .I2(b[i]), .I3(t), .I4(1'b0), .I5(1'b1), .O5(d[i]), .O6(p[i]));
    end
  endgenerate
  hwgen_carry #(.WIDTH(WIDTH)) chain (.s(p), .d(d), .sum(o[WIDTH-1:0]), .carry(o[WIDTH]));
endmodule

// s ? b : a, two bits a LUT.
module hwgen_mux2 #(parameter WIDTH = 2) (input [WIDTH-1:0] a, b, input s, output [WIDTH-1:0] o);
  genvar i;
  generate
    for (i = 0; i + 1 < WIDTH; i = i + 2) begin : pair
      LUT6_2 #(.INIT(64'hff00f0f0_ccccaaaa)) lut (
        .I0(a[i]), .I1(b[i]), .I2(a[i+1]), .I3(b[i+1]), .I4(s), .I5(1'b1), .O5(o[i]), .O6(o[i+1]));
    end
    if (WIDTH % 2) assign o[WIDTH-1] = s ? b[WIDTH-1] : a[WIDTH-1];
  endgenerate
endmodule

// A table of 32 words, two columns a LUT. TABLE: column i in bits 32·i to 32·i + 31.
module hwgen_rom32 #(parameter WIDTH = 2, parameter [32*WIDTH-1:0] TABLE = 0) (input [4:0] a, output [WIDTH-1:0] o);
  genvar i;
  generate
    for (i = 0; i + 1 < WIDTH; i = i + 2) begin : pair
      LUT6_2 #(.INIT(TABLE[32*i+:64])) lut (.I0(a[0]), .I1(a[1]), .I2(a[2]), .I3(a[3]), .I4(a[4]), .I5(1'b1),
        .O5(o[i]), .O6(o[i+1]));
    end
    if (WIDTH % 2) begin : last
      LUT6_2 #(.INIT({TABLE[32*WIDTH-1-:32], 32'b0})) lut (.I0(a[0]), .I1(a[1]), .I2(a[2]), .I3(a[3]), .I4(a[4]),
        .I5(1'b1), .O5(), .O6(o[WIDTH-1]));
    end
  endgenerate
endmodule

// (x & gate) ^ sign, gate and sign for all bits alike, two bits a LUT.
module hwgen_gate #(parameter WIDTH = 4) (input [WIDTH-1:0] x, input gate, sign, output [WIDTH-1:0] o);
  genvar i;
  generate
    for (i = 0; i + 1 < WIDTH; i = i + 2) begin : pair
      LUT6_2 #(.INIT(64'h3fc03fc0_5fa05fa0)) lut (.I0(x[i]), .I1(x[i+1]), .I2(gate), .I3(sign), .I4(1'b0), .I5(1'b1),
        .O5(o[i]), .O6(o[i+1]));
    end
    if (WIDTH % 2) assign o[WIDTH-1] = (x[WIDTH-1] & gate) ^ sign;
  endgenerate
endmodule

// p = a · b + (FIRST ? CONSTANT : pcin), three cycles after a and b: a DSP slice with all its registers (UG479).
module hwgen_multiply_add #(parameter FIRST = 1, parameter [47:0] CONSTANT = 0)
  (input clk, input [24:0] a, input [16:0] b, input [47:0] pcin, output [47:0] p, pcout);
  DSP48E1 #(
    .ACASCREG(1), .ADREG(1), .ALUMODEREG(0), .AREG(1), .AUTORESET_PATDET("NO_RESET"), .A_INPUT("DIRECT"),
    .BCASCREG(1), .BREG(1), .B_INPUT("DIRECT"), .CARRYINREG(0), .CARRYINSELREG(0), .CREG(0), .DREG(0), .INMODEREG(0),
    .MREG(1), .OPMODEREG(0), .PREG(1), .USE_DPORT("FALSE"), .USE_MULT("MULTIPLY"), .USE_SIMD("ONE48")
  ) slice (
    .CLK(clk), .A({{5{a[24]}}, a}), .B({1'b0, b}), .C(CONSTANT), .D(25'b0), .PCIN(pcin), .P(p), .PCOUT(pcout),
    .OPMODE(FIRST ? 7'b0110101 : 7'b0010101), .ALUMODE(4'b0000), .INMODE(5'b00000),
    .CARRYIN(1'b0), .CARRYINSEL(3'b000), .ACIN(30'b0), .BCIN(18'b0), .CARRYCASCIN(1'b0), .MULTSIGNIN(1'b0),
    .CEA1(1'b0), .CEA2(1'b1), .CEAD(1'b0), .CEALUMODE(1'b0), .CEB1(1'b0), .CEB2(1'b1), .CEC(1'b0), .CECARRYIN(1'b0),
    .CECTRL(1'b0), .CED(1'b0), .CEINMODE(1'b0), .CEM(1'b1), .CEP(1'b1),
    .RSTA(1'b0), .RSTALLCARRYIN(1'b0), .RSTALUMODE(1'b0), .RSTB(1'b0), .RSTC(1'b0), .RSTCTRL(1'b0), .RSTD(1'b0),
    .RSTINMODE(1'b0), .RSTM(1'b0), .RSTP(1'b0));
endmodule
