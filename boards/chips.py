"""What the chips have, all of it, as their makers say.

Zynq-7000: Xilinx DS190 (LUTs, flip-flops, block RAM, DSP); which LUTs can be memory, Vivado's utilization report. Artix-7:
DS180, and UG474 for slices of each kind. CARRY4: one a slice of four LUTs. ECP5: Lattice FPGA-DS-02012, table 1.1: LUT4s, as
many flip-flops, EBR of 18 Kb (half a `bram36`), multipliers of 18×18; a distributed RAM of 16×4 takes six LUT4s; carry
chains are made of LUTs, a CCU2C being half a `carry4`.
"""

from hwgen.layers.block import Resources

XC7Z007S = Resources(lut=14_400, lutram=6_000, ff=28_800, bram36=50, dsp=66, carry4=3_600)
XC7Z010 = Resources(lut=17_600, lutram=6_000, ff=35_200, bram36=60, dsp=80, carry4=4_400)
XC7Z020 = Resources(lut=53_200, lutram=17_400, ff=106_400, bram36=140, dsp=220, carry4=13_300)
XC7A35T = Resources(lut=20_800, lutram=6_400, ff=41_600, bram36=50, dsp=90, carry4=5_200)
XC7A100T = Resources(lut=63_400, lutram=19_000, ff=126_800, bram36=135, dsp=240, carry4=15_850)
LFE5U_25F = Resources(lut=24_288, lutram=18_216, ff=24_288, bram36=28, dsp=28, carry4=6_072)
LFE5U_85F = Resources(lut=83_640, lutram=62_730, ff=83_640, bram36=104, dsp=156, carry4=20_910)
