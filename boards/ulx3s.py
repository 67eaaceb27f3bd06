"""Radiona ULX3S with an ECP5 of 84k LUT4, speed grade 6, and a USB serial port."""

from hwgen.boards.board import UART, Board
from hwgen.boards.chips import LFE5U_85F

BOARD = Board(
    "ulx3s-85f",
    "Radiona ULX3S 85F",
    "LFE5U-85F-6BG381C",
    LFE5U_85F,
    50.0,
    family="ecp5",
    oscillator_mhz=25.0,
    platform="amaranth_boards.ulx3s:ULX3S_85F_Platform",
    shell=UART,
)
