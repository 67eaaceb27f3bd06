"""Digilent Arty A7-35T and A7-100T: Artix-7 with a USB serial port. Parts: as the chips are marked."""

from hwgen.boards.board import UART, Board
from hwgen.boards.chips import XC7A35T, XC7A100T

MODULE = "amaranth_boards.arty_a7"
A7_35T = Board(
    "arty-a7-35t",
    "Digilent Arty A7-35T",
    "xc7a35ticsg324-1L",
    XC7A35T,
    100.0,
    oscillator_mhz=100.0,
    platform=f"{MODULE}:ArtyA7_35Platform",
    shell=UART,
)
A7_100T = Board(
    "arty-a7-100t",
    "Digilent Arty A7-100T",
    "xc7a100tcsg324-1",
    XC7A100T,
    100.0,
    oscillator_mhz=100.0,
    platform=f"{MODULE}:ArtyA7_100Platform",
    shell=UART,
)
