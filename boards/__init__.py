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
