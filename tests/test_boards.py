"""The boards: what each says of itself, held against amaranth-boards and nextpnr's own tables."""

import importlib
import re

import pytest

from hwgen.__main__ import main
from hwgen.boards import BOARDS
from hwgen.boards.board import UART
from hwgen.boards.pins import Pin, pins
from hwgen.layers.block import Resources

ALL = sorted(BOARDS)
WITH_PLATFORM = [name for name in ALL if BOARDS[name].platform]


@pytest.mark.parametrize("name", ALL)
def test_a_board_is_complete(name):
    board = BOARDS[name]
    assert board.name == name and re.fullmatch(r"[a-z0-9-]+", name)
    assert all(value > 0 for value in vars(board.resources).values())
    assert board.resources.lutram < board.resources.lut
    assert board.family == ("ecp5" if board.part.startswith("LFE5U") else "xc7")
    assert (board.shell == "zynq") == board.part.startswith("xc7z")
    found = pins(board)
    assert set(found) == ({"clk", "rx", "tx"} if board.shell == UART else {"clk"})
    assert len({pin.site for pin in found.values()}) == len(found)


@pytest.mark.parametrize("name", WITH_PLATFORM)
def test_part_and_oscillator_are_those_of_amaranth_boards(name):
    board = BOARDS[name]
    module, kind = board.platform.split(":")
    platform = getattr(importlib.import_module(module), kind)
    if name != "arty-z7-10":  # it has the Z7-20's board under another chip
        part = f"{platform.device}-{platform.speed}{platform.package}"
        part = part if board.family == "ecp5" else f"{platform.device}{platform.package}-{platform.speed}"
        # The 100T is sold as a plain -1 too, whose timing is the same.
        assert board.part.rstrip("C") == part.replace("xc7a100ticsg324-1L", "xc7a100tcsg324-1").rstrip("C")
    clock = next(one for one in platform.resources if (one.name, one.number) == (platform.default_clk, 0))
    assert board.oscillator_mhz == clock.clock.frequency / 1e6


def test_pins_where_other_people_found_them():
    """Of published constraint files: ucb-bar/fpga-zynq for the first Zybo, Digilent's master files for the others."""
    expected = {"zybo": "K17", "zybo-z7-20": "K17", "zybo-1": "L16", "pynq-z2": "H16", "arty-z7-10": "H16"}
    expected |= {"arty-z7-20": "H16", "cora-z7-07s": "H16", "cora-z7-10": "H16", "arty-a7-35t": "E3"}
    for name, site in expected.items():
        assert pins(BOARDS[name])["clk"] == Pin(site)
    assert [pins(BOARDS["ulx3s-85f"])[port].site for port in ("clk", "rx", "tx")] == ["G2", "M1", "L4"]
    assert [pins(BOARDS["arty-a7-35t"])[port].site for port in ("rx", "tx")] == ["A9", "D10"]
    assert [pins(BOARDS["orangecrab-25f"])[port].site for port in ("clk", "rx", "tx")] == ["A9", "N17", "M18"]


def test_costs_are_those_of_xilinx_7_series_and_converted_for_others():
    cost = Resources(lut=1_000, lutram=100, ff=2_000, bram36=2.5, dsp=3, carry4=50)
    assert BOARDS["zybo"].estimate(cost) == cost
    assert BOARDS["zybo"].available == BOARDS["zybo"].resources
    crab = BOARDS["orangecrab-25f"]
    converted = crab.estimate(cost)
    assert converted.lut > 2 * cost.lut and converted.bram36 == cost.bram36
    back = crab.kind.room(converted)
    assert vars(back) == pytest.approx(vars(cost))
    assert crab.budget.lut == pytest.approx(0.8 * crab.resources.lut / crab.kind.factors.lut)


def test_list_boards_in_any_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["--list-boards"]) == 0
    printed = capsys.readouterr().out
    for board in BOARDS.values():
        (line,) = [line for line in printed.splitlines() if line.split()[:1] == [board.name]]
        for text in (board.title, board.part, f"{board.resources.lut:,}", board.kind.lut, board.shell):
            assert text in line
        assert line.rstrip().endswith(", ".join(board.toolchains) or board.shell)
