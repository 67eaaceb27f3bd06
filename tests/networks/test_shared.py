"""Layers and models that are called several times, and models in models: as Keras itself computes them."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import hwgen
from hwgen.graph import evaluate
from hwgen.quantize import frames_to_raw, quantize, raw_to_real
from hwgen.read import read
from tests.keras3 import run_keras3
from tests.networks import shared_models
from tests.on_time import assert_on_time

INPUT = "fixed<5,1>"
NAMES = ("shared", "siamese", "deep", "chain")


@pytest.fixture(scope="module", params=["0.9", "v3"])
def folder(request, tmp_path_factory):
    """A folder with the models of one of the two QKeras."""
    made = tmp_path_factory.mktemp("models")
    if request.param == ("v3" if shared_models.VERSION == 3 else "0.9"):
        pytest.importorskip("qkeras")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Keras, about QKeras's quantizers
            shared_models.write_all(made)
    elif request.param == "v3":
        run_keras3(Path(shared_models.__file__), [made], made)
    else:
        pytest.skip("qkeras 0.9 isn't installed here")
    return made


def expected(path: Path) -> list[np.ndarray]:
    with np.load(path) as stored:
        return [stored[f"output{k}"] for k in range(len([name for name in stored.files if name.startswith("output")]))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["h5", "keras", "object"])
def test_integer_model(folder, name, form):
    truth = expected(folder / f"{name}.npz")
    if form == "object":
        seen = expected(folder / f"live-{name}.npz")
    else:
        graph = quantize(read(folder / f"{name}.{form}"), INPUT)
        with np.load(folder / f"{name}.npz") as stored:
            values = evaluate(graph, {key: frames_to_raw(graph, stored[key], key) for key in graph.inputs})
        seen = [raw_to_real(graph[ref.node].type, values[ref.node]) for ref in graph.outputs]
    assert len(seen) == len(truth)
    for ours, theirs in zip(seen, truth):
        assert np.ptp(theirs) > 0 and np.array_equal(ours.reshape(theirs.shape), theirs)


@pytest.mark.parametrize("name", NAMES)
def test_verilog(folder, name):
    design = hwgen.compile(folder / f"{name}.keras", input_type=INPUT)
    with np.load(folder / f"{name}.npz") as stored:
        result = design.simulate({key: stored[key] for key in design.compiled.integer.inputs}, simulator="icarus")
    for hardware, theirs in zip(result.outputs.values(), expected(folder / f"{name}.npz"), strict=True):
        assert np.array_equal(hardware, theirs)
    assert_on_time(design.compiled.hardware, result)


def test_every_call_is_a_layer_of_its_own(folder):
    names = [layer.name for layer in read(folder / "shared.h5").layers]
    assert {"twice", "twice:2", "twice:3", "twice:4", "act", "act:2", "act:3"} < set(names)
    names = [layer.name for layer in read(folder / "siamese.h5").layers]
    assert {"encoder/dense", "encoder:2/dense", "unbuilt/dense", "unbuilt:2/act", "tail:2/dense"} < set(names)
    # The encoder's second output is read of one call only.
    assert len([name for name in names if name.endswith("/other")]) == 1
    names = [layer.name for layer in read(folder / "deep.keras").layers]
    assert {"pair/inner/dense", "pair:2/inner:2/dense"} < set(names) and "pair:2/inner:2/other" not in names
