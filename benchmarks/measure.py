"""What is measured of the reference network, line by line beside its targets, with how each figure is known."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import hwgen
from benchmarks import peers, targets
from benchmarks.steps import Steps, Usage, measured
from benchmarks.targets import Line
from benchmarks.wafer import ROOT, WaferModel
from hwgen.api import Design
from hwgen.sim.result import SimResult

BOARD, LARGER_BOARD = "zybo", "pynq-z2"
RN07 = peers.NETWORKS[0]
SKIPPED_SIMULATION, SKIPPED_SYNTHESIS = "--skip-simulation", "--skip-synthesis"


@dataclass(frozen=True, eq=False)
class Run:
    """What was measured of the reference network.

    first: a frame alone, and simulate_seconds for it; steady: frames one behind the other. None where not simulated.
    """

    model: WaferModel
    design: Design
    usage: Usage
    same_verilog: bool
    equal_frames: int
    first: SimResult | None = None
    simulate_seconds: float | None = None
    steady: SimResult | None = None


def measure(model: WaferModel, folder: Path, simulate: bool, synthesize: bool) -> Run:
    """Compiles as a user does in a process of its own, then again in this one for all that needs the design."""
    steps = Steps(f"reference network ×{model.width:g} on {BOARD}")
    out = folder / "out"
    command = [sys.executable, "-m", "hwgen", str(model.path), "--board", BOARD, "--quiet", "--output", str(out)]
    usage = steps.run("compile and write, in a process of its own", lambda: measured(command, cwd=ROOT))
    design = steps.run("compile", lambda: hwgen.compile(model.path, BOARD))
    verilog = steps.run("write Verilog", lambda: design.verilog)
    same = [file.read_text(encoding="utf-8") for file in (out / "rtl").iterdir()] == [verilog]
    frames = model.frames
    equal = (design.evaluate(frames) == frames.expected).all(axis=1)
    run = Run(model, design, usage, same, int(equal.sum()))
    if simulate:
        first = steps.run("simulate one frame", lambda: design.simulate(frames.first(1)))
        steady = steps.run(f"simulate {len(frames.x)} frames", lambda: design.simulate(frames))
        run = replace(run, first=first, simulate_seconds=steps.seconds["simulate one frame"], steady=steady)
    if synthesize:
        steps.run("synthesize", design.synthesize)
    return run


def exactness(run: Run) -> list[Line]:
    count, outputs = run.model.frames.expected.shape
    distinct = len(np.unique(run.model.frames.expected))
    how = f"QKeras in a process of its own; {count * outputs} scores before the softmax, {distinct} different ones"
    lines = [Line("frames with the integer model's scores equal to QKeras's", run.equal_frames, how, least=count)]
    if run.steady is not None:
        equal = run.design.accuracy["outputs equal"]
        lines.append(Line("frames with the Verilog's scores equal to QKeras's", equal, "as above", least=count))
    return lines


def speed(run: Run) -> list[Line]:
    timing, clock = run.design.compiled.timing, run.design.clock_mhz
    first, steady = run.first, run.steady
    interval = None if steady is None else steady.interval_cycles
    latency = None if first is None else first.latency_cycles
    seen = alone = SKIPPED_SIMULATION
    if steady is not None:
        seen = (
            f"{steady.simulator}, {steady.frames} frames one behind the other: between the last scores of the last two; "
            f"{steady.compared:,} values, all streams equal to the integer model"
        )
        alone = f"the same with one frame alone, first pixel in to last score out; {first.compared:,} values equal"
    rate = None if interval is None else round(clock * 1e6 / interval)
    time = None if latency is None else latency / clock / 1000
    assumed = f"simulated cycles at an assumed {clock:g} MHz" if steady is not None else SKIPPED_SIMULATION
    estimated = clock * 1e6 / timing.interval
    return [
        Line("interval, cycles", interval, seen, targets.INTERVAL, None, timing.interval, targets.PUBLISHED_INTERVAL),
        Line("frames/s", rate, assumed, None, None, round(estimated), targets.PUBLISHED_RATE),
        Line("latency, cycles", latency, alone, targets.LATENCY, None, timing.latency),
        Line("latency, ms", time, assumed, None, None, timing.latency / clock / 1000, targets.PUBLISHED_LATENCY),
    ]


def cost(run: Run) -> list[Line]:
    made, estimated = run.design.synthesized, run.design.compiled.cost
    how = SKIPPED_SYNTHESIS if made is None else "Yosys, synth_xilinx for xc7, before place and route; no board shell"
    lines = []
    for kind, (name, most, published) in targets.RESOURCES.items():
        figure = None if made is None else getattr(made.total, kind)
        expected = round(getattr(estimated, kind) * 2) / 2 if kind == "bram36" else round(getattr(estimated, kind))
        lines.append(Line(name, figure, how, most, None, expected, published))
    error = None if made is None else abs(estimated.lut / made.total.lut - 1) * 100
    lines.append(Line("error of the LUT estimate, %", error, how, targets.LUT_ERROR))
    return lines


def effort(run: Run) -> list[Line]:
    same = "the same Verilog as measured above" if run.same_verilog else "NOT the Verilog that was measured above"
    whole = f"model file to Verilog and report, whole child process; {same}"
    memory = "greatest resident set of that process (wait4)"
    how = SKIPPED_SIMULATION
    if run.first is not None:
        how = f"{run.first.frames} frame of the model's size, bit-exact; {run.first.build_seconds:.0f} s to build the simulator"
    return [
        Line("compile and write, s", run.usage.seconds, whole, targets.COMPILE_SECONDS),
        Line("compile and write, MB", run.usage.memory / 1e6, memory, targets.COMPILE_BYTES / 1e6),
        Line("simulate a frame, s", run.simulate_seconds, how, targets.SIMULATE_SECONDS),
    ]


def rn07(folder: Path, simulate: bool) -> list[Line]:
    """RN07 on both boards; not run where the model file isn't there."""
    lines = []
    for board, least in ((LARGER_BOARD, targets.PEER_RATE), (BOARD, None)):
        what = f"{RN07.name} on {board}, inferences/s"
        published = " and ".join(f"{rate:g}" for _, rate in RN07.published) if board == LARGER_BOARD else ""
        if not (folder / RN07.file).is_file():
            lines.append(Line(what, None, f"{RN07.file} isn't in the folder of --models", None, least, None, published))
            continue
        report = peers.measure(RN07, folder / RN07.file, board, simulate, False).report
        rates, cycles = report["frames_per_second"], report["interval_cycles"]
        how = SKIPPED_SIMULATION
        if simulate:
            how = (
                f"{cycles['simulated']:,} simulated cycles at an assumed {report['clock_mhz']['assumed']:g} MHz; "
                "all streams equal"
            )
        lines.append(Line(what, rates.get("simulated"), how, None, least, rates["estimated"], published))
    return lines
