"""The committed digits example: what its README claims, and that its expected scores are QKeras's own."""

import json
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import h5py
import numpy as np
import pytest

import hwgen
from hwgen.frames import Frames

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture(scope="module")
def frames():
    with np.load(EXAMPLE / "test_frames.npz") as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def design():
    return hwgen.compile(EXAMPLE / "digits.h5", board="zybo")


def readme(pattern):
    """The number in the README that the pattern's group finds."""
    return float(re.search(pattern, (EXAMPLE / "README.md").read_text()).group(1).replace(",", ""))


def test_frames_are_four_bit_images_with_labels_and_scores(frames):
    assert set(frames) == {"x", "y", "expected"}
    x, y, expected = frames["x"], frames["y"], frames["expected"]
    assert x.shape == (100, 28, 28, 1) and x.dtype == np.float32
    assert y.shape == (100,) and set(y) == set(range(10))
    assert expected.shape == (100, 10) and expected.dtype == np.float32
    levels = x * 16
    assert np.array_equal(levels, np.rint(levels)) and levels.min() == 0 and levels.max() == 15


def test_scores_are_on_the_grid_of_exact_arithmetic(frames):
    # The last layer multiplies activations k/8 by weights k/8; float32 holds every partial sum of 256 of them.
    scaled = frames["expected"] * 64
    assert np.array_equal(scaled, np.rint(scaled))


def test_no_image_has_two_best_scores(frames):
    # Otherwise argmax, and so the accuracy, would depend on which of them comes first.
    best = np.sort(frames["expected"], axis=1)
    assert np.all(best[:, -1] > best[:, -2])


def test_readme_states_the_accuracy_on_the_committed_frames(frames):
    right = np.sum(frames["expected"].argmax(axis=1) == frames["y"])
    assert right == readme(r"committed images, in QKeras \| (\d+) right")
    assert right == readme(r"in hardware \(simulated Verilog\) \| (\d+) right")


def test_the_integer_model_gives_qkeras_own_scores(design, frames):
    assert np.array_equal(design.evaluate(frames["x"]), frames["expected"])


def test_the_verilog_gives_them_too_at_the_pace_that_readme_states(design, frames):
    few = Frames(**frames).first(2)
    result = design.simulate(few, simulator="icarus")
    assert np.array_equal(result.outputs["output"], few.expected)
    assert design.accuracy["outputs equal"] == 2 and design.accuracy["hardware"] == design.accuracy["QKeras"]
    assert (result.top1["output"] == few.expected.argmax(axis=1)).all()
    assert result.interval_cycles == readme(r"image behind image \| (\d+)")
    assert result.latency_cycles == readme(r"last score out \| ([\d,]+)")


def test_model_file_is_small_and_has_the_quantizers_that_readme_names():
    path = EXAMPLE / "digits.h5"
    assert path.stat().st_size < 300_000
    with h5py.File(path) as file:
        layers = json.loads(file.attrs["model_config"])["config"]["layers"]
        assert "optimizer_weights" not in file
        parameters = 0

        def count(_, item):
            nonlocal parameters
            parameters += item.size if isinstance(item, h5py.Dataset) else 0

        file["model_weights"].visititems(count)
    assert parameters == readme(r"network of ([\d,]+) parameters")
    kernels = {
        layer["config"]["name"]: layer["config"]["kernel_quantizer"]
        for layer in layers
        if "kernel_quantizer" in layer["config"]
    }
    four_bits = {name for name, quantizer in kernels.items() if quantizer["class_name"] == "quantized_bits"}
    assert four_bits == {"first", "scores"}
    assert all(kernels[name]["config"]["bits"] == 4 for name in four_bits)
    assert {kernels[name]["class_name"] for name in kernels.keys() - four_bits} == {"binary"}
    assert {quantizer["config"]["alpha"] for quantizer in kernels.values()} == {1, 0.5, 0.25, "auto_po2"}


def qkeras_on_keras_2() -> bool:
    """QKeras 0.9 is installed. qkeras-v3, imported under the same name, is another distribution."""
    try:
        version("qkeras")
    except PackageNotFoundError:
        return False
    return True


@pytest.mark.skipif(not qkeras_on_keras_2(), reason="QKeras on Keras 2, which trained the example, is not installed")
@pytest.mark.filterwarnings("ignore")  # TensorFlow and QKeras warn about themselves
def test_expected_scores_are_those_of_qkeras(frames):
    from qkeras.utils import load_qmodel
    from tensorflow import keras

    model = load_qmodel(str(EXAMPLE / "digits.h5"), compile=False)
    scores = keras.Model(model.input, model.get_layer("scores").output)
    assert np.array_equal(scores.predict(frames["x"], verbose=0), frames["expected"])
    assert np.array_equal(scores.predict(frames["x"], verbose=0, batch_size=1), frames["expected"])
