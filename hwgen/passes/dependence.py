"""What every beat depends on, and the room that a join's inputs need so that no stalls can deadlock it.

The argument stands in docs/fifos.md. In short: a join (cat, add) that waits for a beat of branch b needs the stream
that all branches come from up to some beat d. What branch a can make of that stream while the fork still has to get to
d, less what the join has consumed of it, fits into a's FIFO together with what the block in front of it holds while it
can't go on. So no branch stops the fork before the one that the join waits for has got all it needs.

That stream is the one that enters the smallest closed region which ends in the join, where there is one: a fork all of
whose branches, and nothing else, come together in the join. Else it is the network's input.
"""

from __future__ import annotations

import numpy as np

from hwgen.graph import Graph, Node
from hwgen.layers.fork import Fork
from hwgen.layers.source import Source

FRAMES = 2  # what a join waits for is of its own frame; the second follows on the first as every one does


def lags(graph: Graph) -> dict[tuple[str, int], int]:
    """(join, input) -> the most beats that must find room between its branch's last block and the join.

    Of these, the block itself may hold some: a fork that is the branch's last block holds none here, because what it
    still offers one output the others have.
    """
    found = {}
    everything = dependence(graph, FRAMES)
    joins = [node for node in graph.nodes if len(node.inputs) > 1]
    regions = {node.name: closed_region(graph, node) for node in joins}
    for node in joins:
        if regions[node.name] is None:
            depends, passed = everything, 0
        else:
            fork, between = regions[node.name]
            depends = _within(graph, fork, between)
            # The beat that a branch needs is offered to it before the others have taken it.
            passed = 1 if _is_simple(graph, between, regions) else 0
        for port in range(len(node.inputs)):
            found[node.name, port] = _lag(node, port, depends, passed)
    return found


def _lag(node: Node, port: int, depends: dict[str, np.ndarray], passed: int) -> int:
    """The most beats that this branch can have made and the join not consumed, while the join waits for another."""
    needs = [needed(node.op, k, FRAMES) for k in range(len(node.inputs))]
    consumed = [np.concatenate([[0], beats[:-1] + 1]) for beats in needs]
    most = 0
    for other, ref in enumerate(node.inputs):
        waits = np.flatnonzero(needs[other] >= consumed[other])
        if other != port and len(waits):
            reached = depends[ref.node][needs[other][waits]] - passed
            made = np.searchsorted(depends[node.inputs[port].node], reached, side="right")
            most = max(most, int((made - consumed[port][waits]).max()))
    return most


def _is_simple(graph: Graph, between: set[str], regions: dict[str, tuple[Node, set[str]] | None]) -> bool:
    """Whether all other forks and joins in a closed region belong together in closed regions of their own."""
    forks = {name for name in between if isinstance(graph[name].op, Fork)}
    inner = [regions[name] for name in between if name in regions]
    return None not in inner and forks == {region[0].name for region in inner}


def closed_region(graph: Graph, join: Node) -> tuple[Node, set[str]] | None:
    """(fork, names of the nodes between): the nearest fork all of whose branches, and nothing else, end in the join."""
    above = {join.name}  # the join and all that it comes from
    for node in reversed(graph.nodes):
        if node.name in above:
            above |= {ref.node for ref in node.inputs}
    for fork in reversed(graph.nodes):
        if fork.name in above and isinstance(fork.op, Fork) and fork.name != join.name:
            below = {fork.name}
            for node in graph.nodes:
                if any(ref.node in below for ref in node.inputs):
                    below.add(node.name)
            between = (above & below) - {fork.name, join.name}
            if _is_closed(graph, fork.name, between, join.name):
                return fork, between
    return None


def _is_closed(graph: Graph, fork: str, between: set[str], join: str) -> bool:
    """Whether no stream but those from the fork enters, and none but those to the join leaves."""
    entered, left = between | {fork}, between | {join}
    outputs = {ref.node for ref in graph.outputs}
    for node in graph.nodes:
        inputs = {ref.node for ref in node.inputs}
        if node.name in left:
            if not inputs <= entered:
                return False
        elif inputs & entered:
            return False
    return not outputs & entered


def _within(graph: Graph, fork: Node, between: set[str]) -> dict[str, np.ndarray]:
    """dependence() counted in beats of the fork, for a closed region."""
    depends = {fork.name: np.arange(FRAMES * fork.op.beats_out, dtype=np.int64)}
    for node in graph.nodes:
        if node.name in between:
            depends[node.name] = _depends(node, depends, FRAMES)
    return depends


def dependence(graph: Graph, frames: int = FRAMES) -> dict[str, np.ndarray]:
    """For every node and each of its beats in `frames` frames the greatest input beat (counted per source) it depends
    on.

    Where a network has several inputs, their beats are compared by the share of the frame that they stand for.
    """
    depends: dict[str, np.ndarray] = {}
    scale = max((node.op.beats_out for node in graph.nodes if isinstance(node.op, Source)), default=1)
    for node in graph.nodes:
        if isinstance(node.op, Source):
            beats = node.op.beats_out
            depends[node.name] = (np.arange(frames * beats, dtype=np.int64) + 1) * scale // beats - 1
        else:
            depends[node.name] = _depends(node, depends, frames)
    return depends


def _depends(node: Node, depends: dict[str, np.ndarray], frames: int) -> np.ndarray:
    parts = []
    for port, ref in enumerate(node.inputs):
        beats = needed(node.op, port, frames)
        parts.append(np.where(beats < 0, -1, depends[ref.node][beats]))
    return np.maximum.reduce(parts)


def needed(block, port: int, frames: int) -> np.ndarray:
    """Block.needs over several frames back to back; -1 where nothing is needed yet."""
    start = np.arange(frames, dtype=np.int64)[:, None] * block.beats_in(port)
    return (start + block.needs(port)).reshape(-1)
