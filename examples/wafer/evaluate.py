"""Accuracy, loss and sparsity of the trained variants on 2,900 test maps that no training has seen.

python examples/wafer/evaluate.py                          a table of what build/wafer holds
python examples/wafer/evaluate.py --save examples/wafer    and the heterogeneous network as a model file, with frames
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if find_spec("tf_keras"):  # Keras 2 beside a TensorFlow that has moved on to Keras 3
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

FRAMES = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=Path, default=Path("build/wafer"), help="folder of train.py (%(default)s)")
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="write results.json, wafer.h5 and test_frames.npz there"
    )
    options = parser.parse_args()
    if not find_spec("qkeras"):
        raise SystemExit("error: QKeras is not installed: pip install '.[train]'")
    warnings.filterwarnings("ignore", module=".*keras")
    from data import TEST_SEED, TEST_WAFERS, whole
    from model import VARIANTS, build
    from training import load_weights

    trained = {name: options.trained / f"{name}.npz" for name in VARIANTS}
    trained = {name: path for name, path in trained.items() if path.exists()}
    if not trained:
        raise SystemExit(f"error: no trained variant in {options.trained}: python examples/wafer/train.py")
    console = Console()
    with console.status("drawing test maps") as status:
        x, y = whole(TEST_SEED, TEST_WAFERS)
        results = {}
        for name, path in trained.items():
            status.update(f"{name}: {TEST_WAFERS:,} maps")
            model = build(variant=name)
            model.set_weights(load_weights(path))
            results[name] = measure(model, x, y)
            if name == "heterogeneous" and options.save:
                save(model, x, y, options.save)
    console.print(table(results))
    if options.save:
        (options.save / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def measure(model, x: np.ndarray, y: np.ndarray) -> dict:
    """accuracy and loss (cross-entropy) on those maps; sparsity: the share of zeros among a layer's weights as they are
    quantized, and among its activations on the first 100 maps."""
    scores = model.predict(x, batch_size=100, verbose=0)
    right = scores.argmax(axis=1) == y
    loss = -np.log(np.maximum(scores[np.arange(len(y)), y], 1e-7)).mean()
    return {"accuracy": float(right.mean()), "loss": float(loss), "sparsity": sparsity(model, x[:100])}


def sparsity(model, x: np.ndarray) -> dict[str, dict[str, float]]:
    """{layer: {"weights": share of zeros, "activations": share of zeros behind it}}."""
    from model import keras

    layers = [layer for layer in model.layers if layer.get_weights()]
    relus = [layer for layer in model.layers if layer.name.endswith("_relu")]
    values = keras.Model(model.input, [layer.output for layer in relus]).predict(x, batch_size=50, verbose=0)
    zeros = {layer.name.removesuffix("_relu"): float((value == 0).mean()) for layer, value in zip(relus, values)}
    found = {}
    for layer in layers:
        quantizer = layer.kernel_quantizer_internal
        kernel = np.asarray(layer.kernel if quantizer is None else quantizer(layer.kernel))
        found[layer.name] = {"weights": float((kernel == 0).mean())}
        if layer.name in zeros:
            found[layer.name]["activations"] = zeros[layer.name]
    return found


def table(results: dict) -> Table:
    made = Table(box=SIMPLE_HEAD, title="zeros among weights / activations of each layer", title_justify="left")
    made.add_column("")
    for name in results:
        made.add_column(name, justify="right")
    made.add_row("accuracy", *(f"{result['accuracy']:.2%}" for result in results.values()))
    made.add_row("loss", *(f"{result['loss']:.3f}" for result in results.values()))
    for layer in next(iter(results.values()))["sparsity"]:
        shares = (result["sparsity"][layer] for result in results.values())
        made.add_row(layer, *(" / ".join(f"{share:.1%}" for share in found.values()) for found in shares))
    return made


def save(model, x: np.ndarray, y: np.ndarray, folder: Path) -> None:
    """wafer.h5, and test_frames.npz: fifty maps x, labels y, and QKeras's own scores `expected`, before the softmax."""
    from model import KERAS, before_softmax

    if KERAS != 2:
        raise SystemExit("error: the model file is written by QKeras 0.9 on Keras 2: pip install '.[train]'")
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "wafer.h5", include_optimizer=False)
    expected = before_softmax(model).predict(x[:FRAMES], verbose=0)
    np.savez_compressed(folder / "test_frames.npz", x=x[:FRAMES], y=y[:FRAMES], expected=expected)


if __name__ == "__main__":
    main()
