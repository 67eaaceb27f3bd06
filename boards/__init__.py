"""The boards that hwgen can fold for; one file a board, one line here."""

from hwgen.boards import pynq_z2, zybo
from hwgen.boards.board import Board
from hwgen.errors import OptionError

BOARDS: dict[str, Board] = {board.name: board for board in (zybo.BOARD, pynq_z2.BOARD)}


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
