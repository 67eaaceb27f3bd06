"""The reference network as a model file, with frames and QKeras's own scores, made in a process of its own.

    python -m benchmarks.wafer FOLDER --width 1 --side 224 --seed 1

TensorFlow is in that process alone: it doesn't count in what hwgen takes. The scores are the truth to compare with.
As it was published the network has its trained weights (examples/wafer/wafer.h5); of other widths or sizes, random ones.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import ToolFailed, ToolMissing
from hwgen.frames import Frames, load

ROOT = Path(__file__).resolve().parent.parent
SIDE = 224
TRAINED = ROOT / "examples" / "wafer"


@dataclass(frozen=True, eq=False)
class WaferModel:
    """path: of the .h5 file. frames: with QKeras's scores before the softmax. parameters: as QKeras counts them."""

    width: float
    path: Path
    frames: Frames
    parameters: int


def frames(seed: int, side: int = SIDE) -> np.ndarray:
    """(3, side, side, 1), values k/16: two wafers of three levels (no die, good, bad), and noise over all 16 levels."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side] - (side - 1) / 2
    radius = np.hypot(row, column) / (side / 2)
    ring = np.abs(radius - 0.8) < 0.07
    scratch = np.abs(row - 0.4 * column - side / 10) < side / 100
    maps = [
        np.where(radius < 0.97, np.where(bad | (rng.random(bad.shape) < 0.02), 15, 8), 0) for bad in (ring, scratch)
    ]
    levels = np.stack([*maps, rng.integers(0, 16, (side, side))])
    return (levels[..., np.newaxis] / 16).astype(np.float32)


def network() -> dict:
    """What examples/wafer/model.py defines. Imports TensorFlow."""
    return runpy.run_path(str(ROOT / "examples" / "wafer" / "model.py"))


def make(folder: Path, width: float, seed: int, side: int = SIDE) -> WaferModel:
    """Has QKeras make the model of that width. Raises ToolMissing without QKeras, ToolFailed."""
    if importlib.util.find_spec("qkeras") is None:
        raise ToolMissing("QKeras is not installed; it makes the model and is the truth: pip install '.[train]'")
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    if importlib.util.find_spec("tf_keras"):  # Keras 2 beside a TensorFlow that has moved on to Keras 3
        environment["TF_USE_LEGACY_KERAS"] = "1"
    options = ["--width", f"{width:g}", "--side", str(side), "--seed", str(seed)]
    command = [sys.executable, "-m", "benchmarks.wafer", str(folder.resolve()), *options]
    run = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise ToolFailed(f"QKeras could not make the network of width {width:g}: {last}")
    path = folder / f"wafer-x{width:g}.h5"
    with np.load(path.with_suffix(".npz")) as stored:
        parameters = int(stored["parameters"])
    return WaferModel(width, path, load(path.with_suffix(".npz")), parameters)


def main() -> None:
    """Writes wafer-x<width>.h5, and wafer-x<width>.npz with x, expected and the number of parameters."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wafer", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    defined = network()
    from tensorflow.keras import Model

    model = defined["build"](options.width, side=options.side)
    x = frames(options.seed, options.side)
    if (options.width, options.side) == (1, SIDE):
        model.load_weights(TRAINED / "wafer.h5")
        with np.load(TRAINED / "test_frames.npz", allow_pickle=False) as stored:
            x = np.concatenate([stored["x"][:2], x[2:]])
    else:
        defined["randomize"](model, options.seed)
    before_softmax = Model(model.inputs, model.get_layer("q_dense").output)
    path = options.folder / f"wafer-x{options.width:g}.h5"
    model.save(path)
    expected = before_softmax.predict(x, verbose=0)
    np.savez(path.with_suffix(".npz"), x=x, expected=expected, parameters=model.count_params())


if __name__ == "__main__":
    main()
