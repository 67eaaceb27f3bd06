"""Every folding that a piece of the network can take, with its cycles and its cost.

A `Unit` is what is folded by one decision: a neuron block together with the window that feeds it, or a block on its
own. Foldings that another one beats in everything are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np

from hwgen.graph import Graph, Node
from hwgen.layers.block import Block, Resources
from hwgen.layers.depthwise import DepthwiseNeuron
from hwgen.layers.dot_plan import Plan
from hwgen.layers.neuron import Neuron
from hwgen.layers.reduce import Reduce
from hwgen.layers.source import Source
from hwgen.layers.taps import Taps, divisors
from hwgen.layers.threshold import Threshold
from hwgen.layers.window import Window
from hwgen.tensor import TensorType

KINDS = tuple(f.name for f in fields(Resources))
DEEPEST_LUTS = 256  # words of weights in LUTs that are read in one cycle
SHALLOWEST_RAM = 32  # words from which block RAM is considered for weights


@dataclass(frozen=True, eq=False)
class Unit:
    """The foldings of one unit, n of them.

    nodes:      names of its nodes, the one that takes the inputs first, the one that gives the result last.
    blocks:     n × the blocks, in the order of the nodes.
    intervals:  (n,) cycles a frame. costs: (n, len(KINDS)). lanes: (n, 2), of all inputs and of the output.
    demands:    (need, rest) pairs: when a share `need` of the inputs is there, a share `rest` of the work still follows.
                The first is what the first output waits for.
    """

    layer: str
    nodes: tuple[str, ...]
    blocks: tuple[tuple[Block, ...], ...]
    intervals: np.ndarray
    costs: np.ndarray
    lanes: np.ndarray
    demands: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, layer: str, nodes: tuple[str, ...], found: list[Folding], demands) -> Unit:
        intervals = np.array([f.interval for f in found], dtype=np.int64)
        costs = np.array([f.cost for f in found])
        lanes = np.array([((f.blocks[0].lanes_in or (0,))[0], f.blocks[-1].lanes_out) for f in found])
        keep = [
            group[undominated(np.column_stack([costs[group], intervals[group]]))]
            for group in (np.flatnonzero((lanes == pair).all(axis=1)) for pair in np.unique(lanes, axis=0))
        ]
        keep = np.sort(np.concatenate(keep))
        blocks = tuple(found[k].blocks for k in keep)
        return cls(layer, nodes, blocks, intervals[keep], costs[keep], lanes[keep], tuple(demands))


@dataclass(frozen=True, eq=False)
class Folding:
    """The blocks of a unit, the cycles a frame that they take together, and what they cost, (len(KINDS),)."""

    blocks: tuple[Block, ...]
    interval: int
    cost: np.ndarray


def vector(cost: Resources) -> np.ndarray:
    """(len(KINDS),)"""
    return np.array([getattr(cost, kind) for kind in KINDS], dtype=float)


def undominated(values: np.ndarray) -> np.ndarray:
    """Indices of the rows of (n, d) that no other row is as small as in every column; of equal rows the first."""
    before = np.tri(len(values), k=-1, dtype=bool).T  # [j, i]: j stands before i
    as_small, as_large = (np.ones_like(before) for _ in range(2))
    for column in values.T:
        as_small &= column[:, None] <= column[None, :]
        as_large &= column[:, None] >= column[None, :]
    return np.flatnonzero(~(as_small & (~as_large | before)).any(axis=0))


def units(graph: Graph) -> list[Unit]:
    """The units in topological order; every node is in one."""
    found, taken = [], set()
    for node in graph.nodes:
        if node.name in taken:
            continue
        if isinstance(node.op, (Neuron, DepthwiseNeuron, Reduce)):
            found.append(tap_unit(node, None))
        elif isinstance(node.op, Window):
            consumers = graph.consumers((node.name, 0))
            consumer = consumers[0][0] if len(consumers) == 1 else None
            if consumer is not None and isinstance(consumer.op, (Neuron, DepthwiseNeuron, Reduce)):
                found.append(tap_unit(consumer, node))
                taken.add(consumer.name)
            else:
                found.append(window_unit(node))
        else:
            found.append(lane_unit(node))
    return found


def boxes(taps: Taps) -> Iterator[Taps]:
    """Every box of kernel rows, kernel columns and channels that a beat can carry."""
    for rows, columns, lanes in product(*map(divisors, (*taps.kernel, taps.channels))):
        yield replace(taps, rows=rows, columns=columns, lanes=lanes)


def tap_unit(node: Node, window: Node | None) -> Unit:
    """The unit of a neuron, depthwise neuron or reduction with the window before it, if there is one."""
    found = []
    for taps in boxes(node.op.taps):
        if window is None:
            for block in _parallel(node.op, taps, node.op.input):
                found += [Folding((chosen,), chosen.interval, cost) for chosen, cost in _cheapest(_variants(block))]
            continue
        if not window.op.takes(taps):
            continue
        shapes = [(shape, vector(shape.cost())) for shape in replace(window.op, taps=taps).variants()]
        for block in _parallel(node.op, taps, shapes[0][0].result):
            pace = block.fold if isinstance(block, Neuron) else 1
            least = block.interval
            fronts = [(shape, cost, max(least, shape.interval_at(pace))) for shape, cost in shapes]
            for chosen, cost in _cheapest(_variants(block)):
                found += [Folding((front, chosen), interval, cost + more) for front, more, interval in fronts]
    if window is None:
        # A neuron works on each beat when it comes, even where only the last one completes a result.
        return Unit.of(node.layer, (node.name,), found, _binding(np.arange(node.op.beats_in()), node.op.beats_in()))
    return Unit.of(node.layer, (window.name, node.name), found, _demands(window.op))


def window_unit(node: Node) -> Unit:
    """The unit of a window for something else than neurons."""
    suitable = [taps for taps in boxes(node.op.taps) if node.op.takes(taps)]
    shapes = [shape for taps in suitable for shape in replace(node.op, taps=taps).variants()]
    found = [Folding((shape,), shape.interval, vector(shape.cost())) for shape in shapes]
    return Unit.of(node.layer, (node.name,), found, _demands(node.op))


def lane_unit(node: Node) -> Unit:
    """The unit of a block whose only choice is its lanes, and where it has constants to keep, their memory."""
    block = node.op
    most, found = block.most_lanes, []
    for lanes in divisors(most):
        folded = replace(block, lanes=lanes)
        interval = max([folded.interval, folded.beats_out, *(folded.beats_in(k) for k in range(len(folded.inputs)))])
        memories = ("auto", "logic", "block") if isinstance(block, Threshold) else (None,)
        for memory in memories:
            chosen = folded if memory is None else replace(folded, memory=memory)
            found.append(Folding((chosen,), interval, vector(chosen.cost())))
    if isinstance(block, Source):
        demands = [(0.0, 1.0)]
    else:
        widest = replace(block, lanes=most)
        demands = [d for k in range(len(block.inputs)) for d in _binding(widest.needs(k), widest.beats_in(k))]
    return Unit.of(node.layer, (node.name,), found, demands)


def _parallel(block: Block, taps: Taps, input: TensorType) -> Iterator[Block]:
    """The block with these taps: a neuron with each number of neurons in parallel."""
    if not isinstance(block, Neuron):
        yield replace(block, taps=taps, input=input)
        return
    for neurons in block.parallel_neurons(taps):
        yield replace(block, taps=taps, input=input, neurons=neurons)


def _variants(block: Block) -> Iterator[Block]:
    """The choices that remain then: arithmetic, and where the weights lie."""
    if not isinstance(block, (Neuron, DepthwiseNeuron)):
        yield block
        return
    for arithmetic in block.arithmetics():
        chosen = replace(block, arithmetic=arithmetic)
        yield chosen
        words = block.loops.words
        if words >= SHALLOWEST_RAM and isinstance(chosen.plan, Plan):
            other = "logic" if chosen.plan.style == "block" else "block"
            if other == "block" or words <= DEEPEST_LUTS:
                yield replace(chosen, memory=other)


def _cheapest(blocks: Iterable[Block]) -> list[tuple[Block, np.ndarray]]:
    """Of blocks that are alike but for their cost, those that none is as cheap as in everything."""
    blocks = list(blocks)
    costs = np.array([vector(block.cost()) for block in blocks])
    return [(blocks[k], costs[k]) for k in undominated(costs)]


def _demands(window: Window) -> list[tuple[float, float]]:
    taps = replace(window.taps, rows=1, columns=1, lanes=window.taps.channels)
    whole = replace(window, taps=taps)
    return _binding(whole.needs(), whole.beats_in())


def _binding(needs: np.ndarray, beats: int) -> list[tuple[float, float]]:
    """`Unit.demands` of a block whose k-th step needs input beat needs[k] of `beats`: the first, and those that can bind.

    A step binds where (inputs' duration) · need + interval · rest is greatest.
    """
    steps = len(needs)
    need, rest = (needs + 1) / beats, (steps - np.arange(steps)) / steps
    found = [int((share * need + (1 - share) * rest).argmax()) for share in (0, 0.5, 0.6, 0.7, 0.8, 0.9, 1)]
    return [(float(need[k]), float(rest[k])) for k in dict.fromkeys(found)]
