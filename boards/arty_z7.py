"""Digilent Arty Z7-10 and Z7-20: Zynq, speed grade -1. Both have the same board, of which amaranth-boards has the Z7-20."""

from hwgen.boards.board import Board
from hwgen.boards.chips import XC7Z010, XC7Z020

PLATFORM = "amaranth_boards.arty_z7:ArtyZ720Platform"
Z7_10 = Board("arty-z7-10", "Digilent Arty Z7-10", "xc7z010clg400-1", XC7Z010, 150.0, platform=PLATFORM)
Z7_20 = Board("arty-z7-20", "Digilent Arty Z7-20", "xc7z020clg400-1", XC7Z020, 150.0, platform=PLATFORM)
