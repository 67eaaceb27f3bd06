"""TUL PYNQ-Z2: Zynq xc7z020, speed grade -1. Figures: Xilinx DS190, Zynq-7000 overview."""

from hwgen.boards.board import Board
from hwgen.layers.block import Resources

BOARD = Board(
    name="pynq-z2",
    title="TUL PYNQ-Z2",
    part="xc7z020clg400-1",
    resources=Resources(lut=53_200, lutram=17_400, ff=106_400, bram36=140, dsp=220, carry4=13_300),
    clock_mhz=100.0,
    clock_pin="H16",
)
