"""Networks that other people trained and published: equal to QKeras itself, and in Verilog on a board.

Both are from the MLPerf Tiny v0.7 open division (hls4ml on PYNQ-Z2); the files aren't part of the project.
"""

import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

import hwgen
from benchmarks import peers
from tests.keras3 import ROOT, run_keras3

SHARED = Path(os.environ.get("HWGEN_SHARED_MODELS", ROOT.parent / "shared" / "models"))


@dataclass(frozen=True)
class Real:
    """input_type: of the frames. interval: cycles a frame, so long that the design is small and quickly built."""

    file: str
    input_type: str
    interval: int

    @property
    def path(self) -> Path:
        path = SHARED / self.file
        if not path.is_file():
            pytest.skip(f"{path} isn't there: models by other people aren't part of the project")
        return path


# Images with 8 bits a colour, as numbers in [0, 1).
RN07 = Real("mlperf_rn07.h5", "ufixed<8,0>", 132_000)
# Log-mel energies in dB. The submission rounds them to ap_fixed<8,8>, whole numbers from -128 to 127; the moving means of
# the first layer are those of inputs from -6 to -44 in the mean.
AD08 = Real("mlperf_ad08.h5", "fixed<8,8>", 600)


def images(count: int) -> np.ndarray:
    """Half noise and half smooth: sums of the first layers differ much in size between the two."""
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 256, (count - count // 2, 32, 32, 3))
    smooth = np.kron(rng.integers(0, 256, (count // 2, 4, 4, 3)), np.ones((1, 8, 8, 1), dtype=int))
    return (np.concatenate([noise, smooth]) / 256).astype(np.float32)


def energies(count: int) -> np.ndarray:
    """Half as in the training data, half over the whole range of the type."""
    rng = np.random.default_rng(8)
    usual = np.rint(rng.normal(np.linspace(-8, -42, 64), 10, (count - count // 2, 64))).clip(-128, 127)
    extreme = rng.integers(-128, 128, (count // 2, 64))
    return np.concatenate([usual, extreme]).astype(np.float32)


def assert_same(expected: np.ndarray, scores: np.ndarray) -> None:
    assert len(np.unique(expected)) > expected.size // 4, "the frames tell nothing"
    wrong = np.argwhere(expected != scores)
    assert not len(wrong), f"{len(wrong)} of {scores.size} differ, first at {tuple(wrong[0])}"


def test_image_classification_equals_qkeras():
    utils = pytest.importorskip("qkeras.utils")
    from tensorflow import keras

    frames = images(8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras and QKeras, about files by older versions
        model = utils.load_qmodel(str(RN07.path), compile=False)
    assert model.layers[-1].activation is keras.activations.softmax
    before = keras.Model(model.inputs, model.layers[-2].output)
    expected = np.asarray(before(frames, training=False))
    assert expected.shape == (8, 10)
    assert_same(expected, hwgen.compile(RN07.path, "pynq-z2", input_type=RN07.input_type).evaluate(frames))


# qkeras 0.9 has no QDenseBatchnorm: qkeras-v3 has, and gets the layers of the file one by one.
REBUILD = """
import json, sys
import keras, numpy as np, qkeras

stored = np.load(sys.argv[1])
made = [keras.Input((64,))]
for kind, config in json.loads(str(stored["layers"])):
    quantizers = {
        key: getattr(qkeras, config[key]["class_name"])(**config[key]["config"])
        for key in ("kernel_quantizer", "bias_quantizer", "activation")
        if isinstance(config.get(key), dict)
    }
    options = {key: config[key] for key in ("name", "units", "use_bias", "epsilon", "folding_mode") if key in config}
    if kind == "QActivation":
        made.append(qkeras.QActivation(quantizers["activation"], name=config["name"]))
    else:
        made.append(getattr(qkeras, kind)(**options, **quantizers))
model = keras.Sequential(made)
for layer in model.layers:
    variables = {v.name: v for v in [*layer.weights, *getattr(getattr(layer, "batchnorm", None), "weights", [])]}
    for name, variable in variables.items():
        if name != "iteration":
            variable.assign(stored[f"{layer.name}/{name}"])
np.save(sys.argv[2], keras.ops.convert_to_numpy(model(stored["frames"], training=False)))
"""


def test_anomaly_detection_equals_qkeras(tmp_path):
    frames = energies(8)
    arrays = {"frames": frames}
    with h5py.File(AD08.path) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        described = [(layer["class_name"], layer["config"]) for layer in layers if layer["class_name"] != "InputLayer"]
        for _, config in described:
            group = file["model_weights"][config["name"]]
            for name in group.attrs["weight_names"]:
                name = name if isinstance(name, str) else name.decode()
                arrays[f"{config['name']}/{name.split('/')[-1].removesuffix(':0')}"] = np.asarray(group[name])
    assert sorted(kind for kind, _ in described) == ["QActivation"] * 5 + ["QDense"] + ["QDenseBatchnorm"] * 5
    np.savez(tmp_path / "stored.npz", layers=json.dumps(described), **arrays)
    run_keras3(REBUILD, [tmp_path / "stored.npz", tmp_path / "expected.npy"], tmp_path)
    expected = np.load(tmp_path / "expected.npy")
    assert expected.shape == (8, 64)
    assert_same(expected, hwgen.compile(AD08.path, "pynq-z2", input_type=AD08.input_type).evaluate(frames))


@pytest.mark.parametrize(("real", "make"), [(RN07, images), (AD08, energies)], ids=["rn07", "ad08"])
def test_verilog_is_equal_on_every_stream(real, make):
    design = hwgen.compile(real.path, "pynq-z2", input_type=real.input_type, interval=real.interval)
    frames = make(2)
    result = design.simulate(frames)  # raises DifferenceError where a value differs
    assert result.frames == 2 and not result.mismatched
    assert np.array_equal(result.outputs["output"], design.evaluate(frames))
    # Every value that a layer makes was seen: images of 32 × 32 × 32 in RN07, 72 values a layer in AD08.
    assert result.compared > {RN07: 2 * 100_000, AD08: 2 * 500}[real]
    assert result.interval_cycles <= design.compiled.timing.interval <= real.interval


def test_benchmark_without_the_models_says_so(tmp_path, capsys):
    assert peers.main(["--models", str(tmp_path), "--board", "zybo"]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert (
        printed.err.startswith(f"error: {tmp_path / peers.NETWORKS[0].file} isn't there; ")
        and printed.err.count("\n") == 1
    )


def test_benchmark_prints_estimates_as_such(capsys, monkeypatch):
    assert AD08.path
    monkeypatch.setattr(peers, "NETWORKS", [network for network in peers.NETWORKS if network.name == "AD08"])
    assert peers.main(["--models", str(SHARED), "--board", "zybo"]) == 0
    printed = capsys.readouterr().out
    published, own = [line for line in printed.splitlines() if "inferences" not in line and "MHz" in line]
    assert "53,365" in published and "published" in published
    assert "| hwgen" in own and "| not run |" in own and "estimated interval" in own
    assert "synthesized" not in printed
