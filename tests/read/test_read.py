"""Every weight and every edge as Keras itself has them, from files and objects of both QKeras."""

import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from hwgen.read import read
from tests.keras3 import ROOT
from tests.read.keras_models import described, load_description

SHARED = Path(os.environ.get("HWGEN_SHARED_MODELS", ROOT.parent / "shared" / "models"))


def load(folder, name, form):
    """(topology, weights, flavour, network or None) as the reader has it."""
    if form == "object":
        return *load_description(folder / f"live-{name}.npz"), None
    network = read(folder / f"{name}.{form}")
    return *described(network), network.flavour, network


def assert_same_weights(got, true):
    assert got.keys() == true.keys()
    for key in true:
        assert got[key].dtype == true[key].dtype, key
        assert np.array_equal(got[key], true[key]), key


@pytest.mark.parametrize("form", ["h5", "keras", "object"])
@pytest.mark.parametrize("name", ["sequential", "branches"])
@pytest.mark.parametrize("flavour", ["0.9", "v3"])
def test_weights_and_topology(written, flavour, name, form):
    folder = written(flavour)
    topology, weights, read_as, network = load(folder, name, form)
    true_topology, true_weights, _ = load_description(folder / f"{name}.npz")
    assert read_as == flavour
    assert_same_weights(weights, true_weights)
    if name == "sequential":  # Keras doesn't list the InputLayer among a Sequential's layers
        (entry,) = topology.keys() - true_topology.keys()
        assert topology.pop(entry) == ["InputLayer", []]
        assert true_topology["first"][1] == [entry]
    assert topology == true_topology
    if network is not None:
        shape = {"sequential": (6, 7, 2), "branches": (8, 8, 2)}[name]
        assert [network.layer(layer).config["shape"] for layer, _ in network.inputs] == [shape]
        if name == "branches":
            last = "q_dense_batchnorm" if flavour == "v3" else "q_dense_1"
            assert network.outputs == ((last, 0), ("one", 0))
            assert network.inputs == (("frame", 0),)


@pytest.mark.parametrize("form", ["h5", "keras", "object"])
@pytest.mark.parametrize("flavour", ["0.9", "v3"])
def test_models_in_a_model(written, flavour, form):
    topology, weights, _, network = load(written(flavour), "nested", form)
    assert_same_weights(weights, load_description(written(flavour) / "nested.npz")[1])
    (concat,) = [name for name, (kind, _) in topology.items() if kind == "Concatenate"]
    (conv,) = [name for name, (kind, _) in topology.items() if kind == "QConv2D" and "/" not in name]
    # The block's outputs are inner_b, inner_a; they're concatenated as second, right, first.
    assert topology == {
        "left": ["InputLayer", []],
        "right": ["InputLayer", []],
        "block/inner_a": ["QConv2D", ["left"]],
        "block/inner_b": ["QConv2DBatchnorm", ["block/inner_a"]],
        concat: ["Concatenate", ["block/inner_a", "right", "block/inner_b"]],
        conv: ["QConv2D", [concat]],
        "tail/norm": ["BatchNormalization", [conv]],
        "tail/last": ["QConv2D", ["tail/norm"]],
    }
    if network is not None:
        assert network.inputs == (("left", 0), ("right", 0))
        assert network.outputs == (("tail/last", 0),)


@pytest.mark.parametrize("form", ["h5", "keras"])
@pytest.mark.parametrize("name", ["sequential", "branches", "nested"])
@pytest.mark.parametrize("flavour", ["0.9", "v3"])
def test_layers_stand_in_topological_order(written, flavour, name, form):
    seen = set()
    for layer in read(written(flavour) / f"{name}.{form}").layers:
        assert {source for source, _ in layer.inbound} <= seen
        seen.add(layer.name)


def test_iteration_of_folded_layers_is_read(written):
    for form in ("h5", "keras"):
        network = read(written("0.9") / f"branches.{form}")
        folded = [layer for layer in network.layers if layer.class_name.endswith("Batchnorm")]
        assert len(folded) == 2
        assert all(layer.weights["iteration"].shape == () for layer in folded)


def test_no_keras_is_imported(written):
    paths = [str(written("0.9") / f"branches.{form}") for form in ("h5", "keras")]
    script = (
        "import sys; from hwgen.read import read\n"
        "for path in sys.argv[1:]: read(path)\n"
        "bad = {'tensorflow', 'keras', 'tf_keras', 'qkeras'} & set(sys.modules)\n"
        "sys.exit(repr(bad) if bad else 0)"
    )
    run = subprocess.run([sys.executable, "-c", script, *paths], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_content_tells_the_format(written, tmp_path):
    for form in ("h5", "keras"):
        path = tmp_path / f"model-{form}.bin"
        path.write_bytes((written("0.9") / f"branches.{form}").read_bytes())
        assert len(read(str(path)).layers) == 12


def test_a_large_model_reads_quickly(written, tmp_path):
    """40 MB of weights. TensorFlow alone takes seconds to import."""
    path = tmp_path / "large.h5"
    path.write_bytes((written("0.9") / "branches.h5").read_bytes())
    with h5py.File(path, "a") as file:
        group = file["model_weights/one"]
        (kernel,) = [name for name in group.attrs["weight_names"] if "kernel" in name]
        del group[kernel]
        group[kernel] = np.ones((3200, 3200), np.float32)
    start = time.monotonic()
    read(path)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("file", "class_name", "shapes"),
    [
        (
            "mlperf_rn07.h5",
            "QConv2DBatchnorm",
            [(1, 1, 3, 32), (4, 4, 32, 4), (4, 4, 4, 32), (4, 4, 32, 32), (4, 4, 32, 32)],
        ),
        ("mlperf_ad08.h5", "QDenseBatchnorm", [(64, 72), (72, 72), (72, 8), (8, 72), (72, 72)]),
    ],
)
def test_models_by_other_people(file, class_name, shapes):
    path = SHARED / file
    if not path.is_file():
        pytest.skip(f"{path} isn't there: models by other people aren't part of the project")
    network = read(path)
    assert network.flavour == "0.9"
    folded = [layer for layer in network.layers if layer.class_name == class_name]
    assert len(folded) == len(shapes)
    variables = {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "iteration"}
    with h5py.File(path) as stored:
        for layer, shape in zip(folded, shapes):
            assert layer.weights.keys() == variables
            assert layer.weights["kernel"].shape == shape
            group = stored["model_weights"][layer.name]
            for name in group.attrs["weight_names"]:
                name = name if isinstance(name, str) else name.decode()
                short = name.split("/")[-1].removesuffix(":0")
                assert np.array_equal(layer.weights[short], group[name])
