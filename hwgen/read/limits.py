"""How large a model's description may be. Far beyond every real network, and checked before memory is taken."""

from __future__ import annotations

from hwgen.errors import ModelError

MAX_TEXT = 2**26  # bytes of a description
MAX_VALUES = 2**20  # values in it; a network of a thousand layers has about 200,000
MAX_LAYERS = 4096
MAX_FRAME = 2**24  # values of a tensor in a frame

_SMALLER = "that is no network for an FPGA: use a smaller one"


def check_text(text: str | bytes, what: str) -> None:
    """Raises ModelError about `what` where a JSON text is absurd. Parsed, a value takes up to a hundred bytes."""
    marks = (b",", b"[", b"{") if isinstance(text, bytes) else (",", "[", "{")
    if len(text) > MAX_TEXT or sum(map(text.count, marks)) > MAX_VALUES:
        raise ModelError(f"{what} describes more than {MAX_VALUES:,} values", change=_SMALLER)


def check_layers(count: int) -> None:
    """Raises ModelError where a network has too many layers, each counted as often as it is called."""
    if count > MAX_LAYERS:
        raise ModelError(f"layers are called more than {MAX_LAYERS:,} times", change=_SMALLER)
