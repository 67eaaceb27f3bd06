"""Models in two files, files of old Keras releases, and what is refused with the file to give instead."""

import json
import pickle
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from hwgen.__main__ import main
from hwgen.errors import ModelError
from hwgen.read import read
from tests.read.keras_models import described, load_description
from tests.read.test_errors import GOOD, entry, functional, layer, write_h5


def refusal(*files) -> str:
    with pytest.raises(ModelError) as caught:
        read(*files)
    message = str(caught.value)
    assert "\n" not in message and "; " in message and len(message) < 400
    return message


@pytest.mark.parametrize(
    ("flavour", "weights"),
    [("0.9", "-weights.h5"), ("0.9", ".weights.h5"), ("0.9", ".h5"), ("v3", ".weights.h5"), ("v3", ".h5")],
)
@pytest.mark.parametrize("name", ["sequential", "branches", "nested"])
def test_architecture_and_weights(written, flavour, weights, name):
    """The same network as the whole model gives, weight by weight."""
    folder = written(flavour)
    network = read(folder / f"{name}.json", folder / f"{name}{weights}")
    whole = read(folder / f"{name}.h5")
    assert network.flavour == flavour and network.outputs == whole.outputs
    topology, found = described(network)
    assert topology == described(whole)[0]
    true = load_description(folder / f"{name}.npz")[1]
    assert found.keys() == true.keys()
    assert all(np.array_equal(found[key], true[key]) for key in true)


def test_json_inside_a_json_text(written, tmp_path):
    """json.dump(model.to_json(), file), a common slip, and a byte-order mark."""
    folder = written("0.9")
    text = (folder / "branches.json").read_text()
    for name, content in {"quoted": json.dumps(text), "marked": "\ufeff" + text, "indented": f"\n  {text}"}.items():
        path = tmp_path / f"{name}.json"
        path.write_text(content, encoding="utf-8")
        assert len(read(path, folder / "branches-weights.h5").layers) == 12


