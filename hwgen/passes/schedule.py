"""When every beat moves: the network's self-timed schedule, computed block by block without simulating cycles.

Blocks are deterministic and shapes are static, so the cycle of every beat follows from the cycles of the beats before
it by maxima and sums (a max-plus system; Baccelli et al., Synchronization and Linearity, 1992). Each block knows its
own part (`Block.schedule`). With enough room in every FIFO no block waits for space, and the schedule below is what the
hardware does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hwgen.graph import Graph, Node, Ref
from hwgen.layers.fifo import Fifo
from hwgen.layers.neuron import Neuron
from hwgen.layers.source import Source
from hwgen.layers.window import Window

FRAMES = 4  # frame 0 fills the network; by the last two the pace is steady


@dataclass(frozen=True, eq=False)
class Schedule:
    """taken[(node, input)] and emitted[node]: the cycle of each beat, over `frames` frames back to back.

    known: what was computed before, see `schedule`.
    """

    frames: int
    taken: dict[tuple[str, int], np.ndarray]
    emitted: dict[str, np.ndarray]
    known: dict = field(default_factory=dict, repr=False)

    def interval(self, node: str) -> int:
        """Cycles between the ends of the last two frames at the output of a node."""
        times = self.emitted[node]
        beats = len(times) // self.frames
        return int(times[-1] - times[-1 - beats])

    def at_once(self, producer: str, consumer: tuple[str, int]) -> bool:
        """Whether every beat is taken in the cycle in which it is offered."""
        return bool((self.emitted[producer] == self.taken[consumer]).all())

    def occupancy(self, producer: str, consumer: tuple[str, int], lead: int = 0, leaving: bool = True) -> int:
        """The most beats that wait between a block and its consumer.

        lead: cycles before it is offered from which a beat counts. leaving: the one that is handed over in the same
        cycle counts too, as where nothing can be taken in instead of it before the next cycle.
        """
        emitted, taken = self.emitted[producer], self.taken[consumer]
        place = producer, consumer, lead, leaving
        before = self.known.get(place)
        if before is None or before[0] is not emitted or before[1] is not taken:
            before = self.known[place] = emitted, taken, _most_waiting(emitted - lead, taken, leaving)
        return before[2]


def _most_waiting(given: np.ndarray, taken: np.ndarray, leaving: bool) -> int:
    waiting = np.arange(1, len(given) + 1) - np.searchsorted(taken, given, side="left" if leaving else "right")
    return int(waiting.max(initial=0))


def schedule(graph: Graph, interval: int | None, frames: int = FRAMES, known: dict | None = None) -> Schedule:
    """The schedule with inputs offered evenly, a frame every `interval` cycles, or (None) as ports take them.

    known: what earlier calls found, also `occupancy`; it is kept where neither the block nor what comes in has changed.
    """
    known = {} if known is None else known
    taken: dict[tuple[str, int], np.ndarray] = {}
    emitted: dict[str, np.ndarray] = {}
    for node in graph.nodes:
        if isinstance(node.op, Source):
            arrivals = (_arrivals(node.op.beats_out, interval, frames),)
        else:
            arrivals = tuple(emitted[ref.node] for ref in node.inputs)
        pace = _pace(graph, node)
        before = known.get(node.name)
        if before is None or before[0] != (node.op, pace) or not _equal(before[1], arrivals):
            before = known[node.name] = (node.op, pace), arrivals, node.op.schedule(*arrivals, **pace)
        took, emitted[node.name] = before[2]
        for port, times in enumerate(took):
            taken[node.name, port] = times
    return Schedule(frames, taken, emitted, known)


def _equal(before: tuple[np.ndarray, ...], now: tuple[np.ndarray, ...]) -> bool:
    return all(a is b or np.array_equal(a, b) for a, b in zip(before, now))


def _pace(graph: Graph, node: Node) -> dict[str, int]:
    """How long the neuron behind a window holds each beat: the window waits meanwhile, and its ring is the buffer."""
    if not isinstance(node.op, Window):
        return {}
    consumers = graph.consumers(Ref(node.name))
    if len(consumers) == 1 and isinstance(consumers[0][0].op, Neuron):
        return {"pace": consumers[0][0].op.fold}
    return {}


def interval_in_place(graph: Graph, node: Node) -> int:
    """A block's initiation interval with the consumer that it has."""
    pace = _pace(graph, node)
    return node.op.interval_at(**pace) if pace else node.op.interval


def _arrivals(beats: int, interval: int | None, frames: int) -> np.ndarray:
    if interval is None:
        return np.arange(frames * beats, dtype=np.int64)
    start = np.arange(frames, dtype=np.int64)[:, None] * interval
    return (start + np.arange(beats, dtype=np.int64) * interval // beats).reshape(-1)


@dataclass(frozen=True)
class Timing:
    """Estimated cycles between frames and from first pixel in to last score out, and the block that sets the pace.

    finished: for each node the cycles from first pixel in to the last value of that frame there.
    """

    interval: int
    latency: int
    bottleneck: str
    finished: dict[str, int] = field(default_factory=dict)


def timing(graph: Graph) -> Timing:
    """The estimate that reports show beside the simulated figures.

    The interval is the pace of the slowest block, or of the whole where rows and bursts make that slower. Latency is
    that of a frame that meets an empty network. A fork waits for room on all its branches, so where frames come faster
    than the interval the first may take longer, but no longer than one that comes evenly over the interval.
    """
    # A FIFO's spacing follows from the interval, and is never what sets it.
    paces = {node.name: interval_in_place(graph, node) for node in graph.nodes if not isinstance(node.op, Fifo)}
    slowest = max(paces, key=paces.get)
    alone = schedule(graph, None, frames=1)
    steady = schedule(graph, paces[slowest])
    last = [ref.node for ref in graph.outputs]
    interval = max(paces[slowest], *(steady.interval(name) for name in last))
    finished = {node.name: int(alone.emitted[node.name][-1]) for node in graph.nodes}
    return Timing(interval, max(finished[name] for name in last), slowest, finished)
