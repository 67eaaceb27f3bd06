"""The whole way from a model to a netlist: each stage takes a graph and returns a new one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import count
from pathlib import Path

from hwgen.boards import Board
from hwgen.errors import DoesNotFit, OutputError
from hwgen.graph import Graph
from hwgen.layers.block import Resources
from hwgen.passes.buffer import buffer
from hwgen.passes.emit import Emitted, emit
from hwgen.passes.faster import Faster, next_faster
from hwgen.passes.fold import Folder, Infeasible, Plan, fastest
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.schedule import Timing, timing
from hwgen.quantize import InputType, quantize
from hwgen.read import read

Progress = Callable[[str], None]  # called with the name of each stage as it starts

ROUNDS = 12  # how often folding is repeated with what the FIFOs or the rows' ends turned out to cost


@contextmanager
def collector_paused() -> Iterator[None]:
    """Without Python's cyclic garbage collector, which takes half the time where millions of objects are made and all live on."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@dataclass(frozen=True, eq=False)
class Compiled:
    """Every stage's result. `integer` is the integer model, `hardware` the graph of folded blocks with FIFOs."""

    integer: Graph
    hardware: Graph
    timing: Timing
    cost: Resources
    family: str
    folder: Folder

    @cached_property
    def faster(self) -> Faster:
        """What the next shorter interval would need; takes as long as a folding."""
        return next_faster(self.folder, self.hardware, self.timing.interval)

    @cached_property
    def emitted(self) -> Emitted:
        """The Verilog; made when it is first asked for, as that takes longer than all before it."""
        with collector_paused():
            return emit(self.hardware, self.family)


def run(
    model,
    board: Board,
    *,
    weights: str | Path | None = None,
    input_type: InputType = None,
    interval: int | None = None,
    dump_ir: Path | None = None,
    progress: Progress = lambda stage: None,
) -> Compiled:
    """read → quantize → lower → fold → fork → buffer (→ emit, on demand).

    model, weights: as of `hwgen.read.read`. interval: cycles a frame to reach, or None for the fewest that fit the board.
    dump_ir: folder that gets the graph after each pass as text. Raises HwgenError.
    """

    numbers = count(1)

    def stage(name: str, graph: Graph) -> Graph:
        if dump_ir is not None:
            dump(graph, dump_ir, f"{next(numbers)}-{name}.txt")
        return graph

    progress("reading the model")
    network = read(model, weights)
    progress("quantizing")
    integer = stage("quantize", quantize(network, input_type))
    progress("lowering to blocks")
    lowered = stage("lower", lower(integer))
    progress("folding")
    folder = Folder(lowered, board.budget, shown=board.estimate)
    folded = stage("fold", sized(folder, board, interval))
    forked = stage("fork", fork(folded))
    progress("sizing FIFOs")
    hardware = stage("buffer", buffer(forked))
    return Compiled(integer, hardware, timing(hardware), cost(hardware), board.family, folder)


def dump(graph: Graph, folder: Path, name: str) -> None:
    """Writes a graph as text. Raises OutputError where the folder can't be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(graph.dump(), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"can't write {folder / name}: {error.strerror}; choose another folder for --dump-ir"
        ) from None


def cost(graph: Graph) -> Resources:
    """The estimated resources of all blocks."""
    return sum((node.op.cost() for node in graph.nodes), Resources())


def sized(folder: Folder, board: Board, interval: int | None) -> Graph:
    """fold, repeated until the FIFOs are paid for too and the schedule keeps the interval that was asked for.

    Raises DoesNotFit where the interval is out of reach, or takes more than the board has.
    """
    if interval is None:
        return _fitting(folder, board)
    target = interval
    for _ in range(ROUNDS):
        try:
            plan = planned(folder, board, target)
        except Infeasible as error:
            raise DoesNotFit(
                f"{interval} cycles a frame are out of reach: {error}; ask for a longer interval"
            ) from None
        reached = timing(fork(plan.graph)).interval
        if reached <= interval:
            _check_room(plan.graph, folder, board, interval)
            return plan.graph
        target = min(target - 1, target * interval // reached)
    raise DoesNotFit(f"{interval} cycles a frame are out of reach: {reached} were reached; ask for a longer interval")


def planned(folder: Folder, board: Board, interval: int) -> Plan:
    """The best folding within the budget, else within the whole board, else the one that overdraws the board least.

    Raises Infeasible where some block can't keep up.
    """
    fits = folder.fits(interval)
    return (folder if fits else folder.within(board.available)).plan(interval)


def _excess(total: Resources, available: Resources) -> dict[str, float]:
    """resource -> how much of it is missing."""
    over = {f.name: getattr(total, f.name) - getattr(available, f.name) for f in fields(total)}
    return {kind: excess for kind, excess in over.items() if excess > 0}


def _check_room(graph: Graph, folder: Folder, board: Board, interval: int) -> None:
    """DoesNotFit, with the interval that would fit, where a folding takes more than the whole board."""
    total = cost(buffer(fork(graph)))
    over = _excess(total, board.available)
    if not over:
        return
    kind = max(over, key=lambda name: over[name] / max(getattr(board.available, name), 1))
    fitting = timing(fork(_fitting(folder, board))).interval
    there = f"{getattr(board.estimate(board.available), kind):,.0f}{' for this toolchain' if board.ceiling else ''}"
    raise DoesNotFit(
        f"{interval} cycles a frame would take {getattr(board.estimate(total), kind):,.0f} {kind}, {board.name} has "
        f"{there}; the shortest interval that fits is about {fitting:,} cycles"
    )


def _fitting(folder: Folder, board: Board) -> Graph:
    """The fastest folding whose FIFOs fit as well: where they don't, the rest has to get by with that much less."""
    for _ in range(ROUNDS):
        plan = fastest(folder)
        over = _excess(cost(buffer(fork(plan.graph))), board.budget)
        if not over:
            return plan.graph
        less = {kind: max(0.0, getattr(plan.cost, kind) - 1.1 * excess) for kind, excess in over.items()}
        folder = folder.within(replace(folder.budget, **less))
    kind = max(over, key=over.get)
    missing = f"{getattr(board.estimate(Resources(**over)), kind):.0f} {kind}"
    raise DoesNotFit(f"the network is too large for the board: with its FIFOs it takes {missing} too many")
