"""Markdown as the benchmarks print it, and where it goes in the documents."""

from __future__ import annotations

from pathlib import Path

from hwgen.errors import OutputError

NOT_RUN = "not run"


def markdown(heading: list[str], rows: list[list[str]]) -> str:
    """A table; columns of numbers are set flush right."""
    columns = list(zip(*rows))
    numbers = [all(cell in ("", NOT_RUN) or cell[0].isdigit() for cell in column) for column in columns]
    lines = [heading, ["---:" if right else "---" for right in numbers], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markers(name: str) -> tuple[str, str]:
    """The lines in a document between which a benchmark's text stands."""
    return f"<!-- {name}: begin; written by it -->", f"<!-- {name}: end -->"


def split(file: Path, name: str) -> tuple[str, str]:
    """A document up to and with its first marker, and from its last one on. Raises OutputError where they aren't there."""
    begin, end = markers(name)
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise OutputError(
            f"{file.name} must hold the lines {begin!r} and {end!r}, once each; put them where the text goes"
        )
    before, rest = text.split(begin)
    return before + begin, end + rest.split(end)[1]


def insert(file: Path, name: str, text: str) -> None:
    """Puts text in the place of what stands between a document's markers. Raises OutputError."""
    before, after = split(file, name)
    file.write_text(f"{before}\n\n{text.strip()}\n\n{after}", encoding="utf-8")
