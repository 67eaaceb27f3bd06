"""The whole way: trains the example network in QKeras, compiles it to hardware, simulates that on held-out images.

python examples/digits/run.py                   scikit-learn's digits, 8×8
python examples/digits/run.py --data mnist      MNIST, 28×28; README.md says how to get it

Writes training/ (the model, its test frames), hardware/ (Verilog, report, outputs) and answers.svg. What was trained before
isn't trained again. Each step by itself: train.py; `python -m hwgen MODEL`; the same with `--simulate FRAMES`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from picture import check_target, draw
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from train import add_options, run, trained

import hwgen
from hwgen import boards
from hwgen.cli import stages
from hwgen.errors import OptionError
from hwgen.frames import load
from hwgen.output import check_ours


def train_compile_simulate(options: argparse.Namespace) -> None:
    """All three steps, then the table. Raises HwgenError; what can be refused is refused before the training."""
    folder = options.output or Path("build") / f"digits-{options.data}"
    training, hardware, answers = folder / "training", folder / "hardware", folder / "answers.svg"
    boards.find(options.board)
    check_ours(hardware)
    check_target(answers)
    if options.frames is not None and options.frames < 2:
        raise OptionError(f"--frames must be at least 2, not {options.frames}: cycles are counted from image to image")
    record = trained(options, training)
    frames = load(training / "test_frames.npz").first(options.frames)
    with stages(quiet=False) as show:
        design = hwgen.compile(training / "digits.h5", board=options.board, progress=show)
        result = design.simulate(frames, simulator=options.simulator, progress=show)
        design.write(hardware)
    draw(training / "test_frames.npz", result.outputs["output"], answers)
    Console().print(table(record, design.report()))
    print(f"written to {hardware} (open report.html) and {answers}")


def table(record: dict, report: dict) -> Table:
    """record: training.json. report: that of a design that was simulated on labelled frames with QKeras's scores."""
    count = report["exact"]["frames"]
    accuracy, cycles = report["accuracy"], report["interval_cycles"]
    found, board = report["resources"]["estimated"], report["resources"]["board"]
    title = f"{record['images']} pixels, {record['parameters']:,} parameters, {report['board']}"
    result = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_header=False, pad_edge=False)
    result.add_column()
    result.add_column(justify="right")
    result.add_row(f"accuracy in QKeras, all {record['held out']:,} held-out images", f"{record['accuracy']:.2%}")
    result.add_row(f"accuracy in QKeras, the first {count} of them", f"{accuracy['QKeras']:.2%}")
    result.add_row(f"accuracy in hardware, the same {count}", f"{accuracy['hardware']:.2%}")
    result.add_row("images whose ten scores equal QKeras's", f"{accuracy['outputs equal']} of {count}")
    result.add_row("values compared on all streams, differences", f"{report['exact']['values']:,}, none")
    result.add_row("cycles an image, simulated (estimated)", f"{cycles['simulated']:,} ({cycles['estimated']:,})")
    latency = report["latency_cycles"]
    result.add_row("latency in cycles, simulated (estimated)", f"{latency['simulated']:,} ({latency['estimated']:,})")
    clock = report["clock_mhz"]["assumed"]
    result.add_row(f"images/s at an assumed {clock:g} MHz", f"{clock * 1e6 / cycles['simulated']:,.0f}")
    for kind, name in (("lut", "LUT"), ("ff", "flip-flops"), ("bram36", "block RAM"), ("dsp", "DSP")):
        result.add_row(f"{name}, estimated (of the board's)", f"{found[kind]:,g} ({found[kind] / board[kind]:.0%})")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--board", default="zybo", help="board to fold for (default: %(default)s)")
    parser.add_argument("--frames", type=int, metavar="N", help="simulate only the first N held-out images of 100")
    parser.add_argument(
        "--simulator",
        choices=("auto", "verilator", "icarus"),
        default="auto",
        help="default: Verilator where a C++ compiler is",
    )
    parser.add_argument("-o", "--output", type=Path, help="folder (default: build/digits-DATA)")
    parser.set_defaults(float=False)
    options = parser.parse_args()
    return run("run", lambda: train_compile_simulate(options))


if __name__ == "__main__":
    sys.exit(main())
