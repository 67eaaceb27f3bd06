"""What a chip says it is: the hash of its model, and its constants."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import ops
from hwgen.boards.shell.identity import Identity, Port, model_hash
from hwgen.boards.shell.registers import CHANNELS, registers
from hwgen.errors import OptionError
from hwgen.graph import Graph
from hwgen.tensor import TensorType
from tests.graphs import inception, residual

ROOT = Path(__file__).resolve().parents[2]


def changed(graph: Graph, name: str, **changes) -> Graph:
    """The graph with other attributes of one node's op."""
    nodes = [replace(node, op=replace(node.op, **changes)) if node.name == name else node for node in graph.nodes]
    return graph.with_nodes(nodes)


def test_the_hash_is_of_what_is_computed():
    graph = inception(1)
    conv = next(node for node in graph.nodes if isinstance(node.op, ops.Conv))
    weights, bias = conv.op.weights.copy(), conv.op.bias.copy()
    weights[0, 0, 0, 0] += 1
    bias[-1] -= 1
    others = [
        inception(2),
        residual(1),
        changed(graph, conv.name, weights=weights),
        changed(graph, conv.name, bias=bias),
        changed(graph, conv.name, strides=(2, 2)),
        replace(graph, outputs=graph.outputs * 2),
    ]
    hashes = [model_hash(one) for one in (graph, *others)]
    assert len(set(hashes)) == len(hashes) and all(len(one) == 16 for one in hashes)
    assert model_hash(inception(1)) == hashes[0]
    same = changed(graph, conv.name, weights=conv.op.weights.astype(np.int32))
    assert model_hash(same) == hashes[0], "the hash depends on how integers are stored"


def test_the_hash_is_the_same_in_every_process():
    imports = "from tests.graphs import residual; from hwgen.boards.shell.identity import model_hash"
    code = f"{imports}; print(model_hash(residual(4)).hex())"
    found = set()
    for seed in ("0", "7"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        found.add(ran.stdout.strip())
    assert found == {model_hash(residual(4)).hex()}


def test_what_the_hash_does_not_know_is_refused():
    graph = inception(1)
    activation = next(node for node in graph.nodes if isinstance(node.op, ops.Activation))
    with pytest.raises(TypeError, match="a function can't be part of a model's hash"):
        model_hash(changed(graph, activation.name, function=lambda raw: raw))


def test_every_constant_has_a_value_and_a_place():
    port = Port(TensorType((2, 3, 4), -8, 7, frac=-3, divisor=9), lanes=2, top1=5)
    identity = Identity((port, port), (port,), (4, 9), 125_000_000, bytes(range(16)), dma=False)
    constants = identity.constants()
    declared = {name for name, one in registers(2, 1).values() if one.access == "const"}
    assert set(constants) == declared
    assert all(0 <= value < 1 << 32 for value in constants.values())
    assert constants["FEATURES"] == 0x0001_0202
    assert constants["MODEL_HASH1"] == 0x0706_0504
    assert constants["INPUT1_TYPE"] == 0xFFFD_1304
    assert constants["OUTPUT0_FRAME_BYTES"] == 24 and constants["OUTPUT0_DIVISOR"] == 9


def test_more_inputs_than_the_map_has_room_for():
    port = Port(TensorType((1, 1, 1), 0, 1), lanes=1)
    with pytest.raises(OptionError, match="room for 16 inputs, not 17"):
        Identity((port,) * (CHANNELS + 1), (port,), (), 1, bytes(16), dma=True)
