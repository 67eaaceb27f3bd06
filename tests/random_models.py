"""Random QKeras models from a seed, with frames on their inputs' grids: whatever hwgen reads, in odd sizes and orders.

    python -m tests.random_models --count 1000 --log results.jsonl

compares that many models, layer by layer, with QKeras; broken off, it goes on where it was. Needs qkeras (0.9 on Keras
2, or qkeras-v3 on Keras 3). docs/random-models.md has the result of such a run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from hwgen.read import read
from tests.generator.network import Network
from tests.qkeras_truth import FLAVOUR, compare, fits_float32, keras


@dataclass
class Sample:
    """A model, what it takes, and which layers QKeras computes exactly when its inputs are exact.

    input_type: for `quantize`: types by input, left out where the model starts with a quantizer.
    frames:     float32 by input, on its grid.
    rounded:    names of layers in whose own arithmetic QKeras rounds: scales that aren't powers of two, thirds, ...
    """

    seed: int
    model: keras.Model
    input_type: str | dict[str, str] | None
    frames: dict[str, np.ndarray]
    rounded: set[str] = field(default_factory=set)


def random_model(seed: int, *, small: bool = False, exact: bool = False) -> Sample:
    """The model of this seed.

    small: few pixels, channels and layers, for simulation as Verilog. exact: only what QKeras computes exactly.
    """
    keras.backend.clear_session()
    # QKeras's layers need no AutoGraph to be built, and are built several times faster without.
    return tf.autograph.experimental.do_not_convert(_sample)(seed, small, exact)


def _sample(seed: int, small: bool, exact: bool) -> Sample:
    made = Network(seed, small, exact)
    load_weights(made.model, made.rng)
    return Sample(seed, made.model, made.types, made.frames(), made.rounded)


def load_weights(model: keras.Model, rng: np.random.Generator) -> None:
    """Random weights as training might leave them: some beyond the quantizer's range, some on its ties, some 0."""
    for layer in model.layers:
        if "quantizer" in type(layer).__name__.lower() or not layer.weights:
            continue
        if isinstance(layer, keras.Model):
            load_weights(layer, rng)
        elif type(layer).__name__ == "QAdaptiveActivation":
            adapt(layer, -rng.uniform(0.2, 4, layer.ema_min.shape), rng.uniform(0.2, 4, layer.ema_max.shape))
        else:
            layer.set_weights([_weight(w, f"{layer.name}/{w.name}", rng) for w in layer.weights])


def adapt(layer, least, greatest) -> None:
    """A QAdaptiveActivation that has seen values from `least` to `greatest`, for all channels or for each of them."""
    layer.ema_min.assign(np.resize(np.float32(least), layer.ema_min.shape))
    layer.ema_max.assign(np.resize(np.float32(greatest), layer.ema_max.shape))
    layer(np.zeros((1, *layer.input.shape[1:]), np.float32))  # takes the integer bits over from them


def _weight(variable, name: str, rng: np.random.Generator) -> np.ndarray:
    shape = tuple(variable.shape)
    if "iteration" in name:
        return np.zeros(shape, dtype=np.int64)
    if "variance" in name:
        return rng.uniform(0.05, 3, shape).astype(np.float32)
    if "gamma" in name:
        signs = [1] if "qnorm" in name else [1, 1, 1, -1]  # QBatchNormalization's gamma is a positive power of two
        return (rng.uniform(0.3, 1.5, shape) * rng.choice(signs, shape)).astype(np.float32)
    values = rng.normal(0, rng.choice([0.2, 0.6, 1.2]), shape)
    ties = rng.random(shape) < 0.2
    values[ties] = np.round(values[ties] * 32) / 32
    values[rng.random(shape) < 0.05] = 0
    # QKeras computes w + (q - w) in float32, which is q itself only where w isn't far outside the quantizer's range.
    return values.clip(-1.2, 1.2).astype(np.float32)


@dataclass
class Tally:
    """What a run compared. exact, rational: layers equal to QKeras's float32, and to exact arithmetic where it rounds."""

    models: int = 0
    exact: int = 0
    rational: int = 0
    layers: Counter = field(default_factory=Counter)
    failed: list[int] = field(default_factory=list)

    def add(self, line: dict) -> None:
        """line: of `compared`, or of a failure."""
        self.models += 1
        if "failure" in line:
            self.failed.append(line["seed"])
            return
        self.exact += line["exact"]
        self.rational += line["rational"]
        self.layers.update(line["layers"])

    def __str__(self) -> str:
        layers = ", ".join(f"{count:,} {kind}" for kind, count in self.layers.most_common())
        return (
            f"{self.models:,} models, failed: {', '.join(map(str, self.failed)) or 'none'}\n"
            f"layers equal to QKeras's float32: {self.exact:,}; where it rounds, to exact arithmetic: {self.rational:,}\n"
            f"{layers}"
        )


def compared(seed: int, small: bool = False) -> dict:
    """What a model of a seed had, for a tally; those of even seeds QKeras computes exactly. AssertionError where wrong."""
    sample = random_model(seed, small=small, exact=seed % 2 == 0)
    result = compare(sample)
    if seed % 2 == 0:
        # Nothing but sums beyond float32's 24 bits may have needed anything but QKeras itself as the truth.
        rounded = [name for name in result.rational if fits_float32(result.graph, name)]
        assert not rounded, f"seed {seed}: {rounded} needed exact arithmetic"
    layers = Counter(layer.class_name for layer in read(sample.model).layers)
    return {"seed": seed, "exact": len(result.exact), "rational": len(result.rational), "layers": layers}


def main(argv=None) -> int:
    """Compares random models with QKeras; the exit status is 1 where one differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first model; the others follow")
    parser.add_argument("--small", action="store_true", help="models small enough for simulation")
    parser.add_argument(
        "--log", type=Path, help="a file of results, a line a model; models that it has aren't run again"
    )
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore", UserWarning)  # Keras, of QKeras
    tally, seeds = Tally(), range(options.seed, options.seed + options.count)
    known = options.log.read_text().splitlines() if options.log and options.log.exists() else []
    done = {line["seed"]: line for line in map(json.loads, known) if line["seed"] in seeds}
    started, fresh = time.monotonic(), 0
    for number, seed in enumerate(seeds):
        line = done.get(seed)
        if line is None:
            line, fresh = _line(seed, options.small), fresh + 1
            if options.log:
                with options.log.open("a") as log:
                    log.write(json.dumps(line) + "\n")
        tally.add(line)
        if "failure" in line:
            print(f"\rseed {seed}: {line['failure']}", flush=True)
        if sys.stderr.isatty():
            left = (time.monotonic() - started) / max(fresh, 1) * (options.count - number - 1)
            bar = "#" * (40 * (number + 1) // options.count)
            print(f"\r[{bar:40}] {number + 1}/{options.count}, {left / 60:.0f} min left ", end="", file=sys.stderr)
    print(f"\n{tally}\n{time.monotonic() - started:.0f} s, QKeras {FLAVOUR}, seeds {seeds[0]} to {seeds[-1]}")
    return 1 if tally.failed else 0


def _line(seed: int, small: bool) -> dict:
    try:
        return compared(seed, small)
    except Exception as problem:  # a long run goes on
        return {"seed": seed, "failure": f"{type(problem).__name__}: {problem}"}


if __name__ == "__main__":
    sys.exit(main())
