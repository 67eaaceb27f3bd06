"""Trains the example network in QKeras, and writes the model and some held-out frames to try it on.

python examples/digits/train.py                   scikit-learn's digits, 8×8
python examples/digits/train.py --data mnist      MNIST, 28×28; README.md says how to get it
"""

from __future__ import annotations

import argparse
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if find_spec("tf_keras"):  # Keras 2 beside a TensorFlow that has moved on to Keras 3
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
from data import Dataset, load_digits, load_mnist
from model import before_softmax, build

SEED = 1
EPOCHS = {"digits": 80, "mnist": 40}
BATCH = 32
LEARNING_RATE = 1e-2
SHIFT = 1  # training images move by up to so many pixels, anew in every epoch
FRAMES = 100  # held-out frames to save


def train(model: tf.keras.Model, data: Dataset, epochs: int) -> None:
    """Adam with a cosine decay to 0: the weights settle, and the last epoch is kept, none picked by its accuracy."""
    rng = np.random.default_rng(SEED)
    steps = epochs * -(-len(data.train_x) // BATCH)
    rate = tf.keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(tf.keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for epoch in range(1, epochs + 1):
        history = model.fit(shifted(data.train_x, rng), data.train_y, batch_size=BATCH, verbose=0).history
        print(f"epoch {epoch:2}/{epochs}  loss {history['loss'][0]:.3f}  accuracy {history['accuracy'][0]:.2%}")


def shifted(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by -SHIFT to SHIFT rows and columns; black comes in at the edges."""
    rows, columns = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)))
    moves = rng.integers(0, 2 * SHIFT + 1, size=(len(images), 2))
    return np.stack([image[r : r + rows, c : c + columns] for image, (r, c) in zip(padded, moves)])


def accuracy(model: tf.keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(model.predict(x, verbose=0).argmax(axis=1) == y))


def print_table(model: tf.keras.Model) -> None:
    """The layers that have weights: their output, number of parameters, bits and scale of the weights."""
    print(f"\n{'layer':10} {'output':>10} {'parameters':>11}  weights")
    for layer in model.layers:
        if layer.count_params():
            output = "×".join(map(str, layer.output_shape[1:]))
            print(f"{layer.name:10} {output:>10} {layer.count_params():>11,}  {describe_weights(layer)}")
    print(f"{'total':10} {'':10} {model.count_params():>11,}\n")


def describe_weights(layer: tf.keras.layers.Layer) -> str:
    """For example `binary, scale 0.125 to 0.25`: the scales that QKeras chose, or was given."""
    quantizer = layer.kernel_quantizer_internal
    if quantizer is None:
        return "float"
    quantizer(layer.kernel)
    scales = np.unique(quantizer.scale)
    kind = f"{quantizer.bits} bits" if hasattr(quantizer, "bits") and quantizer.bits > 1 else "binary"
    return f"{kind}, scale {' to '.join(f'{scale:g}' for scale in sorted({scales[0], scales[-1]}))}"


def save(model: tf.keras.Model, data: Dataset, folder: Path) -> None:
    """Writes digits.h5 and test_frames.npz: x as the model takes it, labels y, and QKeras's own scores `expected`."""
    folder.mkdir(parents=True, exist_ok=True)
    model_file, frames_file = folder / "digits.h5", folder / "test_frames.npz"
    model.save(model_file, include_optimizer=False)
    x, y = data.test_x[:FRAMES], data.test_y[:FRAMES]
    expected = before_softmax(model).predict(x, verbose=0)
    np.savez_compressed(frames_file, x=x, y=y, expected=expected)
    right = np.sum(expected.argmax(axis=1) == y)
    print(f"wrote {model_file}, {model_file.stat().st_size / 1000:.0f} kB")
    print(f"wrote {frames_file}, {len(x)} held-out images, of which {right} are classified correctly")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("digits", "mnist"), default="digits", help="default: %(default)s")
    parser.add_argument("--mnist", type=Path, default=Path("package"), help="the unpacked package (%(default)s)")
    parser.add_argument("--epochs", type=int, help=f"default: {EPOCHS}")
    parser.add_argument("--float", action="store_true", help="train without quantizers, to compare; saves nothing")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/training"), help="folder (%(default)s)")
    arguments = parser.parse_args()

    warnings.filterwarnings("ignore", module=".*keras")  # about the .h5 format and QKeras's own constraints
    tf.config.experimental.enable_op_determinism()
    tf.keras.utils.set_random_seed(SEED)
    data = load_mnist(arguments.mnist) if arguments.data == "mnist" else load_digits()
    print(f"{data.name}: {len(data.train_x):,} images to train on, {len(data.test_x):,} held out")

    model = build(data.train_x.shape[1:], quantized=not arguments.float)
    train(model, data, arguments.epochs or EPOCHS[arguments.data])
    print_table(model)
    print(f"accuracy {accuracy(model, data.test_x, data.test_y):.2%} on {len(data.test_x):,} held-out images")
    if not arguments.float:
        save(model, data, arguments.output)


if __name__ == "__main__":
    main()
