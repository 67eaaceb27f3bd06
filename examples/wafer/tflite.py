"""The float network with TensorFlow Lite on this machine's CPU: in floats, and quantized to 8 bits after training.

    python examples/wafer/tflite.py

Accuracy on the 2,900 test maps of evaluate.py, and the time that one map takes, one at a time. Full-integer quantization:
8-bit weights, activations, input and output; ranges from 290 maps that are neither training nor test.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
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
class Timed:
    """Invocations one after the other: the median of their times, and how many a second."""

    threads: int
    latency_ms: float
    per_second: float


@dataclass(frozen=True)
class Measured:
    """accuracy: 0..1. kilobytes: of the model file. timed: with one thread and with one for each core."""

    accuracy: float
    kilobytes: float
    timed: tuple[Timed, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=Path, default=Path("build/wafer"), help="folder of train.py (%(default)s)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write the figures there, as tflite.json")
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
        found[name] = measure(name, flat, x, y)
        print(f"TensorFlow Lite, {name}: accuracy {found[name].accuracy:.2%}, {found[name].kilobytes:,.0f} kB")
        for timed in found[name].timed:
            print(f"  {timed.threads} threads: {timed.latency_ms:.2f} ms a map, {timed.per_second:,.0f} maps/s")
    if options.save:
        import tensorflow

        about = {"tensorflow": tensorflow.__version__, "processor": processor()}
        text = json.dumps(about | {name: asdict(measured) for name, measured in found.items()}, indent=1)
        (options.save / "tflite.json").write_text(text + "\n")


def processor() -> str:
    """The model name that Linux gives, or what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


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


def measure(name: str, flat: bytes, x: np.ndarray, y: np.ndarray) -> Measured:
    interpreter = Interpreter(flat, 1)
    timed = tuple(
        timing(Interpreter(flat, threads), x[: WARM_UP + TIMED]) for threads in sorted({1, os.cpu_count() or 1})
    )
    shown = track(x, description=f"{name}, test maps", console=Console(stderr=True), transient=True)
    right = np.mean([interpreter.classify(interpreter.ready(image)) == label for image, label in zip(shown, y)])
    return Measured(float(right), len(flat) / 1e3, timed)


def timing(interpreter: Interpreter, x: np.ndarray) -> Timed:
    """Times from the integers of a map to the number of its class; what makes integers of floats isn't counted."""
    times = []
    for image in [interpreter.ready(image) for image in x]:
        start = time.perf_counter()
        interpreter.classify(image)
        times.append(time.perf_counter() - start)
    times = times[WARM_UP:]
    return Timed(interpreter.threads, float(np.median(times) * 1e3), len(times) / sum(times))


class Interpreter:
    """TensorFlow Lite's, for one map after the other."""

    def __init__(self, flat: bytes, threads: int) -> None:
        import tensorflow as tf

        self.threads = threads
        self._lite = tf.lite.Interpreter(model_content=flat, num_threads=threads)
        self._lite.allocate_tensors()
        self._into, self._out = self._lite.get_input_details()[0], self._lite.get_output_details()[0]

    def ready(self, image: np.ndarray) -> np.ndarray:
        """The map (224, 224, 1), float32, as the network takes it: (1, 224, 224, 1), float32 or int8."""
        if self._into["dtype"] == np.float32:
            return image[np.newaxis]
        scale, zero = self._into["quantization"]
        return np.clip(np.rint(image[np.newaxis] / scale) + zero, -128, 127).astype(np.int8)

    def classify(self, image: np.ndarray) -> int:
        self._lite.set_tensor(self._into["index"], image)
        self._lite.invoke()
        return int(self._lite.get_tensor(self._out["index"]).argmax())


if __name__ == "__main__":
    main()
