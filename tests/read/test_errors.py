"""Whatever is wrong with a model ends as one clear line that names it."""

import io
import json
import os
import zipfile

import h5py
import numpy as np
import pytest

from hwgen.errors import ModelError
from hwgen.read import read
from hwgen.read.config import parse_model


def error(path) -> str:
    with pytest.raises(ModelError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


# A model written by hand: no QKeras is needed to make wrong ones.


def layer(name, kind="QDense", source=None, **config):
    inbound = [[[source, 0, 0, {}]]] if isinstance(source, str) else (source or [])
    return {"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound}


def entry(name="x", shape=(None, 3)):
    return layer(name, "InputLayer", batch_input_shape=list(shape))


def functional(*layers, inputs="x", outputs="d"):
    config = {"name": "m", "layers": layers, "input_layers": [[inputs, 0, 0]], "output_layers": [[outputs, 0, 0]]}
    return {"class_name": "Functional", "config": config}


GOOD = functional(entry(), layer("d", source="x"))


def write_h5(path, description=GOOD, version="2.15.0", **weights):
    weights = {"kernel": np.ones((3, 2), np.float32), "bias": np.ones(2, np.float32)} | weights
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = description if isinstance(description, str) else json.dumps(description)
        if version:
            file.attrs["keras_version"] = version
        group = file.create_group("model_weights/d")
        kept = {name: array for name, array in weights.items() if array is not None}
        group.attrs["weight_names"] = [f"d/{name}:0" for name in kept]
        for name, array in kept.items():
            group[f"d/{name}:0"] = array
    return path


@pytest.fixture
def h5(tmp_path):
    return write_h5(tmp_path / "model.h5")


def write_keras(path, h5_bytes, config=GOOD, **members):
    files = {
        "config.json": json.dumps(config),
        "metadata.json": '{"keras_version": "3.1"}',
        "model.weights.h5": h5_bytes,
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (files | members).items():
            if text is not None:
                archive.writestr(name, text)
    return path


@pytest.fixture
def weights_only():
    """What stands in a .keras file for the good model."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/q_dense/vars/0"] = np.ones((3, 2), np.float32)
        file["layers/q_dense/vars/1"] = np.ones(2, np.float32)
    return buffer.getvalue()


def test_the_good_ones_are_good(h5, weights_only, tmp_path):
    assert read(h5).layer("d").weights["kernel"].shape == (3, 2)
    assert read(write_keras(tmp_path / "m.keras", weights_only)).layer("d").weights["bias"].shape == (2,)


# Files


def test_missing_file(tmp_path):
    assert "there is no file" in error(tmp_path / "nothing.h5")
    assert "there is no file" in error(str(tmp_path / "nothing.h5"))


def test_folders(tmp_path):
    assert "is a folder; give the file" in error(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert "SavedModel folder" in error(tmp_path) and "model.save('model.h5')" in error(tmp_path)


def test_names_that_are_no_path():
    assert "can't be opened" in error("a\0b")
    assert "File name too long" in error("a" * 300)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(h5):
    h5.chmod(0)
    assert "Permission denied" in error(h5)


def test_other_content(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(b"")
    assert "is empty" in error(path)
    path.write_text("hello, this is no model at all")
    assert "is neither an HDF5 nor a .keras file" in error(path)


def test_other_objects():
    assert "an object of type int is neither a path nor a built Keras model" in error(3)
    assert "an object of type NoneType" in error(None)


def test_truncated(h5, weights_only, tmp_path):
    for path in (h5, write_keras(tmp_path / "m.keras", weights_only)):
        whole = path.read_bytes()
        for share in (0.1, 0.5, 0.9, 0.999):
            path.write_bytes(whole[: int(len(whole) * share)])
            assert "save the model again" in error(path)


def test_hdf5_that_is_no_model(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.ones(3)
    assert "is HDF5, but no Keras model" in error(path)


@pytest.mark.parametrize("flavour", ["2", "3"])
def test_weights_only(tmp_path, weights_only, flavour):
    path = tmp_path / "model.weights.h5"
    path.write_bytes(weights_only)
    if flavour == "2":
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = ["d"]
    message = error(path)
    assert "holds weights only" in message and "save the whole model" in message


def test_zip_that_is_no_model(tmp_path, weights_only):
    path = tmp_path / "m.keras"
    assert "no Keras model" in error(write_keras(path, weights_only, **{"config.json": None}))
    assert "no model.weights.h5" in error(write_keras(path, None))
    assert "metadata.json" in error(write_keras(path, weights_only, **{"metadata.json": None}))


def test_json_that_is_none(tmp_path, weights_only):
    path = tmp_path / "model.h5"
    assert "model_config isn't valid JSON" in error(write_h5(path, '{"class_name": '))
    assert "model_config isn't a JSON object" in error(write_h5(path, "[1]"))
    assert "isn't valid JSON (RecursionError" in error(write_h5(path, "[" * 100_000))
    assert "config.json isn't valid JSON" in error(write_keras(path, weights_only, **{"config.json": "nonsense"}))
    assert "can't be understood" in error(write_h5(path, {"class_name": 3, "config": {}}))
    assert "can't be understood" in error(write_h5(path, {}))


def test_versions(tmp_path):
    assert "Keras 1.2.2; save it with Keras 2 or 3" in error(write_h5(tmp_path / "m.h5", version="1.2.2"))
    # The first releases didn't always say it; Keras 3 has marks of its own.
    assert read(write_h5(tmp_path / "m.h5", version=None)).flavour == "0.9"
    assert read(write_h5(tmp_path / "m.h5", GOOD | {"registered_name": None}, version=None)).flavour == "v3"


# Weights


def test_missing_weights(tmp_path, weights_only):
    path = tmp_path / "model.h5"
    assert error(write_h5(path, kernel=None)).startswith("layer 'd': its weight 'kernel' is missing")
    with h5py.File(write_h5(path), "a") as file:
        del file["model_weights/d"]
    assert "layer 'd': its weight 'kernel' is missing" in error(path)
    with h5py.File(write_h5(path), "a") as file:
        del file["model_weights"]
    assert "layer 'd': its weight 'kernel' is missing" in error(path)
    with h5py.File(write_h5(path), "a") as file:
        del file["model_weights/d/d/kernel:0"]
    assert "weight 'd/kernel:0' is missing" in error(path)
    other = functional(entry(), layer("d", "QConv2D", source="x"))
    assert "layer 'd': its weight 'kernel' is missing" in error(write_keras(path, weights_only, other))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(tmp_path, value):
    bias = np.array([1, value], np.float32)
    assert error(write_h5(tmp_path / "m.h5", bias=bias)).startswith("layer 'd': its bias holds NaN or infinite values")


def test_weights_of_a_wrong_kind(tmp_path):
    path = tmp_path / "m.h5"
    assert "its bias has shape (2, 2), not one axis" in error(write_h5(path, bias=np.ones((2, 2), np.float32)))
    assert "not as numbers" in error(write_h5(path, bias=np.array([b"a", b"b"])))


def test_more_variables_than_the_layer_has(tmp_path, weights_only):
    config = functional(entry(), layer("d", source="x", use_bias=False))
    assert "layer 'd': it has 2 stored variables, not 1" in error(
        write_keras(tmp_path / "m.keras", weights_only, config)
    )


@pytest.mark.parametrize("options", [{}, {"chunks": (1 << 20,), "compression": "gzip"}])
def test_absurd_sizes_take_no_memory(h5, options):
    with h5py.File(h5, "a") as file:
        group = file["model_weights/d"]
        del group["d/kernel:0"]
        group.create_dataset("d/kernel:0", shape=(1 << 40,), dtype="f4", **options)
    assert "absurd shape (1099511627776,)" in error(h5)


def test_zip_bomb(tmp_path, weights_only):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.1"}')
        archive.writestr("model.weights.h5", weights_only)
        archive.writestr("config.json", b" " * (1 << 27))
    assert f"config.json would unpack to {1 << 27} bytes" in error(path)


def test_links_to_other_files_are_not_followed(h5, tmp_path):
    other = write_h5(tmp_path / "other.h5")
    for link in (
        h5py.ExternalLink(str(other), "/model_weights/d/d/kernel:0"),
        h5py.SoftLink("/model_weights/d/d/bias:0"),
    ):
        with h5py.File(h5, "a") as file:
            group = file["model_weights/d/d"]
            del group["kernel:0"]
            group["kernel:0"] = link
        assert "is a link to another place" in error(h5)


def test_data_in_other_files_is_not_read(h5, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 24)
    with h5py.File(h5, "a") as file:
        group = file["model_weights/d/d"]
        del group["kernel:0"]
        group.create_dataset("kernel:0", (3, 2), "f4", external=[(str(secret), 0, 24)])
    assert "is stored in another file" in error(h5)


# Structure


def structure(description) -> str:
    """The error of a model that is good but for its structure."""
    from hwgen.read.flatten import network

    weights = {"kernel": np.ones((3, 3)), "bias": np.ones(3)}
    with pytest.raises(ModelError) as caught:
        model = parse_model(json.loads(json.dumps(description)))
        network(model, {name: weights for name in "abcd"}, "0.9")
    return str(caught.value)


def test_open_dimensions():
    message = structure(functional(entry(shape=(None, None, 8, 3)), layer("d", source="x")))
    assert message.startswith("layer 'x': its shape (None, 8, 3) leaves a dimension open; give Input(shape=...)")
    assert "has no input shape" in structure(functional(entry(shape=()), layer("d", source="x")))


def test_duplicate_names():
    message = structure(functional(entry(), layer("d", source="x"), layer("d", source="x")))
    assert message.startswith("layer 'd': two layers have this name")


def test_cycle():
    message = structure(functional(entry(), layer("a", source="d"), layer("b", source="a"), layer("d", source="b")))
    assert "its input depends on its own output" in message
    assert "layer 'd': its input depends" in structure(functional(entry(), layer("d", source="d")))


def test_unknown_source():
    message = structure(functional(entry(), layer("d", source="nowhere")))
    assert message.startswith("layer 'd': reads from 'nowhere', which isn't in the model")
    assert "'z', which isn't in the model" in structure(functional(entry(), layer("d", source="x"), outputs="z"))
    assert "layer 'z': is an input of the model, but no InputLayer" in structure(functional(entry(), inputs="z"))


def test_no_source():
    assert structure(functional(entry(), layer("d"))).startswith("layer 'd': reads from no layer")


def test_second_output_of_a_layer():
    message = structure(functional(entry(), layer("d", source=[[["x", 0, 1, {}]]])))
    assert "layer 'd': reads output 1 of 'x', which has none" in message


def test_calls_of_a_shared_layer():
    wrong = layer("d", source=[[["x", 0, 0, {}]], [["d", 3, 0, {}]]])
    assert structure(functional(entry(), wrong)) == (
        "the model reads call 3 of layer 'd', which has 2; the file is damaged: save the model again"
    )
    circular = layer("d", source=[[["d", 1, 0, {}]], [["d", 0, 0, {}]]])
    assert "layer 'd': its input depends on its own output" in structure(functional(entry(), circular))


def test_models_that_multiply():
    """Each calls the one inside twice: 2^40 calls of nothing."""

    def nested(depth):
        if not depth:
            return functional(entry(), outputs="x")
        inner = {**nested(depth - 1), "name": "d", "inbound_nodes": [[["x", 0, 0, {}]], [["d", 1, 0, {}]]]}
        model = functional(entry(), inner)
        model["config"]["output_layers"] = [["d", 2, 0]]
        return model

    assert "layers are called more than 4,096 times; that is no network for an FPGA" in structure(nested(40))


def test_arguments_of_a_call():
    message = structure(functional(entry(), layer("d", source=[[["x", 0, 0, {"training": True}]]])))
    assert message.startswith("layer 'd': is called with training=True")
    parse_model(functional(entry(), layer("d", source=[[["x", 0, 0, {"training": False, "mask": None}]]])))


def keras3_call(*args, **kwargs):
    tensors = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [a, 0, 0]}} if a == "x" else a for a in args
    ]
    return [{"args": tensors, "kwargs": kwargs}]


def test_operations_and_constants():
    lambda_layer = layer("d", "TFOpLambda", source="x", function="math.reduce_mean")
    assert structure(functional(entry(), lambda_layer)).startswith("layer 'd': is the operation 'math.reduce_mean'")
    mean = layer("d", "Mean", source=keras3_call("x"))
    assert structure(functional(entry(), mean)).startswith("layer 'd': is the operation 'Mean', not a layer")
    # A layer of Keras 3 whose configuration says as little as an operation's.
    dropout = layer("d", "SpatialDropout2D", source=keras3_call("x")) | {"module": "keras.layers"}
    assert parse_model(functional(entry(), dropout)).layers[1].class_name == "SpatialDropout2D"
    add = layer("d", "Add", source=keras3_call("x", 1.0))
    assert structure(functional(entry(), add)).startswith("layer 'd': is called with '1.0', not a layer's output")
    add = parse_model(functional(entry(), layer("d", "Add", source=keras3_call("x", "x"))))
    assert add.layers[1].calls == ((("x", 0, 0), ("x", 0, 0)),)


def test_sequential_shapes():
    def sequential(*layers, **config):
        return {"class_name": "Sequential", "config": {"name": "s", "layers": layers, **config}}

    assert "the model 's' has no layers" in structure(sequential())
    assert "doesn't say the shape of its input" in structure(sequential(layer("d")))
    for model in (
        sequential(layer("d", batch_input_shape=[None, 3])),
        sequential(layer("d"), build_input_shape=[2, 3]),
    ):
        parsed = parse_model(model)
        assert parsed.layers[0].config["shape"] == (3,)
        assert parsed.layers[1].calls == (((parsed.layers[0].name, 0, 0),),)


def test_classes_of_their_own():
    assert "the model is a Mine, whose structure only its own code knows" in structure(
        {"class_name": "my>Mine", "config": {}}
    )
