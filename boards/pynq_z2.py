"""TUL PYNQ-Z2: Zynq xc7z020, speed grade -1. Pins and clocks: its user manual."""

from hwgen.boards.board import Board
from hwgen.boards.chips import XC7Z020

BOARD = Board("pynq-z2", "TUL PYNQ-Z2", "xc7z020clg400-1", XC7Z020, 100.0, clock_pin="H16")
