"""Models with layers and models that are called several times, saved in every format, with what Keras makes of frames.

    python shared_models.py FOLDER

Runs on QKeras 0.9 (Keras 2) and on qkeras-v3 (Keras 3). Writes, for each model, `<name>.h5`, `<name>.keras`, and
`<name>.npz` with its frames, an array for each input, and its results `output0`, `output1`, ...; `live-<name>.npz` has
what hwgen's integer model makes of the object in memory.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np

VERSION = 3 if importlib.util.find_spec("qkeras.ops_portable") else 2
FRAMES, STEP = 3, 2.0**-4


def build_all() -> dict[str, object]:
    """Name -> model."""
    import qkeras as q

    if VERSION == 3:
        import keras
    else:
        from tensorflow import keras
    layers = keras.layers

    def dense(units, name):
        bits = dict(kernel_quantizer=q.quantized_bits(4, 0, alpha=1), bias_quantizer=q.quantized_bits(6, 2, alpha=1))
        return q.QDense(units, name=name, **bits)

    def relu(name):
        return q.QActivation("quantized_relu(4,1)", name=name)

    def block(name):
        """All models in the models have layers of the same names, and two outputs."""
        entry = layers.Input((4,), name="entry")
        inner = relu("act")(dense(4, "dense")(entry))
        return keras.Model(entry, [inner, dense(4, "other")(inner)], name=name)

    # One dense layer, called three times in a row and then on another input.
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    dense_twice, act = dense(4, "twice"), relu("act")
    x = act(dense_twice(act(dense_twice(act(dense_twice(left))))))
    y = dense_twice(right)
    shared = keras.Model([right, left], [layers.Subtract(name="difference")([x, y]), y], name="shared")

    # An encoder, one for both inputs, of whose outputs the second is read once only.
    left, right = layers.Input((4,), name="left"), layers.Input((4,), name="right")
    encoder = block("encoder")
    (one, _), (two, more) = encoder(left), encoder(right)
    tail = keras.Sequential([layers.Input((4,)), dense(3, "dense"), relu("act")], name="tail")
    unbuilt = keras.Sequential([dense(4, "dense"), relu("act")], name="unbuilt")
    x = tail(layers.Maximum(name="greatest")([one, two]))
    y = tail(unbuilt(unbuilt(more)))
    siamese = keras.Model([left, right], [layers.Average(name="mean")([x, y]), x, x], name="siamese")

    # Models in a model in a model, which is called twice.
    entry = layers.Input((4,), name="entry")
    inner = block("inner")
    first, second = inner(entry)
    deeper, _ = inner(second)
    pair = keras.Model(entry, [layers.Add(name="sum")([first, deeper]), entry], name="pair")
    frame = layers.Input((4,), name="frame")
    x, same = pair(frame)
    x, _ = pair(x)
    deep = keras.Model(frame, [x, same], name="deep")

    # A Sequential whose first layer is a model.
    entry = layers.Input((4,), name="entry")
    start = keras.Model(entry, relu("act")(dense(4, "dense")(entry)), name="start")
    chain = keras.Sequential([start, keras.Sequential([dense(2, "dense2")], name="end")], name="chain")
    chain(np.zeros((1, 4), np.float32))

    models = dict(shared=shared, siamese=siamese, deep=deep, chain=chain)
    rng = np.random.default_rng(8)
    for model in models.values():
        model.set_weights([rng.uniform(-1, 1, np.shape(w)).astype(np.float32) for w in model.get_weights()])
    return models


def frames_for(model) -> list[np.ndarray]:
    """For each input."""
    rng = np.random.default_rng(len(model.name))
    return [(rng.integers(-16, 16, (FRAMES, 4)) * STEP).astype(np.float32) for _ in model.inputs]


def write_all(folder: Path) -> None:
    """Builds, runs and saves every model."""
    import tensorflow as tf

    from hwgen.graph import evaluate
    from hwgen.quantize import frames_to_raw, quantize, raw_to_real
    from hwgen.read import read

    for name, model in build_all().items():
        frames = frames_for(model)
        results = model([tf.constant(x) for x in frames] if len(frames) > 1 else tf.constant(frames[0]))
        results = results if isinstance(results, (list, tuple)) else [results]
        outputs = {f"output{k}": np.asarray(y) for k, y in enumerate(results)}
        network = read(model)
        graph = quantize(network, "fixed<5,1>")
        np.savez(folder / f"{name}.npz", **dict(zip(graph.inputs, frames)), **outputs)
        raw = {key: frames_to_raw(graph, x, key) for key, x in zip(graph.inputs, frames)}
        values = evaluate(graph, raw)
        live = [raw_to_real(graph[ref.node].type, values[ref.node]) for ref in graph.outputs]
        np.savez(folder / f"live-{name}.npz", **{f"output{k}": y for k, y in enumerate(live)})
        for suffix in ("h5", "keras"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Keras advises against .h5
                model.save(folder / f"{name}.{suffix}")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
