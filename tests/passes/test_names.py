"""Whatever a layer or a model is called, the Verilog can be read."""

import re

import numpy as np
import pytest

from hwgen import verification
from hwgen.boards import BOARDS
from hwgen.graph import evaluate
from hwgen.passes.buffer import buffer
from hwgen.passes.emit import emit
from hwgen.passes.fold import Folder, fastest
from hwgen.passes.fork import fork
from hwgen.passes.lower import lower
from hwgen.passes.names import KEYWORDS, identifier, identifiers
from hwgen.tensor import TensorType
from tests.graphs import GraphBuilder, random_frames


def test_identifiers_are_plain_and_different():
    names = [
        "conv",
        "Conv",
        "conv_2",
        "conv-2",
        "a/b",
        "a.b",
        "a_b",
        "2d",
        "_",
        "",
        "größe",
        "wire",
        "wire_",
        "ref",
        "x__y",
    ]
    found = identifiers(names)
    assert len({text.lower() for text in found.values()}) == len(names)
    for text in found.values():
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) and text not in KEYWORDS and "__" not in text


@pytest.mark.parametrize("name", ["ref", "module", "output", "clk", "3d net", "dut", "hwgen_bench"])
def test_a_network_and_layers_of_any_name_simulate(name, tmp_path):
    rng = np.random.default_rng(0)
    b = GraphBuilder(name, TensorType((3, 3, 2), 0, 3))
    x = b.conv("reg", "input", rng, (2, 2), 2)
    graph = b.graph(b.activation("always", b.conv("clk", x, rng, (1, 1), 3)))
    final = buffer(fork(fastest(Folder(lower(graph), BOARDS["zybo"].budget)).graph))
    frames = random_frames(graph, 2, 0)
    verification.simulate(
        final, frames, evaluate(final, frames), tmp_path, emit(final, "xc7"), simulator="icarus"
    ).check()
    assert identifier(name) not in KEYWORDS
