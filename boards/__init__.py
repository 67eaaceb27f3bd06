"""The boards that hwgen can fold for; one file a board and its variants, one line here."""

from hwgen.boards import arty_a7, arty_z7, cora_z7, orangecrab, pynq_z2, ulx3s, zybo
from hwgen.boards.board import Board
from hwgen.errors import OptionError

BOARDS: dict[str, Board] = {
    board.name: board
    for board in (
        *(zybo.Z7_10, zybo.Z7_20, zybo.FIRST),
        pynq_z2.BOARD,
        *(arty_z7.Z7_10, arty_z7.Z7_20),
        *(cora_z7.Z7_07S, cora_z7.Z7_10),
        *(arty_a7.A7_35T, arty_a7.A7_100T),
        *(ulx3s.BOARD, orangecrab.BOARD),
    )
}


def find(name: str) -> Board:
    """The board of that name; OptionError lists those that there are."""
    if name not in BOARDS:
        raise OptionError(f"unknown board {name!r}; choose one of: {', '.join(BOARDS)}")
    return BOARDS[name]


def clock(board: Board, clock_mhz: float | None) -> float:
    """The clock to report for, in MHz: the board's own where none is given. OptionError where it makes no sense."""
    chosen = board.clock_mhz if clock_mhz is None else float(clock_mhz)
    if not 0 < chosen < 10_000:
        raise OptionError(f"clock must be between 0 and 10000 MHz, not {chosen:g}")
    return chosen
