"""Small models with random weights, saved in every format, with what Keras itself says of their layers and weights.

    python keras_models.py FOLDER

Runs on QKeras 0.9 (Keras 2) and on qkeras-v3 (Keras 3). Writes, for each model, `<name>.h5`, `<name>.keras`, and
`<name>.json`, the weights alone in each form that this Keras has, and
`<name>.npz` and `live-<name>.npz` as `save_description` has them: the truth, and what the reader makes of the object.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

VERSION = 3 if importlib.util.find_spec("qkeras.ops_portable") else 2
FLAVOUR = "v3" if VERSION == 3 else "0.9"
VARIABLES = (
    *("kernel", "depthwise_kernel", "pointwise_kernel", "bias", "alpha"),
    *("gamma", "beta", "moving_mean", "moving_variance"),
)


def build_all() -> dict[str, object]:
    """Name -> model."""
    import qkeras as q

    if VERSION == 3:
        import keras
    else:
        from tensorflow import keras
    layers = keras.layers
    bits = dict(kernel_quantizer=q.quantized_bits(4, 0, 1), bias_quantizer=q.quantized_bits(8, 2))
    folded = dict(padding="same", bias_quantizer=q.quantized_bits(8, 2))
    shallow = [
        q.QConv2D(3, 3, input_shape=(6, 7, 2), name="first", **bits),
        q.QActivation("quantized_relu(4,1)"),
        layers.BatchNormalization(scale=False),
        q.QDepthwiseConv2D(2, depthwise_quantizer=q.binary(alpha=1)),
        q.QBatchNormalization(),
        layers.DepthwiseConv2D(2, use_bias=False, name="plain"),
        q.QConv2D(4, 1, kernel_quantizer=q.ternary(), use_bias=False),
        layers.MaxPooling2D(1),
        layers.Dropout(0.5),
        layers.Flatten(),
        q.QDense(5, kernel_quantizer=q.stochastic_ternary(), activation=q.quantized_relu(3)),
        layers.PReLU(),
        layers.Dense(3),
        layers.Activation("softmax"),
    ]
    sequential = keras.Sequential(shallow)
    if VERSION == 3:  # Keras 3 builds it at the first call only
        sequential.build((None, 6, 7, 2))

    x = entry = layers.Input((8, 8, 2), name="frame")
    a = q.QConv2D(3, 1, kernel_quantizer=q.binary(alpha="auto_po2"))(x)
    b = q.QConv2D(3, 3, padding="same", kernel_quantizer=q.binary(), use_bias=False)(x)
    c = q.QConv2DBatchnorm(3, 3, kernel_quantizer=q.quantized_bits(4, 0, 1), **folded)(x)
    d = q.QDepthwiseConv2DBatchnorm(3, depthwise_quantizer=q.quantized_bits(4, 0, 1), **folded)(a)
    e = layers.BatchNormalization()(layers.Add()([c, a]))
    x = layers.Concatenate()([d, e, b, a])
    x = layers.SeparableConv2D(4, 3)(x)
    x = layers.GlobalAveragePooling2D()(x)
    one = layers.Dense(4, name="one")(x)
    two = q.QDense(2, **bits)(x)
    if VERSION == 3:
        two = q.QDenseBatchnorm(3, kernel_quantizer=q.quantized_bits(4))(two)
    branches = keras.Model(entry, [two, one], name="branches")

    left, right = layers.Input((4, 4, 2), name="left"), layers.Input((4, 4, 2), name="right")
    inner_in = layers.Input((4, 4, 2))
    inner_1 = q.QConv2D(2, 1, name="inner_a", **bits)(inner_in)
    inner_2 = q.QConv2DBatchnorm(2, 1, name="inner_b", kernel_quantizer=q.quantized_bits(4), **folded)(inner_1)
    inner = keras.Model(inner_in, [inner_2, inner_1], name="block")
    tail = keras.Sequential(
        [layers.Input((4, 4, 2)), layers.BatchNormalization(name="norm"), q.QConv2D(1, 1, name="last", **bits)],
        name="tail",
    )
    first, second = inner(left)
    x = layers.Concatenate()([second, right, first])
    x = q.QConv2D(2, 1, **bits)(x)
    nested = keras.Model([left, right], tail(x), name="nested")

    rng = np.random.default_rng(5)
    models = dict(sequential=sequential, branches=branches, nested=nested)
    for model in models.values():
        model.set_weights([_random(rng, w) for w in model.get_weights()])
        model.compile("adam", "mse")  # files of trained models have an optimizer in them
    return models


def _random(rng, array):
    if np.asarray(array).dtype.kind != "f":
        return array
    return (rng.random(np.shape(array)) + 0.25).astype(np.float32)


def truth(model, prefix="") -> tuple[dict, dict]:
    """Layer -> [class, names of the layers it reads], and `layer:variable` -> array, as Keras's objects have them.

    Layers of models in the model are left out of the first: Keras names their inputs otherwise.
    """
    topology, weights = {}, {}
    for layer in model.layers:
        if not prefix:
            topology[layer.name] = [type(layer).__name__, [] if _is_input(layer) else _sources(layer)]
        if hasattr(layer, "layers"):
            weights |= truth(layer, f"{prefix}{layer.name}/")[1]
        parts = [layer, *([layer.batchnorm] if hasattr(layer, "batchnorm") else [])]
        for part in parts:
            for name in VARIABLES:
                variable = getattr(part, name, None)
                if hasattr(variable, "shape"):
                    plain = type(layer).__name__ == "DepthwiseConv2D" and name == "kernel"
                    short = "depthwise_kernel" if plain else name
                    weights[f"{prefix}{layer.name}:{short}"] = np.asarray(variable)
    return topology, weights


def _is_input(layer) -> bool:
    return type(layer).__name__ == "InputLayer"


def _sources(layer) -> list[str]:
    tensors = layer.input if isinstance(layer.input, list) else [layer.input]
    if hasattr(layer, "layers"):  # the input of a model is that of its own first layer
        node = layer._inbound_nodes[-1]
        tensors = node.input_tensors if VERSION == 3 else [node.input_tensors]
    return [tensor._keras_history[0].name for tensor in tensors]


def described(network) -> tuple[dict, dict]:
    """The same as `truth`, of a `hwgen.network.Network`; the layers of inner models stay in the topology."""
    topology = {layer.name: [layer.class_name, [name for name, _ in layer.inbound]] for layer in network.layers}
    weights = {
        f"{layer.name}:{name}": array
        for layer in network.layers
        for name, array in layer.weights.items()
        if name in VARIABLES
    }
    return topology, weights


def save_description(path: Path, topology: dict, weights: dict, flavour: str) -> None:
    np.savez(path, **weights, _topology=json.dumps(topology), _flavour=flavour)


def load_description(path: Path) -> tuple[dict, dict, str]:
    with np.load(path) as data:
        weights = {name: data[name] for name in data.files if not name.startswith("_")}
        return json.loads(str(data["_topology"])), weights, str(data["_flavour"])


def write_all(folder: Path) -> None:
    """Builds, saves and describes every model."""
    import warnings

    from hwgen.read import read

    for name, model in build_all().items():
        save_description(folder / f"{name}.npz", *truth(model), FLAVOUR)
        network = read(model)
        save_description(folder / f"live-{name}.npz", *described(network), network.flavour)
        for suffix in ("h5", "keras"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras advises against .h5
                model.save(folder / f"{name}.{suffix}")
        (folder / f"{name}.json").write_text(model.to_json())
        model.save_weights(folder / f"{name}.weights.h5")
        if VERSION == 2:
            model.save_weights(folder / f"{name}-weights.h5")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
