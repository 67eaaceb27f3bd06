"""Rate against resources: what a network costs on a board at rates from the slowest folding to beyond what fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hwgen import boards
from hwgen.compiler import cost, planned, sized
from hwgen.errors import DoesNotFit
from hwgen.graph import Graph
from hwgen.output import OutputFolder
from hwgen.passes.buffer import buffer
from hwgen.passes.fold import Folder
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import timing
from hwgen.plot import Limit, Line, svg
from hwgen.quantize import InputType, quantize
from hwgen.read import read
from hwgen.report import KINDS, resources
from hwgen.summary import SHOWN

POINTS = 10  # rates that are tried
BEYOND = 4  # so many times the rate that fits is the highest that is tried
BELOW = 64  # and a so many times lower one the lowest
HIGHEST = 2.0  # boards' worth of a resource that the plot shows at most
TITLES = {"lut": "LUT", "ff": "FF", "bram36": "BRAM", "dsp": "DSP"}


@dataclass(frozen=True)
class Point:
    """A folding: estimated cycles, rate at the board's clock, estimated resources, FIFOs included.

    fits: "yes", within the board's budget; "tight", within the board, but not its margin; "no".
    """

    interval_cycles: int
    latency_cycles: int
    frames_per_second: float
    resources: dict[str, float]
    fits: str
    bottleneck: str


@dataclass(frozen=True)
class Pareto:
    """The points of a model on a board, fastest first; none is beaten by another in rate and in every resource."""

    model: str
    board: boards.Board
    clock_mhz: float
    points: tuple[Point, ...]

    def report(self) -> dict:
        """As in pareto.json."""
        return {
            "model": self.model,
            "board": self.board.name,
            "part": self.board.part,
            "clock_mhz": self.clock_mhz,
            "resources": {
                "board": resources(self.board.resources),
                "budget": resources(self.board.estimate(self.board.budget)),
            },
            "points": [asdict(point) for point in self.points],
        }

    def svg(self) -> str:
        """The plot: shares of the board over frames a second."""
        whole = resources(self.board.resources)
        shares = {kind: [100 * point.resources[kind] / whole[kind] for point in self.points] for kind in SHOWN}
        rates = [point.frames_per_second for point in self.points]
        lines = [Line(TITLES[kind], list(zip(rates, values))) for kind, values in shares.items()]
        most = min(100 * HIGHEST, max(110.0, *(1.05 * value for values in shares.values() for value in values)))
        margin = 100 * self.board.margin
        limits = [Limit(f"{self.board.name}: all of it", 100), Limit("LUT, FF: with margin", margin, dashed=True)]
        rate = f"frames a second at {self.clock_mhz:g} MHz, estimated"
        return svg(f"{self.model} on {self.board.title}", rate, "% of the board", lines, limits, most)

    def table(self):
        """A rich table: one row a point."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        title = f"{self.model} on {self.board.name} ({self.board.part}), estimated, {self.clock_mhz:g} MHz"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for heading in ("cycles", "frames/s", "latency", *(TITLES[kind] for kind in SHOWN)):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("fits", no_wrap=True)
        table.add_column("slowest block", overflow="fold")
        for point in self.points:
            numbers = (point.interval_cycles, point.frames_per_second, point.latency_cycles)
            used = [f"{point.resources[kind]:,g}" for kind in SHOWN]
            table.add_row(*(f"{number:,.0f}" for number in numbers), *used, point.fits, point.bottleneck)
        return table

    def write(self, folder: str | Path) -> Path:
        """Writes pareto.json and pareto.svg; the folder appears whole or not at all. Raises OutputError."""
        with OutputFolder(Path(folder)) as output:
            (output.path / "pareto.json").write_text(json.dumps(self.report(), indent=2) + "\n", encoding="utf-8")
            (output.path / "pareto.svg").write_text(self.svg(), encoding="utf-8")
            return output.commit()


def pareto(
    model,
    board: str = "zybo",
    *,
    weights: str | Path | None = None,
    input_type: InputType = None,
    clock_mhz: float | None = None,
    progress: Callable[..., None] = lambda stage, fraction=None: None,
) -> Pareto:
    """Rate against resources for a model on a board. Arguments and errors as of `hwgen.compile`.

    A network that doesn't fit the board at any rate has points all the same.
    """
    target = boards.find(board)
    clock = boards.clock(target, clock_mhz)
    progress("reading the model")
    integer = quantize(read(model, weights), input_type)
    progress("folding")
    folder = Folder(lower(integer), target.budget, shown=target.estimate)
    try:
        graphs = [sized(folder, target, None)]
        fitting = timing(fork(graphs[0])).interval
    except DoesNotFit:
        graphs, fitting = [], None
    points = []
    chosen = _intervals(folder.intervals(), fitting)
    for k, interval in enumerate(chosen):
        progress("folding", k / len(chosen))
        graphs.append(planned(folder, target, interval).graph)
    for k, graph in enumerate(graphs):
        progress("sizing FIFOs", k / len(graphs))
        points.append(_point(buffer(fork(graph)), target, clock))
    name = Path(model).stem if isinstance(model, (str, Path)) else integer.name
    return Pareto(name, target, clock, _unbeaten(points))


def _intervals(choices: list[int], fitting: int | None) -> list[int]:
    """Of all intervals there are, some that lie evenly on a logarithmic scale around the one that fits."""
    middle = choices[-1] if fitting is None else fitting
    low, high = max(choices[0], middle / BEYOND), min(choices[-1], middle * BELOW)
    wanted = np.geomspace(low, max(low, high), POINTS)
    return sorted({max(choice for choice in choices if choice <= value + 1e-6) for value in wanted} - {fitting})


def _point(hardware: Graph, board: boards.Board, clock_mhz: float) -> Point:
    time, total = timing(hardware), cost(hardware)
    within = [all(getattr(total, k) <= getattr(limit, k) for k in KINDS) for limit in (board.budget, board.available)]
    fits = "yes" if within[0] else "tight" if within[1] else "no"
    rate = round(clock_mhz * 1e6 / time.interval, 1)
    return Point(time.interval, time.latency, rate, resources(board.estimate(total)), fits, time.bottleneck)


def _unbeaten(points: list[Point]) -> tuple[Point, ...]:
    """Fastest first, without points that another one is at least as good as in rate and in every resource."""
    ordered = sorted(points, key=lambda point: (point.interval_cycles, sum(point.resources.values())))
    kept: list[Point] = []
    for point in ordered:
        if not any(all(other.resources[k] <= point.resources[k] for k in SHOWN) for other in kept):
            kept.append(point)
    return tuple(kept)
