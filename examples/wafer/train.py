"""Trains variants of the reference network on synthetic wafer maps.

    python examples/wafer/train.py                     all four, one after the other
    python examples/wafer/train.py heterogeneous       one of them

No map is seen twice: data.py makes new ones as training goes on. What was reached is kept in build/wafer/<variant>.npz;
the same command goes on from there after an interruption. Runs with QKeras on TensorFlow (pip install '.[train]'), or
with qkeras-v3 on any backend of Keras 3; a GPU is used where the backend finds one.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if find_spec("tf_keras"):  # Keras 2 beside a TensorFlow that has moved on to Keras 3
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

RATES = {"float": 2.5e-3, "4-bit": 1e-2, "2-bit": 8e-3, "heterogeneous": 1.5e-2}  # learning rates at their highest
SEED = 1
WAFERS = 900_000
ROUND = 20_000  # maps between two lines of the log, and two states kept
BATCH = 116  # two maps of each class
WARM_UP = 0.03  # share of the steps until the learning rate is at its highest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", help=f"of {', '.join(RATES)}; default: all")
    parser.add_argument("--wafers", type=int, default=WAFERS, help="maps to train on (%(default)s)")
    parser.add_argument("--batch", type=int, default=BATCH, help="maps a step (%(default)s)")
    parser.add_argument("--rate", type=float, help=f"learning rate at its highest; default: {RATES}")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/wafer"), help="folder (%(default)s)")
    options = parser.parse_args()
    for name in options.variants:
        if name not in RATES:
            parser.error(f"no variant {name!r}; there are {', '.join(RATES)}")
    if options.wafers < 1 or options.batch < 1:
        parser.error("--wafers and --batch must be at least 1")
    if not find_spec("qkeras"):
        raise SystemExit("error: QKeras is not installed: pip install '.[train]'")
    warnings.filterwarnings("ignore", module=".*keras")  # QKeras warns about its own constraints
    from training import Plan, train

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as progress:
        for variant in options.variants or RATES:
            plan = Plan(SEED, options.wafers, options.batch, ROUND, options.rate or RATES[variant], WARM_UP)
            task, start = progress.add_task(variant, total=options.wafers), time.perf_counter()
            told = partial(progress.update, task)
            for seen, loss, accuracy in train(variant, plan, options.output / f"{variant}.npz", told):
                line = f"{variant}: {seen:,} of {options.wafers:,} wafers, loss {loss:.3f}, accuracy {accuracy:.2%}"
                console.print(f"{line}, {time.perf_counter() - start:.0f} s", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
