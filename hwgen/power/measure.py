"""From a design whose simulation recorded activity to an estimate of its power."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwgen.boards.board import Board
from hwgen.errors import OptionError
from hwgen.layers.block import Resources
from hwgen.power import activity, energies, saif, structure
from hwgen.power.estimate import Estimate, estimate
from hwgen.sim.activity import TRACE

INSTANCE = "dut"  # of the network in the bench
WRITTEN = "activity.saif"


def check(board: Board, layer: str | None) -> None:
    """OptionError where there is no power to be estimated: on a board of another family, or of one layer alone."""
    energies.of(board.family)
    if layer is not None:
        raise OptionError("power is estimated of the whole network: leave --layer away, or --power")


@dataclass(frozen=True)
class Recorded:
    """activities: by the instance of each block, and "" for what lies between blocks. cycles: that the trace is of."""

    activities: dict[str, activity.Activity]
    cycles: float


def record(design, workdir: Path) -> Recorded:
    """Reads the trace in a simulation's folder and writes it there anew, as `activity.saif`. The trace itself is removed."""
    trace, emitted = workdir / TRACE, design.compiled.emitted
    found = saif.read(trace, INSTANCE)
    trace.unlink()
    saif.write(found, emitted.top, design.clock_mhz, workdir / WRITTEN)
    blocks, between = activity.by_block(found, structure.read(emitted.text), emitted.top)
    return Recorded(blocks | {"": between}, found.cycles)


def of(design) -> Estimate:
    """The estimate of a simulated design: with LUTs and flip-flops as synthesized where it was, otherwise as estimated.

    Raises OptionError for a family without published energies.
    """
    run, recorded, emitted = design.simulated, design.recorded, design.compiled.emitted
    graph, timing = design.compiled.hardware, design.compiled.timing
    if design.synthesized is None:
        counts = "estimated"
        costs = {emitted.instances[node.name]: design.board.estimate(node.op.cost()) for node in graph.nodes}
    else:
        counts, costs = "synthesized", dict(design.synthesized.blocks)
        inside = sum(costs.values(), Resources())
        costs[""] = design.synthesized.total + inside * -1
    interval = run.interval_cycles or timing.interval
    return estimate(
        recorded.activities,
        costs,
        counts,
        run.frames,
        interval,
        design.clock_mhz,
        recorded.cycles,
        energies.of(design.board.family),
    )
