"""Random QKeras models as Verilog: every stream equals the integer model, every output equals QKeras.

HWGEN_RANDOM_HARDWARE=100 simulates that many models, HWGEN_RANDOM_SEED=5000 starts there. The same without pytest,
for long runs that print each seed and go on after a failure:

    python -m tests.test_random_hardware --count 100 --seed 5000
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("qkeras")

import hwgen
from hwgen import ops
from hwgen.api import Design
from hwgen.boards import BOARDS
from hwgen.errors import DoesNotFit, ModelError
from hwgen.passes.fold import Folder
from hwgen.passes.lower import lower
from hwgen.quantize import quantize
from hwgen.read import read
from tests.on_time import assert_fills_fit, assert_on_time
from tests.qkeras_truth import compare, fits_float32, layer_outputs
from tests.random_models import Sample, random_model

COUNT = int(os.environ.get("HWGEN_RANDOM_HARDWARE", "10"))
FIRST = int(os.environ.get("HWGEN_RANDOM_SEED", "0"))
FRAMES = 3
BOARD = "zybo"

# Keras warns of QKeras: of an initializer that it uses twice, of a constraint that it serializes.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@dataclass
class Run:
    """A random model, folded for a random interval."""

    seed: int
    sample: Sample
    exact: bool
    design: Design

    def __str__(self):
        return f"seed {self.seed}, {self.design.compiled.timing.interval} cycles a frame"

    @property
    def frames(self) -> dict[str, np.ndarray]:
        """Frames on the inputs' grids: those of the sample, then mixtures of them."""
        rng, made = np.random.default_rng(self.seed), {}
        for name, (first, second) in self.sample.frames.items():
            mixed = [np.where(rng.random(first.shape) < 0.5, first, second) for _ in range(FRAMES - 2)]
            made[name] = np.stack([first, second, *mixed])
        return made


def compiled(seed: int) -> Run:
    """The model of a seed, at an interval at which its hardware changes shape. QKeras may round in those of odd seeds."""
    exact = seed % 2 == 0
    sample = random_model(seed, small=True, exact=exact)
    graph = quantize(read(sample.model), sample.input_type)
    intervals = Folder(lower(graph), BOARDS[BOARD].budget).intervals()
    interval = int(np.random.default_rng(seed).choice([intervals[0], *intervals]))
    try:
        design = hwgen.compile(sample.model, BOARD, input_type=sample.input_type, interval=interval)
    except DoesNotFit:
        # Every block alone keeps that interval, but not the whole of them on this board: then as fast as it goes.
        design = hwgen.compile(sample.model, BOARD, input_type=sample.input_type)
    else:
        assert design.compiled.timing.interval <= interval, f"seed {seed}: asked for {interval}"
    return Run(seed, sample, exact, design)


def check_outputs(run: Run, outputs: dict[str, np.ndarray]) -> None:
    """The outputs in hardware are QKeras's own where QKeras computes exactly, and the integer model's always."""
    frames, graph = run.frames, run.design.compiled.integer
    integer = run.design.evaluate(frames)
    for seen, ours in zip(outputs.values(), integer if isinstance(integer, list) else [integer], strict=True):
        assert np.array_equal(seen, ours), run
    if not run.exact or not all(fits_float32(graph, node.layer) for node in graph.nodes):
        return
    truth = layer_outputs(run.sample.model, frames)
    for seen, output in zip(outputs.values(), graph.outputs, strict=True):
        last = graph[output.node]
        while last.layer in graph.softmax and isinstance(last.op, ops.Reshape):  # a softmax layer, which is the host's
            last = graph[last.inputs[0].node]
        assert np.array_equal(seen, truth[last.name].reshape(seen.shape)), run


def check(seed: int, simulator: str = "icarus") -> Run:
    """Everything about the model of one seed."""
    run = compiled(seed)
    compare(run.sample)
    result = run.design.simulate(run.frames, simulator=simulator)
    assert result.frames == FRAMES
    check_outputs(run, result.outputs)
    hardware = run.design.compiled.hardware
    assert_on_time(hardware, result, str(run))
    if seed % 3 == 0:
        stalled = run.design.simulate(run.frames, simulator=simulator, stalls=(0.2, 0.5, 0.8)[seed // 3 % 3], seed=seed)
        check_outputs(run, stalled.outputs)
        assert_fills_fit(hardware, stalled, str(run))
    return run


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_hardware_is_equal_to_qkeras(seed):
    check(seed)


def test_verilator_sees_the_same():
    check(1001, "verilator")


def main(argv=None) -> int:
    """Compiles and simulates random models; the exit status is 1 where one fails."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first model; the others follow")
    parser.add_argument("--simulator", default="icarus", choices=["icarus", "verilator"])
    options = parser.parse_args(argv)
    warnings.simplefilter("ignore", UserWarning)
    failed, kinds, started = [], Counter(), time.monotonic()
    for seed in range(options.seed, options.seed + options.count):
        begun = time.monotonic()
        try:
            run = check(seed, options.simulator)
            kinds.update(type(node.op).__name__ for node in run.design.compiled.hardware.nodes)
            print(f"{run}: equal, {time.monotonic() - begun:.1f} s", flush=True)
        except ModelError as refusal:
            print(f"seed {seed}: refused: {refusal}", flush=True)
        except Exception as problem:
            failed.append(seed)
            print(f"seed {seed}: FAILED: {type(problem).__name__}: {problem}", flush=True)
    print(f"{options.count} models in {time.monotonic() - started:.0f} s, failed: {failed or 'none'}")
    print("blocks simulated:", ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
