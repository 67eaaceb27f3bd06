"""OrangeCrab r0.2 with an ECP5 of 24k LUT4, speed grade 8. Its USB is the FPGA's own: the serial line is at pins 0 (into the
FPGA) and 1 of the header, for a USB serial adapter of 3.3 V."""

from hwgen.boards.board import UART, Board
from hwgen.boards.chips import LFE5U_25F

BOARD = Board(
    "orangecrab-25f",
    "OrangeCrab r0.2 25F",
    "LFE5U-25F-8MG285C",
    LFE5U_25F,
    48.0,
    family="ecp5",
    oscillator_mhz=48.0,
    platform="amaranth_boards.orangecrab_r0_2:OrangeCrabR0_2_25FPlatform",
    serial=("io_0:0", "io_0:1"),
    shell=UART,
    pack_options=("--freq", "38.8"),  # MHz at which the chip reads its flash, as the board's own examples have it
)
