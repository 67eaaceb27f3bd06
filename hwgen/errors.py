"""Every error that a user can meet, each with the exit code that the command line gives it.

An error is one line: what is wrong, where, and what to change. Nothing in hwgen catches one of these to go on.
"""

LONGEST = 350  # characters of a part of a message


class HwgenError(Exception):
    """Base of all errors that are the user's to mend. `exit_code` is what `python -m hwgen` exits with."""

    exit_code = 2


class ModelError(HwgenError):
    """The model can't be read or can't become exact hardware. Names the layer where there is one."""

    def __init__(self, reason: str, *, layer: str | None = None, change: str | None = None):
        self.reason, self.layer, self.change = _line(reason), layer, None if change is None else _line(change)
        where = f"layer {_line(repr(layer))}: " if layer else ""
        super().__init__(f"{where}{self.reason}" + (f"; {self.change}" if change else ""))


def _line(text: str) -> str:
    """A message may quote the model: as one line of moderate length, without codes that a terminal would obey."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: LONGEST + 1])
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


class OptionError(HwgenError):
    """A command-line option or argument that makes no sense (unknown board, bad input type, ...)."""


class FrameError(HwgenError):
    """Frames of the wrong shape or type, or with values that the input type can't represent."""


class OutputError(HwgenError):
    """The output folder isn't ours to replace, or can't be written."""


class DifferenceError(HwgenError):
    """Hardware and integer model differ: names the first difference."""

    exit_code = 1


class DoesNotFit(HwgenError):
    """The network doesn't fit the board, or can't reach the rate that was asked for."""

    exit_code = 3


class ToolMissing(HwgenError):
    """An external tool isn't installed: says which, and how to get it."""

    exit_code = 4


class ToolFailed(HwgenError):
    """An external tool ended with an error: shows the end of its output."""

    exit_code = 5
