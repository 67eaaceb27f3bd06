// Behaviour of the primitives of Xilinx 7 series that hwgen places by hand, for simulation (Xilinx UG953).

module LUT6_2 #(parameter [63:0] INIT = 0) (output O6, O5, input I0, I1, I2, I3, I4, I5);
  assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

module CARRY4 (output [3:0] CO, O, input CI, CYINIT, input [3:0] DI, S);
  wire first = CI | CYINIT;
  assign O = S ^ {CO[2:0], first};
  assign CO[0] = S[0] ? first : DI[0];
  assign CO[1] = S[1] ? CO[0] : DI[1];
  assign CO[2] = S[2] ? CO[1] : DI[2];
  assign CO[3] = S[3] ? CO[2] : DI[3];
endmodule

// The part of it that hwgen uses: A · B + C or PCIN, registers on A, B, the product and the sum, nothing else.
module DSP48E1 #(
  parameter ACASCREG = 1, ADREG = 1, ALUMODEREG = 1, AREG = 1, BCASCREG = 1, BREG = 1, CARRYINREG = 1,
  CARRYINSELREG = 1, CREG = 1, DREG = 1, INMODEREG = 1, MREG = 1, OPMODEREG = 1, PREG = 1,
  AUTORESET_PATDET = "NO_RESET", A_INPUT = "DIRECT", B_INPUT = "DIRECT", USE_DPORT = "FALSE", USE_MULT = "MULTIPLY",
  USE_SIMD = "ONE48"
) (
  input CLK, input signed [29:0] A, input signed [17:0] B, input [47:0] C, PCIN, input [24:0] D,
  output [47:0] P, PCOUT, input [6:0] OPMODE, input [3:0] ALUMODE, input [4:0] INMODE, input [2:0] CARRYINSEL,
  input [29:0] ACIN, input [17:0] BCIN, input CARRYIN, CARRYCASCIN, MULTSIGNIN, CEA1, CEA2, CEAD, CEALUMODE, CEB1, CEB2,
  CEC, CECARRYIN, CECTRL, CED, CEINMODE, CEM, CEP, RSTA, RSTALLCARRYIN, RSTALUMODE, RSTB, RSTC, RSTCTRL, RSTD,
  RSTINMODE, RSTM, RSTP
);
  reg signed [24:0] a = 0;
  reg signed [17:0] b = 0;
  reg signed [42:0] product = 0;
  reg [47:0] sum = 0;
  wire known = OPMODE == 7'b0110101 | OPMODE == 7'b0010101;
  always @(posedge CLK) begin
    a <= A[24:0];
    b <= B;
    product <= a * b;
    sum <= {{5{product[42]}}, product} + (OPMODE[5] ? C : PCIN);
    if (!known | ALUMODE != 0 | INMODE != 0) begin
      $display("DSP48E1: a mode that this model does not have");
      $finish;
    end
  end
  assign P = sum, PCOUT = sum;
endmodule
