"""Chains of scales, activations and reshapes, and the cheapest blocks that compute them exactly.

Scales one after the other are one scale. Any number of them before a quantizer can be its thresholds, whatever stands
between: then no hardware carries the values in between, however wide they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from hwgen import ops
from hwgen.errors import ModelError
from hwgen.graph import Node, Ref
from hwgen.layers.block import Block
from hwgen.layers.requantize import Requantize
from hwgen.layers.scale import Scale
from hwgen.layers.threshold import Threshold
from hwgen.layers.view import View
from hwgen.numeric import MAX_WIDTH, compact
from hwgen.passes.thresholds import find_thresholds
from hwgen.tensor import TensorType

# A quantizer that isn't a shift becomes one threshold a level: up to 12 bits, beyond which the table outgrows the chip.
MAX_LEVELS = 4096
# What a DSP and a block RAM are worth in LUTs when ways to compute the same are compared; about their ratio on a chip.
LUTS_PER_DSP, LUTS_PER_BRAM = 150, 250


def falls(node: Node) -> bool:
    """Whether a channel of the node falls where its input rises."""
    return isinstance(node.op, ops.Scale) and bool((node.op.multiplier < 0).any())


class Stage(NamedTuple):
    """A block, and the node whose name and layer it takes."""

    node: Node
    block: Block


@dataclass(frozen=True)
class Chain:
    """Nodes one after the other, on a value of the hardware graph, of which no block has been made yet.

    pools: maxima behind them. What comes next goes in front of the maxima, which is the same where it doesn't fall.
    """

    source: Ref
    nodes: tuple[Node, ...] = ()
    pools: tuple[Node, ...] = ()

    def then(self, node: Node) -> Chain:
        if self.pools:
            node = replace(node, type=node.type.with_shape(self.nodes[-1].type.shape))
        return replace(self, nodes=(*self.nodes, node))

    def then_pool(self, node: Node) -> Chain:
        return replace(self, pools=(*self.pools, node))

    @property
    def rising(self) -> bool:
        """Whether no channel falls: then the maximum of results is the result of the maximum."""
        return not any(falls(node) for node in self.nodes)

    @property
    def reshapes(self) -> bool:
        return any(isinstance(n.op, ops.Reshape) for n in self.nodes)

    def after_pool(self, source: Ref, shape: tuple[int, int, int]) -> Chain:
        """The same on a tensor of another height and width."""
        return Chain(source, tuple(replace(n, type=n.type.with_shape(shape)) for n in self.nodes))


def cheapest(source: TensorType, nodes: Sequence[Node]) -> list[Stage]:
    """Blocks that compute `nodes` one after the other on a value of type `source`, of least worth among all groupings.

    Raises ModelError, which names a layer, where there are none.
    """
    plans: list[tuple[float, list[Stage]] | None] = [(0.0, [])]  # of the first 0, 1, 2, ... nodes
    for end in range(1, len(nodes) + 1):
        found = []
        for start, plan in enumerate(plans):
            if plan is None:
                continue
            worth, stages = plan
            more = _grouped(stages[-1].block.result if stages else source, nodes[start:end])
            if more is not None:
                found.append((worth + sum(_worth(stage.block) for stage in more), [*stages, *more]))
        plans.append(min(found, key=lambda plan: plan[0], default=None))
    if plans[-1] is None:
        raise _refusal(nodes, plans)
    return plans[-1][1]


def _refusal(nodes: Sequence[Node], plans: list) -> ModelError:
    done = max(k for k, plan in enumerate(plans) if plan is not None)
    missing = nodes[done:]
    for node in missing:
        levels = node.type.hi - node.type.lo
        if isinstance(node.op, ops.Activation) and node.type.frac < node.op.input.frac and levels > MAX_LEVELS:
            reason = (
                f"{node.op.function} after a scale that isn't a power of two needs {levels} thresholds, at most "
                f"{MAX_LEVELS} are supported"
            )
            return ModelError(reason, layer=node.layer, change="use an activation of 12 bits or fewer")
    node = missing[0]
    if isinstance(node.op, ops.Activation) and node.type.width <= MAX_WIDTH:
        reason = f"{node.op.function} without a quantizer behind it has no exact hardware"
        return ModelError(reason, layer=node.layer, change="put a QActivation behind it")
    reason = f"its exact values need {node.type.width} bits, hardware carries at most {MAX_WIDTH}"
    change = "put a QActivation behind it, or use scales that are powers of two (alpha='auto_po2')"
    return ModelError(reason, layer=node.layer, change=change)


def _grouped(type: TensorType, nodes: Sequence[Node]) -> list[Stage] | None:
    """The nodes as one block, with a view behind it where the shape changes; None where no one block computes them."""
    work = [node for node in nodes if not isinstance(node.op, ops.Reshape)]
    if any(isinstance(node.op, ops.Scale) and node.type.channels != type.channels for node in work):
        return None
    stages, result = [], type
    if work:
        block = _one_block(type, work)
        if block is None:
            return None
        if block is not _NOTHING:
            stages, result = [Stage(work[-1], block)], block.result
    last = nodes[-1]
    if result.shape != last.type.shape or result.divisor != last.type.divisor:
        named = last if isinstance(last.op, ops.Reshape) else replace(last, name=f"{last.name}.grid")
        stages.append(Stage(named, View(result, last.type.shape, divisor=last.type.divisor)))
    return stages


_NOTHING = object()  # in place of a block: the values stay as they are


def _one_block(type: TensorType, work: list[Node]):
    if all(isinstance(node.op, ops.Scale) for node in work):
        op = _composed([node.op for node in work])
        if op.infer(type).width > MAX_WIDTH or op.multiplier.dtype != np.int64 or op.offset.dtype != np.int64:
            return None
        return Scale(type, op.multiplier, op.offset, op.frac, lanes=1)
    last = work[-1]
    if not isinstance(last.op, ops.Activation):
        return None
    shift = last.op.function.as_shift(type) if len(work) == 1 else None
    if shift is None:
        return _threshold(type, work)
    amount, lo, hi = shift
    if amount == 0 and lo <= type.lo and type.hi <= hi:
        return _NOTHING
    block = Requantize(type, amount, lo, hi, last.type.frac, lanes=1)
    return block if block.result.width <= MAX_WIDTH else None


def _composed(scales: Sequence[ops.Scale]) -> ops.Scale:
    """Scales one after the other as one."""
    first, *others = scales
    for scale in others:
        factor = scale.multiplier.astype(object)
        multiplier, offset = first.multiplier * factor, first.offset * factor + scale.offset
        first = ops.Scale(compact(multiplier), compact(offset), first.frac + scale.frac)
    return first


def _threshold(type: TensorType, work: Sequence[Node]) -> Threshold | None:
    last = work[-1].type
    if last.hi - last.lo > MAX_LEVELS:
        return None
    inputs = [type, *(node.type for node in work[:-1])]
    steps = [(n.op, n.op.input if isinstance(n.op, ops.Activation) else x) for n, x in zip(work, inputs)]
    table, falling = find_thresholds(steps, type.lo, type.hi)
    if (table == table[:1]).all() and (falling == falling[:1]).all():
        table, falling = table[:1], falling[:1]
    return Threshold(type, table, falling, last.lo, last.frac, lanes=1)


def _worth(block: Block) -> float:
    cost = block.cost()
    return cost.lut + LUTS_PER_DSP * cost.dsp + LUTS_PER_BRAM * cost.bram36
