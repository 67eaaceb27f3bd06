"""Weights that never change, in a neuron block that is not folded at all: shift and add, what neurons share once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hwgen.layers.adder_graph import AdderGraph
from hwgen.layers.arithmetic import Arithmetic
from hwgen.layers.block import Resources
from hwgen.layers.byid import ById
from hwgen.layers.cells import add3_cost
from hwgen.layers.subexpressions import Sums, plain_sums, shared_sums
from hwgen.layers.ternary_tree import Term, tree

# Digits of a matrix for which what neurons share is found within a second.
SHARED_LIMIT = 12_000


@dataclass(frozen=True)
class Constants(Arithmetic):
    """Weights by their canonical signed digits; what is common to several neurons is added up once.

    matrix: (fan-in, neurons) weights. sharing: how many neighbouring neurons have the same inputs.
    most: digits of the neuron that has most; all: of all neurons together.
    """

    matrix: ById
    sharing: int
    most: int
    all: int

    @property
    def large(self) -> bool:
        """Whether there are too many digits to look for what they share."""
        return self.all > SHARED_LIMIT

    @property
    def latency(self):
        if self.large:
            return tree(((Term(0, self.mask), max(self.most, 1)),)).depth
        return self._graphs[0].depth

    @property
    def delays(self):
        return ()

    def encode(self, weights):
        constants = np.array([self._graph(weights[0]).offsets], dtype=np.int64) - self.offset * weights.sum(axis=-1)
        return np.zeros((*weights.shape[:2], 0), dtype=bool), constants

    def build(self, shared, x, bits, words):
        return self._graph(words[0]).build(shared.cells, x)

    def cost(self, lanes):
        if self.large:
            adders, width = max(self.all - lanes, 0) / 2, self.x_width + 1
            return (add3_cost(width) + Resources(ff=width + 1)) * adders
        graphs = self._graphs
        return sum((graph.cost for graph in graphs), Resources()) * (1 / len(graphs))

    # --- the adders -------------------------------------------------------------------------------------------------

    @property
    def _x(self) -> tuple[int, int]:
        """Range of an input as the hardware gets it."""
        return self.x_lo + self.offset, self.x_hi + self.offset

    @property
    def _graphs(self) -> tuple[AdderGraph, ...]:
        """The adders of each group of neurons that have the same inputs."""
        return _graphs(self.matrix, self.sharing, *self._x)

    def _graph(self, weights: np.ndarray) -> AdderGraph:
        """The adders for a group's (lanes, inputs) weights."""
        return _graph(*_key(weights.T), *self._x, self.latency, self.large)


def _key(weights: np.ndarray) -> tuple[bytes, tuple[int, ...]]:
    return np.ascontiguousarray(weights, dtype=np.int64).tobytes(), weights.shape


@lru_cache(maxsize=64)
def _graphs(matrix: ById, sharing: int, lo: int, hi: int) -> tuple[AdderGraph, ...]:
    """All as deep as the deepest, as the sums of all are taken at once."""
    groups = np.split(matrix.array, matrix.array.shape[1] // sharing, axis=1)
    depth = max(_graph(*_key(group), lo, hi, 0, False).depth for group in groups)
    return tuple(_graph(*_key(group), lo, hi, depth, False) for group in groups)


@lru_cache(maxsize=1024)
def _graph(weights: bytes, shape: tuple[int, int], lo: int, hi: int, depth: int, large: bool) -> AdderGraph:
    return AdderGraph(_sums(weights, shape, large), lo, hi, depth)


@lru_cache(maxsize=1024)
def _sums(weights: bytes, shape: tuple[int, int], large: bool) -> Sums:
    matrix = np.frombuffer(weights, dtype=np.int64).reshape(shape)
    return plain_sums(matrix) if large else shared_sums(matrix)