def test_the_command_takes_both(tmp_path):
    h5 = write_h5(tmp_path / "w.h5", QUANTIZED)
    (tmp_path / "m.json").write_text(json.dumps(QUANTIZED | {"keras_version": "2.4.0"}))
    arguments = [str(tmp_path / "m.json"), "--weights", str(h5), "--input-type", "ufixed<4,0>"]
    assert main([*arguments, "--check", "-q"]) == 0
    assert main([*arguments, "-q", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "report.json").exists()


QUANTIZED = functional(
    entry(), layer("d", source="x", kernel_quantizer="quantized_bits(4,0,alpha=1)", use_bias=True, activation="linear")
)


def test_which_file_is_missing(written, tmp_path):
    folder = written("0.9")
    architecture, weights = folder / "branches.json", folder / "branches-weights.h5"
    assert "without weights; say branches.json --weights W.h5" in refusal(architecture)
    for file in (weights, folder / "branches.weights.h5"):
        message = refusal(file)
        assert "holds weights only" in message and f"MODEL.json --weights {file.name}" in message
    assert "leave --weights away" in refusal(folder / "branches.h5", weights)
    assert "is a whole model; give it in place of branches.json" in refusal(architecture, folder / "branches.keras")
    assert "there is no file" in refusal(architecture, folder / "nothing.h5")
    assert "are no HDF5 file; give what model.save_weights" in refusal(architecture, architecture)
    assert "weights of none of the model's layers; write architecture and" in refusal(
        architecture, folder / "sequential-weights.h5"
    )
    (tmp_path / "other.json").write_text('{"name": "package"}')
    assert "is JSON, but no Keras model; give what model.to_json()" in refusal(tmp_path / "other.json", weights)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = np.ones(3)
    assert "holds no Keras weights" in refusal(architecture, tmp_path / "data.h5")


def test_a_model_in_memory_has_its_weights():
    class Model:
        to_json = layers = weights = None

    with pytest.raises(ModelError, match="has its weights; load them into it"):
        read(Model(), "w.h5")


FOREIGN = {
    "m.yaml": (b"backend: tensorflow\nclass_name: Functional\n", "is YAML; load it in Keras 2.2 to 2.5.*to_json"),
    "noname": (b"class_name: Sequential\nconfig:\n", "is YAML"),
    "m.tflite": (b"\x1c\0\0\0TFL3\x14\0", "TensorFlow Lite.*save it with model.save"),
    "m.bin": (b"\x1c\0\0\0TFL3\x14\0", "TensorFlow Lite"),
    "m.onnx": (b"\x08\x07\x12\x08tf2onnx", "ONNX model, which has lost its quantizers; "),
    "m.pb": (b"\x0a\x10", "TensorFlow program"),
    "m.index": (b"\0\0\x01", "TensorFlow checkpoint.*save_weights"),
    "m.data-00000-of-00001": (b"\0\0\x01", "TensorFlow checkpoint.*save_weights"),
    "checkpoint": (b'model_checkpoint_path: "ckpt"\n', "TensorFlow checkpoint"),
    "m.pkl": (pickle.dumps({"a": 1}), "pickle, which may run code when it is opened; hwgen never opens one"),
    "m.model": (pickle.dumps([1]), "pickle"),
    "m.pt": (b"\0\x01", "PyTorch"),
    "x.npy": (b"\x93NUMPY\x01\0", "array of numpy.*--simulate"),
    "m.h5": (b"<html>not found</html>", "is neither an HDF5 nor a .keras file"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_formats(tmp_path, name):
    content, text = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=text):
        read(tmp_path / name)
    refusal(tmp_path / name)


def test_saved_models(tmp_path):
    (tmp_path / "keras_metadata.pb").write_bytes(b"")
    assert "SavedModel folder" in refusal(tmp_path) and "model.save('model.h5')" in refusal(tmp_path)


# What the releases of Keras 2 wrote otherwise than the last one


def aged(description: dict, release: str) -> dict:
    """A model's description of Keras 2.15 as an older release would have written it."""
    old = json.loads(json.dumps(description))
    if old["class_name"] == "Functional":
        old["class_name"] = "Model"  # until TensorFlow 2.2
    for inner in old["config"]["layers"]:
        if inner["class_name"] == "Functional":
            inner.update(aged(inner, release))
    if release == "list" and old["class_name"] == "Sequential":  # until Keras 2.2.2
        layers = [inner for inner in old["config"]["layers"] if inner["class_name"] != "InputLayer"]
        assert "batch_input_shape" in layers[0]["config"]
        old["config"] = layers
    return old


@pytest.mark.parametrize("release", ["model", "list", "chunks", "no version", "2.2.4-tf", "bytes"])
@pytest.mark.parametrize("name", ["sequential", "branches", "nested"])
def test_old_releases(written, tmp_path, name, release):
    folder, path = written("0.9"), tmp_path / "old.h5"
    shutil.copy(folder / f"{name}.h5", path)
    with h5py.File(path, "a") as file:
        text = json.dumps(aged(json.loads(file.attrs["model_config"]), release))
        file.attrs["model_config"] = np.bytes_(text) if release == "bytes" and len(text) < 60_000 else text
        if release == "no version":
            del file.attrs["keras_version"]
            del file["model_weights"].attrs["keras_version"]
        elif release != "model":
            file.attrs["keras_version"] = "2.2.4-tf"
        if release == "chunks":  # lists of over 64 kB are split; Keras 2 writes the pieces as numpy texts
            for group in file["model_weights"].values():
                names = group.attrs["weight_names"]
                if len(names):
                    del group.attrs["weight_names"]
                    for k, part in enumerate(np.array_split(np.asarray(names, dtype="S"), min(3, len(names)))):
                        group.attrs[f"weight_names{k}"] = part
    network = read(path)
    assert network.flavour == "0.9"
    assert described(network)[0] == described(read(folder / f"{name}.h5"))[0] or name == "sequential"
    true = load_description(folder / f"{name}.npz")[1]
    found = described(network)[1]
    assert found.keys() == true.keys() and all(np.array_equal(found[key], true[key]) for key in true)


def test_keras_files_of_releases_that_named_layers_otherwise(written, tmp_path):
    source, path = written("0.9") / "branches.keras", tmp_path / "m.keras"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in ("config.json", "metadata.json"):
            new.writestr(name, old.read(name))
        with h5py.File(tmp_path / "w.h5", "w") as file:
            file.create_group("_layer_checkpoint_dependencies/dense/vars")
        new.write(tmp_path / "w.h5", "model.weights.h5")
    assert "Keras 2.12 to 2.14" in refusal(path) and "save the model as .h5" in refusal(path)


def test_the_good_model_without_inner_names(tmp_path):
    """Some descriptions have a layer's name only in its configuration."""
    bare = json.loads(json.dumps(GOOD))
    for inner in bare["config"]["layers"]:
        del inner["name"]
    assert read(write_h5(tmp_path / "m.h5", bare)).layer("d").weights["bias"].shape == (2,)
