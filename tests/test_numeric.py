"""Integers that int64 holds stay int64; those that it doesn't become Python integers, in time."""

import numpy as np
import pytest

from hwgen.graph import Graph, Node, Ref, evaluate, verify
from hwgen.numeric import MAX_EXACT_WIDTH, MAX_WIDTH, compact, scaled_integers, widened
from hwgen.ops import Conv, Input, Pool, Scale
from hwgen.tensor import TensorType


@pytest.mark.parametrize("gain, offset", [(2**40, 0), (2**20, 2**61), (-(2**45), -5)])
def test_widened_before_int64_overflows(gain, offset):
    raw = np.array([-(2**30), 7, 2**30])
    assert (widened(raw, gain, offset) * gain + offset).tolist() == [int(v) * gain + offset for v in raw]
    assert widened(raw, 2, 3) is raw


def test_compact():
    assert compact(np.array([2**62 - 1, -1], dtype=object)).dtype == np.int64
    assert compact(np.array([2**62, -1], dtype=object)).tolist() == [2**62, -1]
    assert compact(np.array([], dtype=object)).dtype == np.int64


def test_scaled_integers():
    assert scaled_integers([0.5, 3], 1).tolist() == [1, 6]
    assert scaled_integers([1.0, 2.0**100], 3, MAX_EXACT_WIDTH).tolist() == [8, 2**103]
    with pytest.raises(OverflowError, match="more than 62 bits"):
        scaled_integers([2.0**100], 0)
    with pytest.raises(ValueError, match="not an integer"):
        scaled_integers([0.25], 1)


def test_a_graph_computes_with_wide_values():
    x = TensorType((2, 2, 2), -100, 100)
    wide = Scale(np.array([2**70, -(3**30)], dtype=object), np.array([5, 2**40]), 60)
    pool = Pool("max", (2, 2), (1, 1), (0, 1, 0, 1))
    scaled = wide.infer(x)
    nodes = (
        Node("input", Input(x), (), x, "input"),
        Node("scale", wide, (Ref("input"),), scaled, "scale"),
        Node("pool", pool, (Ref("scale"),), pool.infer(scaled), "pool"),
    )
    graph = verify(Graph("wide", nodes, ("input",), (Ref("pool"),)))
    raw = np.random.default_rng(0).integers(-100, 101, (3, 2, 2, 2))
    values = evaluate(graph, {"input": raw})
    expected = raw.astype(object) * np.array([2**70, -(3**30)], dtype=object) + np.array([5, 2**40], dtype=object)
    assert scaled.width > MAX_WIDTH and (values["scale"] == expected).all()
    assert (values["pool"][:, 0, 0] == expected.max(axis=(1, 2))).all()
    assert (values["pool"][:, 1, 1] == expected[:, 1, 1]).all()


def test_sums_of_wide_values_are_refused():
    with pytest.raises(ValueError, match="at most 62 are supported"):
        Conv(np.ones((1, 1, 1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64)).infer(TensorType((1, 1, 1), 0, 2**70))
