"""The float network with TensorFlow Lite on this machine's CPU: in floats, and quantized to 8 bits after training.

    python examples/wafer/tflite.py [--threads 1]

Accuracy on the 2,900 test maps of evaluate.py, and the time that one map takes, one at a time. Full-integer quantization:
8-bit weights, activations, input and output; ranges from 290 maps that are neither training nor test.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if find_spec("tf_keras"):  # Keras 2 beside a TensorFlow that has moved on to Keras 3
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
from rich.console import Console
from rich.progress import track

CALIBRATION, WARM_UP, TIMED = 290, 20, 300


@dataclass(frozen=True)
class Measured:
    """accuracy: 0..1. latency_ms: median of single invocations; per_second: invocations one after the other. kilobytes:
    of the model file."""

    accuracy: float
    latency_ms: float
    per_second: float
    kilobytes: float
    threads: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=Path, default=Path("build/wafer"), help="folder of train.py (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the interpreter (%(default)s)")
    options = parser.parse_args()
    weights = options.trained / "float.npz"
    if not find_spec("qkeras"):
        raise SystemExit("error: QKeras is not installed: pip install '.[train]'")
    if not weights.exists():
        raise SystemExit(f"error: no {weights}: python examples/wafer/train.py float")
    warnings.filterwarnings("ignore", module=".*keras")
    from data import CALIBRATION_SEED, TEST_SEED, TEST_WAFERS, whole
    from model import KERAS, build
    from training import load_weights

    if KERAS != 2:
        raise SystemExit("error: the converter wants Keras 2: pip install '.[train]'")
    model = build(variant="float")
    model.set_weights(load_weights(weights))
    calibration, _ = whole(CALIBRATION_SEED, CALIBRATION)
    x, y = whole(TEST_SEED, TEST_WAFERS)
    found = {}
    for name, flat in (("float", convert(model)), ("8-bit", convert(model, calibration))):
        found[name] = measure(name, flat, x, y, options.threads)
        m = found[name]
        print(
            f"TensorFlow Lite, {name}: accuracy {m.accuracy:.2%}, {m.latency_ms:.2f} ms a map, {m.per_second:.0f} maps/s,"
            f" {m.kilobytes:.0f} kB, {m.threads} thread(s)"
        )
    results = {name: asdict(measured) for name, measured in found.items()}
    (options.trained / "tflite.json").write_text(json.dumps(results, indent=1))


def convert(model, calibration: np.ndarray | None = None) -> bytes:
    """The model as a TensorFlow Lite file: in floats, or with calibration maps in 8-bit integers throughout."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def measure(name: str, flat: bytes, x: np.ndarray, y: np.ndarray, threads: int) -> Measured:
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_content=flat, num_threads=threads)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = into["quantization"]
    ready = x if into["dtype"] == np.float32 else np.clip(np.rint(x / scale) + zero, -128, 127).astype(into["dtype"])

    def classify(image: np.ndarray) -> int:
        interpreter.set_tensor(into["index"], image[np.newaxis])
        interpreter.invoke()
        return int(interpreter.get_tensor(out["index"]).argmax())

    times = []
    for image in ready[: WARM_UP + TIMED]:
        start = time.perf_counter()
        classify(image)
        times.append(time.perf_counter() - start)
    times = times[WARM_UP:]
    shown = track(ready, description=f"{name}, test maps", console=Console(stderr=True), transient=True)
    right = np.mean([classify(image) == label for image, label in zip(shown, y)])
    return Measured(float(right), float(np.median(times) * 1e3), len(times) / sum(times), len(flat) / 1e3, threads)


if __name__ == "__main__":
    main()
