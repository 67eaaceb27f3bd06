"""Digilent Zybo Z7-10, Zybo Z7-20 and the first Zybo: Zynq, speed grade -1. Pins and clocks: Digilent's manuals and XDC files."""

from hwgen.boards.board import Board
from hwgen.boards.chips import XC7Z010, XC7Z020

Z7_10 = Board("zybo", "Digilent Zybo Z7-10", "xc7z010clg400-1", XC7Z010, 150.0, clock_pin="K17")
Z7_20 = Board("zybo-z7-20", "Digilent Zybo Z7-20", "xc7z020clg400-1", XC7Z020, 150.0, clock_pin="K17")
FIRST = Board("zybo-1", "Digilent Zybo (the first)", "xc7z010clg400-1", XC7Z010, 150.0, clock_pin="L16")
