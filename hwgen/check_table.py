"""`--check` on the terminal: the table, then every problem with what to change. No solver is imported: it is quick."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hwgen import boards
from hwgen.checking import Check, Row, check
from hwgen.errors import ModelError, OptionError
from hwgen.output import OutputFolder, check_ours
from hwgen.quantize.inputs import parse_options

FILE = "check.json"
NARROW = 105  # columns of a terminal, below which the table leaves out what can be guessed


def run(options: argparse.Namespace, model: Path) -> int:
    """Prints what `check` found, and writes it as JSON where there is an output folder. Returns the exit code."""
    given = [
        name for name in ("fps", "interval", "pareto", "simulate", "synthesize", "place") if getattr(options, name)
    ]
    if given:
        raise OptionError(f"--check builds nothing: leave --{given[0]} away, or leave away --check")
    boards.find(options.board)
    if options.output:
        check_ours(Path(options.output))
    found = check(model, weights=options.weights, input_type=parse_options(options.input_type))
    console = Console(quiet=options.quiet, soft_wrap=False)
    console.print(table(found, narrow=console.width < NARROW))
    for line in lines(found):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if options.output:
        with OutputFolder(Path(options.output)) as folder:
            (folder.path / FILE).write_text(json.dumps(found.as_dict(), indent=2) + "\n", encoding="utf-8")
            folder.commit()
    return 0 if found.exact else ModelError.exit_code


def table(found: Check, narrow: bool = False) -> Table:
    """One row a layer. narrow: without its class, its shape and the type of its input."""
    result = Table(
        title=escape(found.model), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    columns: dict[str, Callable[[Row], str]] = {
        "layer": lambda row: row.layer,
        "class": lambda row: row.kind,
        "shape": lambda row: "" if row.shape is None else "×".join(map(str, row.shape)),
        "in": lambda row: row.input,
        "weights": lambda row: row.weights,
        "sum": lambda row: row.sum,
        "out": lambda row: row.output,
        "hardware": lambda row: row.hardware,
        "exact": _exact,
    }
    if narrow:
        columns = {heading: cell for heading, cell in columns.items() if heading not in ("class", "shape", "in")}
    for heading in columns:
        result.add_column(heading, overflow="fold")
    for row in found.rows:
        style = {True: None, None: "dim", False: "bold"}[row.exact]
        result.add_row(*(escape(cell(row)) for cell in columns.values()), style=style)
    return result


def _exact(row: Row) -> str:
    if row.exact is None:
        return f"hangs on {row.because}"
    return ("yes, QKeras rounds" if row.rounds else "yes") if row.exact else "no"


def lines(found: Check) -> list[str]:
    """What stands under the table."""
    result = [f"{number}. {problem}" for number, problem in enumerate(found.problems, 1)]
    if any(row.exact is None for row in found.rows):
        result.append("Types behind a refused layer are those for a guess in its place.")
    if any(row.exact and row.rounds for row in found.rows):
        result.append("QKeras rounds: its float32 doesn't hold each value there; hardware computes the exact ones.")
    if found.exact:
        result.append("exact: every layer becomes hardware that computes the same integers")
    else:
        result.append(f"not exact yet: problems to mend: {len(found.problems)}")
    return result
