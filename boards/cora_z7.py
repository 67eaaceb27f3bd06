"""Digilent Cora Z7-07S and Z7-10: Zynq, speed grade -1."""

from hwgen.boards.board import Board
from hwgen.boards.chips import XC7Z007S, XC7Z010
from hwgen.boards.families import OPEN

MODULE = "amaranth_boards.cora_z7"
Z7_07S = Board(
    "cora-z7-07s",
    "Digilent Cora Z7-07S",
    "xc7z007sclg400-1",
    XC7Z007S,
    150.0,
    platform=f"{MODULE}:CoraZ7_07SPlatform",
    unknown_to=(OPEN,),
)
Z7_10 = Board(
    "cora-z7-10",
    "Digilent Cora Z7-10",
    "xc7z010clg400-1",
    XC7Z010,
    150.0,
    platform=f"{MODULE}:CoraZ7_10Platform",
)
