"""The reference network on a Zybo Z7-10: what must hold, whether it does, and how each figure is known.

    python -m benchmarks.reference

prints Markdown; progress goes to standard error. The network is the trained one (examples/wafer/) and is folded by
hwgen's own decision. Takes tens of minutes on two cores; --skip-synthesis and --skip-simulation leave the long steps out.

exit codes: 0 all that was measured holds; 1 a target doesn't, or hardware and integer model differ; others as of hwgen
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import hwgen
from benchmarks import growth, layers, peers, tables, targets
from benchmarks.measure import BOARD, LARGER_BOARD, RN07, Run, cost, effort, exactness, measure, rn07, speed
from benchmarks.steps import Steps
from benchmarks.targets import Line
from benchmarks.wafer import ROOT, SIDE, WaferModel, make
from hwgen.errors import HwgenError, OptionError, OutputError

NAME = "benchmarks.reference"
DOCUMENT, README, PLOT = ROOT / "docs" / "reference-network.md", ROOT / "README.md", "reference-growth.svg"


@dataclass(frozen=True)
class Results:
    """All sections. lines: of the table of targets, in order."""

    run: Run
    lines: list[Line]
    points: list[growth.Point]
    command: str

    @cached_property
    def head(self) -> str:
        cores = len(os.sched_getaffinity(0))
        return f"{datetime.date.today().isoformat()}, `{self.command}`, hwgen {hwgen.__version__}, on {cores} cores."

    @cached_property
    def markdown(self) -> str:
        parts = [self.head, targets.table(self.lines), "### Layer by layer", self._layers()]
        parts += ["### Growth", "Highest rate by the estimate, on the smallest board that takes the network."]
        return "\n\n".join([*parts, growth.table(self.points)])

    def _layers(self) -> str:
        design, path = self.run.design, self.run.model.path
        kinds = "Estimated / synthesized." if design.synthesized else "Estimated."
        bottleneck = f"The slowest block is `{design.compiled.timing.bottleneck}`."
        if design.compiled.timing.interval <= targets.INTERVAL:
            return f"{kinds} {bottleneck}\n\n{layers.table(design)}"
        steps = Steps(f"{targets.INTERVAL} cycles a frame")
        reason = steps.run(f"compile for {BOARD}", lambda: layers.refusal(path, BOARD, targets.INTERVAL))
        wanted = steps.run(f"compile for {LARGER_BOARD}", lambda: layers.lut_at(path, LARGER_BOARD, targets.INTERVAL))
        why = f"Asked for {targets.INTERVAL:,} cycles, hwgen says: {reason}."
        if wanted is not None:
            why += f" Last column: estimated for that interval on {LARGER_BOARD}, which has more room."
        return f"{kinds} {bottleneck} {why}\n\n{layers.table(design, wanted)}"

    @property
    def readme(self) -> str:
        text = (
            "## The reference network\n\nWafer maps of 224×224 pixels into 58 classes, 478,150 parameters of 1 and 4 bits, on a"
            " Zybo Z7-10 at an assumed 150 MHz, beside the\nfigures that TIMA (Univ. Grenoble Alpes) published for the same"
            f" chip; [how each is known](docs/reference-network.md). {self.head}"
        )
        columns = ("", "published", "measured", "estimated", "target", "holds")
        return f"{text}\n\n{targets.table(self.lines, columns)}"


def run(options: argparse.Namespace, folder: Path) -> Results:
    simulate, synthesize = not options.skip_simulation, not options.skip_synthesis
    steps = Steps("model files by QKeras")
    widths = sorted({options.width * factor for factor in growth.FACTORS})

    def made(width: float) -> WaferModel:
        return steps.run(f"width ×{width:g}", lambda: make(folder, width, options.seed, options.side))

    models = {width: made(width) for width in widths}
    found = measure(models[options.width], folder, simulate, synthesize)
    network = [*speed(found), *cost(found), *effort(found)]
    if (options.width, options.side) != (1, SIDE):  # the targets are those of the network as it was published
        network = [replace(line, most=None, least=None) for line in network]
    lines = [*exactness(found), *network, *rn07(options.models, simulate)]
    points = [point for width in widths for point in growth.measure(models[width])]
    return Results(found, lines, points, command(options))


def command(options: argparse.Namespace) -> str:
    """What was asked for, without the paths of this machine."""
    parts = ["python -m benchmarks.reference"]
    parts += [f"--{name}" for name in ("skip-simulation", "skip-synthesis") if getattr(options, name.replace("-", "_"))]
    defaults = parser()
    for name in ("width", "side", "seed"):
        if getattr(options, name) != defaults.get_default(name):
            parts.append(f"--{name} {getattr(options, name):g}")
    return " ".join(parts)


def check(options: argparse.Namespace) -> None:
    """Everything that could go wrong at the end, before the first long step. Raises HwgenError."""
    if not 0 < options.width <= 4:
        raise OptionError(f"--width must be above 0 and at most 4, not {options.width:g}")
    if options.side < 40:
        raise OptionError(f"--side must be at least 40, not {options.side}: the network halves it five times")
    if options.markdown and not os.access(options.markdown.absolute().parent, os.W_OK):
        raise OutputError(f"can't write into {options.markdown.parent}; choose another folder for --markdown")
    if options.markdown or options.update_docs:
        growth.need_matplotlib()
    if options.update_docs:
        if options.skip_simulation or options.skip_synthesis or (options.width, options.side) != (1, SIDE):
            raise OptionError("--update-docs wants a whole run of the network as it is; leave the other options away")
        peers.find(options.models, RN07.file)
        for document in (DOCUMENT, README):
            tables.split(document, NAME)


def write(results: Results, options: argparse.Namespace) -> None:
    if options.markdown:
        picture = options.markdown.with_suffix(".svg")
        options.markdown.write_text(f"{results.markdown}\n\n![Growth]({picture.name})\n", encoding="utf-8")
        growth.plot(results.points, picture)
    if options.update_docs:
        picture = f"![Interval and LUTs over the width of the network]({PLOT})"
        tables.insert(DOCUMENT, NAME, f"{results.markdown}\n\n{picture}")
        growth.plot(results.points, DOCUMENT.with_name(PLOT))
        tables.insert(README, NAME, results.readme)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="python -m benchmarks.reference", description=__doc__.split("\n")[0])
    p.add_argument("--models", type=Path, default=peers.MODELS, metavar="DIR", help="folder of RN07's model file")
    p.add_argument("--skip-simulation", action="store_true", help="show estimated cycles only")
    p.add_argument("--skip-synthesis", action="store_true", help="show estimated resources only")
    p.add_argument("--width", type=float, default=1.0, help="factor on the channels (targets hold for 1)")
    p.add_argument("--side", type=int, default=SIDE, help=f"pixels a side of a frame (targets hold for {SIDE})")
    p.add_argument("--seed", type=int, default=1, help="of the weights and frames")
    p.add_argument("--markdown", type=Path, metavar="FILE", help="write the text there too, and the plot beside it")
    p.add_argument("--update-docs", action="store_true", help="put the results into docs/ and README.md (whole runs)")
    return p


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        check(options)
        with tempfile.TemporaryDirectory(prefix="hwgen-reference-") as folder:
            results = run(options, Path(folder))
            print(results.markdown)
            write(results, options)
    except HwgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if bad := targets.missed(results.lines):
        named = "; ".join(f"{line.what} {targets.number(line.figure)}, {line.target}" for line in bad)
        print(f"error: {len(bad)} of the targets don't hold: {named}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
