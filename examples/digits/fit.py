"""The part of the training that needs TensorFlow: the epochs, each with its checkpoint, and the files at the end."""

from __future__ import annotations

import json
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if find_spec("tf_keras"):  # Keras 2 beside a TensorFlow that has moved on to Keras 3
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
from checkpoint import Checkpoint, save
from data import Dataset
from model import before_softmax, build

SEED = 1
BATCH = 32
LEARNING_RATE = 1e-2
SHIFT = 1  # training images move by up to so many pixels, anew in every epoch
FRAMES = 100  # held-out frames to save


def fit(data: Dataset, settings: dict, file: Path, reached: Checkpoint | None, show) -> tf.keras.Model:
    """Trains a network from the start, or from where an earlier training had come; both give the same weights.

    settings: `epochs`, `quantized`, and whatever else tells trainings apart. file: gets a checkpoint after every epoch.
    show: takes a text and a share from 0 to 1.
    Adam with a cosine decay to 0: the weights settle, and the last epoch is kept, none picked by its accuracy.
    """
    warnings.filterwarnings("ignore", module=".*keras")  # about the .h5 format and QKeras's own constraints
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(SEED)
    epochs = settings["epochs"]
    model = build(data.train_x.shape[1:], quantized=settings["quantized"])
    steps = epochs * -(-len(data.train_x) // BATCH)
    optimizer = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps))
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(model.trainable_variables)
    done = _resume(model, reached)
    rng = np.random.default_rng(SEED)
    show(f"epoch {done + 1}/{epochs}", done / epochs)
    for epoch in range(1, epochs + 1):
        # Drawn for the epochs before a checkpoint too: the images then move as without an interruption.
        moves = rng.integers(0, 2 * SHIFT + 1, size=(len(data.train_x), 2))
        if epoch <= done:
            continue
        history = model.fit(shifted(data.train_x, moves), data.train_y, batch_size=BATCH, verbose=0).history
        optimizer_state = [variable.numpy() for variable in optimizer.variables]
        save(file, settings, Checkpoint(epoch, model.get_weights(), optimizer_state))
        loss, accuracy = history["loss"][0], history["accuracy"][0]
        show(f"epoch {epoch}/{epochs}, loss {loss:.3f}, accuracy {accuracy:.1%}", epoch / epochs)
    return model


def _resume(model: tf.keras.Model, checkpoint: Checkpoint | None) -> int:
    """Puts the checkpoint's arrays into the model and its optimizer. Returns the number of epochs done."""
    if checkpoint is None:
        return 0
    model.set_weights(checkpoint.weights)
    for variable, value in zip(model.optimizer.variables, checkpoint.optimizer, strict=True):
        variable.assign(value)
    return checkpoint.epoch


def shifted(images: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Each image moved by -SHIFT to SHIFT rows and columns (moves counts from 0); black comes in at the edges."""
    rows, columns = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
    return np.stack([image[r : r + rows, c : c + columns] for image, (r, c) in zip(padded, moves)])


def write(model: tf.keras.Model, data: Dataset, settings: dict, folder: Path) -> None:
    """Writes digits.h5, test_frames.npz (x as the model takes it, labels y, QKeras's own scores `expected`), training.json."""
    model.save(folder / "digits.h5", include_optimizer=False)
    x, y = data.test_x[:FRAMES], data.test_y[:FRAMES]
    expected = before_softmax(model).predict(x, verbose=0)
    np.savez_compressed(folder / "test_frames.npz", x=x, y=y, expected=expected)
    right = model.predict(data.test_x, verbose=0).argmax(axis=1) == data.test_y
    record = settings | {
        "images": data.name,
        "trained on": len(data.train_x),
        "held out": len(right),
        "accuracy": float(np.mean(right)),
        "parameters": model.count_params(),
    }
    (folder / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def layers(model: tf.keras.Model) -> str:
    """The layers that have weights, a line each: their output, number of parameters, bits and scale of the weights."""
    lines = [f"{'layer':10} {'output':>10} {'parameters':>11}  weights"]
    for layer in model.layers:
        if layer.count_params():
            output = "×".join(map(str, layer.output_shape[1:]))
            lines.append(f"{layer.name:10} {output:>10} {layer.count_params():>11,}  {describe_weights(layer)}")
    return "\n".join([*lines, f"{'total':10} {'':10} {model.count_params():>11,}"])


def describe_weights(layer: tf.keras.layers.Layer) -> str:
    """For example `binary, scale 0.125 to 0.25`: the scales that QKeras chose, or was given."""
    quantizer = layer.kernel_quantizer_internal
    if quantizer is None:
        return "float"
    quantizer(layer.kernel)
    scales = np.unique(quantizer.scale)
    kind = f"{quantizer.bits} bits" if hasattr(quantizer, "bits") and quantizer.bits > 1 else "binary"
    return f"{kind}, scale {' to '.join(f'{scale:g}' for scale in sorted({scales[0], scales[-1]}))}"
