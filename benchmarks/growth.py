"""How rate and cost grow with the width of the reference network: a table, and a plot."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import hwgen
from benchmarks.steps import Steps
from benchmarks.tables import markdown
from benchmarks.targets import number
from benchmarks.wafer import WaferModel
from hwgen.boards import BOARDS
from hwgen.errors import DoesNotFit, ToolMissing

FACTORS = (0.5, 1.0, 2.0)
# The first board of each chip of the reference's family.
CHIPS = {b.resources: b.name for b in reversed(BOARDS.values()) if b.family == BOARDS["zybo"].family}
SMALLEST_FIRST = sorted(CHIPS.values(), key=lambda name: BOARDS[name].resources.lut)


@dataclass(frozen=True)
class Point:
    """A network on a board: interval in cycles and LUTs, estimated; or why it doesn't fit."""

    width: float
    parameters: int
    board: str
    interval: int | None = None
    lut: float | None = None
    bottleneck: str = ""
    refusal: str = ""


def measure(model: WaferModel) -> list[Point]:
    """The highest rate on the smallest board that takes the network, behind the refusals of all that are smaller."""
    points = []
    for board in SMALLEST_FIRST:
        steps = Steps(f"width ×{model.width:g} on {board}")
        try:
            design = steps.run("compile", lambda: hwgen.compile(model.path, board))  # noqa: B023, run at once
        except DoesNotFit as error:
            points.append(Point(model.width, model.parameters, board, refusal=str(error)))
            continue
        timing = design.compiled.timing
        lut = design.compiled.cost.lut
        points.append(Point(model.width, model.parameters, board, timing.interval, lut, timing.bottleneck))
        break
    return points


def table(points: list[Point]) -> str:
    rows = []
    for point in points:
        row = [f"×{point.width:g}", number(point.parameters), BOARDS[point.board].title]
        if point.interval is None:
            rows.append([*row, "", "", "", "", point.refusal])
            continue
        rate = BOARDS[point.board].clock_mhz * 1e6 / point.interval
        numbers = [number(point.interval), number(round(rate)), number(round(point.lut))]
        rows.append([*row, *numbers, f"{100 * point.lut / BOARDS[point.board].resources.lut:.0f} %", point.bottleneck])
    heading = [
        "width",
        "parameters",
        "board",
        "interval",
        "frames/s",
        "LUT",
        "of the board",
        "slowest block, or why not",
    ]
    return markdown(heading, rows)


def need_matplotlib() -> None:
    """Raises ToolMissing where no plot can be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ToolMissing("matplotlib is not installed; the plot is drawn by it: pip install '.[bench]'")


def plot(points: list[Point], file: Path) -> None:
    """Interval and LUTs over the width, as SVG: the same points give the same file. Raises ToolMissing."""
    need_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    fitting = [point for point in points if point.interval is not None]
    widths = sorted({point.width for point in fitting})
    with matplotlib.rc_context({"svg.hashsalt": "hwgen", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8, 3), layout="constrained")
        for axes, name, label in zip(
            figure.subplots(1, 2), ("interval", "lut"), ("interval, cycles a frame", "LUT, estimated")
        ):
            for board in sorted({point.board for point in fitting}, key=lambda name: BOARDS[name].resources.lut):
                mine = [point for point in fitting if point.board == board]
                values = [getattr(point, name) for point in mine]
                axes.plot([point.width for point in mine], values, "o-", label=BOARDS[board].title)
            axes.set_xscale("log", base=2)
            axes.set_xticks(widths, [f"×{width:g}" for width in widths], minor=False)
            axes.set_xlabel("width of the network")
            axes.set_ylabel(label)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
            axes.grid(alpha=0.3)
            axes.legend(loc="lower right")
        figure.savefig(file, format="svg", metadata={"Date": None})
