"""Digilent Zybo Z7-10: Zynq xc7z010, speed grade -1. Figures: Xilinx DS190, Zynq-7000 overview."""

from hwgen.boards.board import Board
from hwgen.layers.block import Resources

BOARD = Board(
    name="zybo",
    title="Digilent Zybo Z7-10",
    part="xc7z010clg400-1",
    resources=Resources(lut=17_600, lutram=6_000, ff=35_200, bram36=60, dsp=80, carry4=4_400),
    clock_mhz=150.0,
    clock_pin="K17",
)
