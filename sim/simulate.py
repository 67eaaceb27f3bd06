"""simulate: frames through the emitted Verilog under cocotb, every stream compared with the integer model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwgen.errors import OptionError
from hwgen.layers.stream import to_beats
from hwgen.sim.activity import configuration
from hwgen.sim.bench import RESULTS, Axi, Bench, Tap, generate, memory_file
from hwgen.sim.job import Job, Progress
from hwgen.sim.memory import write_memory
from hwgen.sim.result import SimResult, read_results
from hwgen.sim.tools import find_simulator, find_verilator

PARTS = Path(__file__).with_name("stream_bench.v")


def simulate(
    bench: Bench,
    frames: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
    workdir: Path,
    *,
    simulator: str = "auto",
    stalls: float = 0.0,
    seed: int = 0,
    interval: int | None = None,
    deadline: int | None = None,
    quiet: int = 50_000,
    waves: bool = False,
    activity: bool = False,
    progress: Progress | None = None,
) -> SimResult:
    """Runs raw frames through the design and compares every tap and output.

    frames: source name -> int64 (n, H, W, C). expected: the same for every tap, and for the sinks to compare.
    workdir: all files go here; a second run of the same design with as many frames doesn't build again.
    stalls: the share of cycles in which the sources offer nothing and the sinks take nothing, at random from `seed`.
    interval: cycles over which each frame's beats are offered evenly, or None: back to back, as they are taken.
    deadline: cycles after which the run is a hang (default: generous, from the beats and stalls).
    quiet: the same after so many cycles in which no stream moves.
    waves: records dump.vcd (Verilator) or build_icarus/hwgen_bench.fst (Icarus) in workdir.
    activity: records dump.saif in workdir: how often each bit changed, and how long it was one. Verilator alone does.
    progress: called with the stage ("verilating", "compiling", "running") and the fraction done, where known.

    Differences are in the result, see `SimResult.check`. Raises DifferenceError where the hardware hangs or breaks the
    framing of a stream, ToolMissing, ToolFailed, and ValueError for arrays that don't suit the bench.
    """
    count = _check(bench, frames, expected)
    if not 0 <= stalls < 1:
        raise ValueError(f"stalls must be at least 0 and less than 1, not {stalls}")
    if interval is not None and interval < 1:
        raise ValueError(f"interval must be at least 1 cycle, not {interval}")
    if activity:
        if waves:
            raise OptionError(
                "a simulation records waveforms or switching activity, not both: leave --waves away, or --power"
            )
        if simulator == "icarus":
            raise OptionError(
                "switching activity is recorded by Verilator alone: leave --simulator icarus away, or --power"
            )
    tools = find_verilator() if activity else find_simulator(simulator)
    workdir = Path(workdir).resolve()
    (workdir / "mem").mkdir(parents=True, exist_ok=True)
    for k, source in enumerate(bench.sources):
        write_memory(workdir / memory_file("s", k), to_beats(frames[source.name], source.lanes), source.element_bits)
    for k, tap in enumerate(bench.taps):
        write_memory(workdir / memory_file("t", k), to_beats(expected[tap.name], tap.lanes), tap.type.width)
    top = workdir / "bench.v"
    top.write_text(generate(bench, count))
    (workdir / RESULTS).unlink(missing_ok=True)

    progress = progress or (lambda stage, fraction: None)
    streams = (*bench.sources, *bench.taps, *bench.sinks)
    if deadline is None:
        deadline = int(64 * (count + 2) * max(stream.beats for stream in streams) / (1 - stalls) ** 2) + 100_000
        deadline += (count + 2) * (interval or 0)
    network, *models = (Path(path).resolve() for path in bench.verilog)
    sources = [PARTS, network, *models, top]
    if activity:
        sources.append(workdir / "activity.vlt")
        sources[-1].write_text(configuration(network, [PARTS, *models]))
    job = Job(tools, workdir, sources, waves, activity)
    start = time.perf_counter()
    job.build(progress)
    built = time.perf_counter()
    watch = _Tail(workdir / RESULTS, len(streams) * count, progress)
    plusargs = {
        "stall": round(stalls * 65536),
        "seed": seed * 64 + 1,
        "interval": interval or 0,
        "deadline": deadline,
        "quiet": quiet,
    }
    job.run([f"+{name}={value}" for name, value in plusargs.items()], watch)
    ran = time.perf_counter()
    limits = f"deadline {deadline} cycles, or {quiet} without a transfer"
    result = read_results(workdir / RESULTS, bench, count, expected, limits)
    return replace(result, simulator=tools.version, build_seconds=built - start, run_seconds=ran - built)


class _Tail:
    """Reports progress from the lines that the running bench has written: one for each frame over each stream."""

    def __init__(self, path: Path, wanted: int, progress: Progress):
        self.path, self.wanted, self.progress, self.seen, self.offset = path, wanted, progress, 0, 0

    def __call__(self) -> None:
        if self.path.is_file():
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                new = file.read()
            self.offset += len(new)
            self.seen += new.count(b"frame ")
        self.progress("running", min(1.0, self.seen / self.wanted))


def _check(bench: Bench, frames: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> int:
    """The number of frames, where every array has the shape and range of its stream."""
    counts = set()

    def check(stream: Axi | Tap, arrays: Mapping[str, np.ndarray], what: str) -> None:
        if stream.name not in arrays:
            raise ValueError(f"no {what} for {stream.name!r}")
        array = arrays[stream.name]
        if array.ndim != 4 or array.shape[1:] != stream.type.shape:
            raise ValueError(f"{what} for {stream.name!r} must be (frames, {stream.type.shape}), not {array.shape}")
        if array.size and (array.min() < stream.type.lo or array.max() > stream.type.hi):
            raise ValueError(f"{what} for {stream.name!r} leave the range of {stream.type}")
        counts.add(len(array))

    for source in bench.sources:
        check(source, frames, "frames")
    for stream in (*bench.taps, *(sink for sink in bench.sinks if sink.name in expected)):
        check(stream, expected, "expected values")
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"frames and expected values must be equally many and at least one, not {sorted(counts)}")
    return counts.pop()
