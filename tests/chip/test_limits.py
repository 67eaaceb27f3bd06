"""What the open tools can place on 7 series is what the network is folded for."""

import re
from pathlib import Path

import pytest

import hwgen
from hwgen import summary
from hwgen.boards import BOARDS
from hwgen.chip import limits
from hwgen.errors import DoesNotFit

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits/digits.h5"


def test_the_ceiling_is_below_what_was_placed():
    board = BOARDS["zybo"]
    open_board = limits.placeable(board, "open")
    assert open_board.budget.dsp == open_board.available.dsp == 0
    # Of 4,400: with the shell's, in CARRY4 as nextpnr makes them, no more than 40 %; a design with 1,731 was placed.
    assert (
        (open_board.available.carry4 + limits.SHELL) * 1.4
        <= 1760
        < 1.1 * (open_board.available.carry4 + limits.SHELL) * 1.4
    )
    assert open_board.budget.lut == board.budget.lut and open_board.available.bram36 == board.available.bram36
    for other in (limits.placeable(board, "vivado"), limits.placeable(board, None)):
        assert other == board
    assert limits.placeable(BOARDS["ulx3s-85f"], "open") == BOARDS["ulx3s-85f"]


def test_a_network_is_folded_under_it_and_the_report_says_so(monkeypatch):
    free, held = (hwgen.compile(DIGITS, "zybo", toolchain=toolchain) for toolchain in (None, "open"))
    assert held.compiled.cost.carry4 <= held.board.budget.carry4 and held.compiled.cost.dsp == 0
    assert "limits" not in free.report()
    report = held.report()
    assert report["limits"] == {"dsp": {"network": 0, "chip": 80}, "carry4": {"network": 1107, "chip": 4400}}
    assert (
        "limits of --toolchain open: no DSP slices, 1,107 of 4,400 carry chains (CARRY4) for the network"
        in summary.lines(report)
    )
    assert report["resources"]["board"]["dsp"] == 80  # the chip is what it is
    monkeypatch.setattr(limits, "PLACED", 0.1)
    slower = hwgen.compile(DIGITS, "zybo", toolchain="open")
    assert slower.compiled.cost.carry4 <= slower.board.budget.carry4 < held.compiled.cost.carry4
    with pytest.raises(
        DoesNotFit, match=r"784 cycles a frame would take \d+ carry4, zybo has 164 for this toolchain"
    ) as error:
        hwgen.compile(DIGITS, "zybo", toolchain="open", interval=784)
    nearest = int(re.search(r"fits is about ([\d,]+) cycles", str(error.value))[1].replace(",", ""))
    assert nearest == slower.compiled.timing.interval
