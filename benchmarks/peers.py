"""Two networks from MLPerf Tiny, compiled for our boards, beside what was published for the very same model files.

    python -m benchmarks.peers --models DIR --simulate --synthesize

prints Markdown. Estimates are called so; `--simulate` adds the interval of the Verilog under simulation, every stream
compared with the integer model, and `--synthesize` what Yosys counts. Exit code 0 when all was done; an error is one line.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import hwgen
from benchmarks.steps import Steps
from benchmarks.tables import NOT_RUN, markdown
from hwgen.boards import BOARDS
from hwgen.errors import HwgenError, ModelError
from hwgen.quantize import raw_to_real

ROOT = Path(__file__).resolve().parent.parent
MODELS = Path(os.environ.get("HWGEN_SHARED_MODELS", ROOT.parent / "shared" / "models"))
FRAMES = 3
RESOURCES = ("lut", "ff", "bram36", "dsp")


@dataclass(frozen=True)
class Network:
    """input_type: as in the submission. published: (system, frames a second), measured on a PYNQ-Z2 at 100 MHz."""

    name: str
    file: str
    input_type: str
    published: tuple[tuple[str, float], ...]


# Rates: results of the MLPerf Tiny open division, v0.7 and v1.0 (github.com/mlcommons/tiny_results_v0.7 and _v1.0).
NETWORKS = (
    Network("RN07", "mlperf_rn07.h5", "ufixed<8,0>", (("hls4ml, v0.7", 36.6), ("hls4ml, v1.0", 130.8))),
    Network("AD08", "mlperf_ad08.h5", "fixed<8,8>", (("hls4ml, v0.7", 53_365.0),)),
)


@dataclass(frozen=True)
class Measured:
    """A network on a board: the report of the design, and seconds for each step that was run."""

    network: Network
    report: dict
    seconds: dict[str, float]

    @property
    def rate(self) -> tuple[float, str]:
        """Frames a second, and how they are known."""
        rates = self.report["frames_per_second"]
        kind = "simulated" if "simulated" in rates else "estimated"
        return rates[kind], kind


def measure(network: Network, path: Path, board: str, simulate: bool, synthesize: bool) -> Measured:
    """Compiles for the highest rate that fits the board, and runs what was asked for."""
    steps = Steps(f"{network.name} on {board}")
    design = steps.run("compile", lambda: hwgen.compile(path, board, input_type=network.input_type))
    steps.run("write Verilog", lambda: design.verilog)
    if simulate:
        frames = random_frames(design)
        steps.run("simulate", lambda: design.simulate(frames))
    if synthesize:
        steps.run("synthesize", design.synthesize)
    return Measured(network, design.report(), steps.seconds)


def random_frames(design) -> np.ndarray:
    """Frames of noise over the whole range of the input."""
    graph = design.compiled.integer
    type_ = graph[graph.inputs[0]].type
    raw = np.random.default_rng(0).integers(type_.lo, type_.hi + 1, (FRAMES, *type_.shape))
    return raw_to_real(type_, raw).reshape(FRAMES, *graph.frame_shape.get(graph.inputs[0], type_.shape))


def rates(results: list[Measured]) -> str:
    heading = ["network", "system", "board", "clock", "interval estimated", "simulated", "inferences/s", "known by"]
    rows = []
    for network in dict.fromkeys(r.network for r in results):
        for system, rate in network.published:
            rows.append([network.name, system, "pynq-z2", "100 MHz", "", "", f"{rate:,.1f}", "published, on the board"])
        for result in (r for r in results if r.network == network):
            report, cycles = result.report, result.report["interval_cycles"]
            rate, kind = result.rate
            seen = f"{cycles['simulated']:,}" if "simulated" in cycles else NOT_RUN
            own = [network.name, f"hwgen {report['hwgen']}", report["board"], f"{report['clock_mhz']['assumed']:g} MHz"]
            rows.append([*own, f"{cycles['estimated']:,}", seen, f"{rate:,.1f}", f"{kind} interval × clock"])
    return markdown(heading, rows)


def resources(results: list[Measured]) -> str:
    rows = []
    for result in results:
        used = result.report["resources"]
        for kind in ("estimated", "synthesized", "board"):
            if kind in used:
                name = f"{result.network.name} on {result.report['board']}"
                label = "the board has" if kind == "board" else kind
                rows.append([name, label, *(f"{used[kind][resource]:,g}" for resource in RESOURCES)])
    return markdown(["network", "", "LUT", "FF", "BRAM36", "DSP"], rows)


def times(results: list[Measured]) -> str:
    steps = list(dict.fromkeys(step for result in results for step in result.seconds))
    rows = [
        [result.network.name, result.report["board"], *(f"{result.seconds[step]:.1f}" for step in steps)]
        for result in results
    ]
    return markdown(["network", "board", *(f"{step}, s" for step in steps)], rows)


def how(results: list[Measured], command: str) -> str:
    """The lines over the tables: when, by what command, and what the numbers are."""
    lines = [f"{datetime.date.today().isoformat()}, `{command}`, hwgen {results[0].report['hwgen']}."]
    compared = [r.report["exact"]["values"] for r in results if "exact" in r.report]
    if compared:
        simulator = next(r.report["simulator"] for r in results if "exact" in r.report)
        lines.append(
            f"Simulated: the Verilog in {simulator}, {FRAMES} frames of noise one behind the other, {sum(compared):,} values"
            " on all streams equal to the integer model."
        )
    return "\n".join(lines)


def find(folder: Path, file: str) -> Path:
    path = folder / file
    if not path.is_file():
        raise ModelError(f"{path} isn't there", change="name the folder of the model files with --models")
    return path


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="folder of the model files")
    parser.add_argument("--board", action="append", choices=sorted(BOARDS), help="this board only; may be repeated")
    parser.add_argument("--simulate", action="store_true", help="measure the interval in simulation (minutes)")
    parser.add_argument("--synthesize", action="store_true", help="count resources with Yosys (many minutes)")
    options = parser.parse_args(arguments)
    try:
        paths = [find(options.models, network.file) for network in NETWORKS]
        results = [
            measure(network, path, board, options.simulate, options.synthesize)
            for board in options.board or ("pynq-z2", "zybo")
            for network, path in zip(NETWORKS, paths)
        ]
    except HwgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    given = [part for board in options.board or () for part in ("--board", board)]
    given += [f"--{name}" for name in ("simulate", "synthesize") if getattr(options, name)]
    command = " ".join(["python -m benchmarks.peers", *given])
    print("\n\n".join([how(results, command), rates(results), resources(results), times(results)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
