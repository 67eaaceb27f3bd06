"""Where the cycles and the resources of a design go, layer by layer: estimated, and synthesized where that was run."""

from __future__ import annotations

import hwgen
from benchmarks.tables import markdown
from benchmarks.targets import RESOURCES, number
from hwgen.errors import DoesNotFit
from hwgen.layers.block import Resources
from hwgen.report import by_layer, total


def _shown(kind: str, *costs: Resources) -> str:
    """estimated / synthesized; block RAM in halves, all else whole."""
    values = (getattr(cost, kind) for cost in costs)
    return " / ".join(number(round(value * 2) / 2 if kind == "bram36" else round(value)) for value in values)


def table(design, wanted: dict[str, float] | None = None) -> str:
    """One row a layer that has hardware, and the whole.

    wanted: layer -> estimated LUTs at the interval that was asked for and isn't reached; a column more.
    """
    hardware, made = design.compiled.hardware, design.synthesized
    rows = []

    def row(name: str, folding: str, interval: int, costs: list[Resources], lut: float) -> None:
        cells = [name, folding, number(interval), *(_shown(kind, *costs) for kind in RESOURCES)]
        rows.append(cells if wanted is None else [*cells, number(round(lut))])

    wanted_of = wanted or {}
    for entry, (name, nodes) in zip(design.report()["layers"], by_layer(hardware).items()):
        costs = [total(nodes)]
        if made is not None:
            blocks = [made.blocks.get(design.compiled.emitted.instances[node.name], Resources()) for node in nodes]
            costs.append(sum(blocks, Resources()))
        if any(cost != Resources() for cost in costs):
            row(name, entry["folding"], entry["interval_cycles"]["estimated"], costs, wanted_of.get(name, 0))
    whole = [design.compiled.cost, *([made.total] if made else [])]
    row("whole network", "", design.compiled.timing.interval, whole, sum(wanted_of.values()))
    heading = ["layer", "inputs × neurons a cycle", "cycles a frame", *(name for name, *_ in RESOURCES.values())]
    return markdown(heading if wanted is None else [*heading, "LUT at the target"], rows)


def refusal(path, board: str, interval: int) -> str:
    """What hwgen answers when asked for that interval on the board."""
    try:
        design = hwgen.compile(path, board, interval=interval)
    except DoesNotFit as error:
        return str(error)
    cost = design.compiled.cost
    used = ", ".join(f"{_shown(kind, cost)} {name}" for kind, (name, *_) in RESOURCES.items())
    return f"{interval:,} cycles a frame fit the chip by the estimate ({used}), but not with the board's margin"


def lut_at(path, board: str, interval: int) -> dict[str, float] | None:
    """Layer -> estimated LUTs at that interval, on a board with room for them; None where that is out of reach too."""
    try:
        design = hwgen.compile(path, board, interval=interval)
    except DoesNotFit:
        return None
    return {name: total(nodes).lut for name, nodes in by_layer(design.compiled.hardware).items()}
