"""What the command line does, with progress to look at."""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from hwgen import api, boards, place, summary, virtual
from hwgen.errors import DifferenceError, DoesNotFit, HwgenError, OptionError, ToolFailed, ToolMissing
from hwgen.frames import load
from hwgen.output import check_ours
from hwgen.quantize.inputs import parse_options

LIST_WIDTH = 125  # of --list-boards


def list_boards() -> int:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("name", "board", "part", "LUT", "of", "FF", "BRAM", "DSP", "MHz", "shell", "bitstream"):
        table.add_column(heading, no_wrap=True)
    for board in boards.BOARDS.values():
        r = board.resources
        logic = (f"{r.lut:,.0f}", board.kind.lut, f"{r.ff:,.0f}")
        numbers = (*logic, f"{r.bram36:g}", f"{r.dsp:g}", f"{board.clock_mhz:g}")
        table.add_row(board.name, board.title, board.part, *numbers, board.shell, ", ".join(board.toolchains))
    Console(width=max(Console().width, LIST_WIDTH)).print(table)  # a narrow terminal breaks lines, not numbers
    return 0


@contextmanager
def stages(quiet: bool):
    """Gives a function that shows a stage's name and, where it is known, how far it is (0 to 1)."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("starting", total=None)

        def show(stage: str, fraction: float | None = None) -> None:
            progress.update(task, description=stage, total=None if fraction is None else 1.0, completed=fraction or 0)

        yield show


def run(options: argparse.Namespace, model: Path) -> int:
    """Compiles, and simulates, synthesizes, makes a bitstream where asked. Returns the exit code; raises HwgenError."""
    from hwgen.chip import build
    from hwgen.power import measure

    console = Console(quiet=options.quiet, soft_wrap=False)
    target = Path(options.output) if options.output else Path("build") / model.stem
    check_ours(target)
    if options.layer and not options.simulate:
        raise OptionError("--layer needs frames to simulate on: add --simulate FRAMES")
    if options.power:
        if not options.simulate:
            raise OptionError("--power needs frames to simulate on: add --simulate FRAMES")
        measure.check(boards.find(options.board), options.layer)
    if options.frames is not None and options.frames < 1:
        raise OptionError(f"--frames must be at least 1, not {options.frames}")
    if options.virtual:
        virtual.check(boards.find(options.board))
    boarded = load(options.virtual).first(options.frames) if options.virtual else None
    frames = load(options.simulate).first(options.frames) if options.simulate else None
    if options.scripts:
        build.check(boards.find(options.board), options.toolchain, scripts=True)
    if options.bitstream:
        build.check(boards.find(options.board), options.toolchain)
    missing = _no_place_and_route(options)
    difference: DifferenceError | None = None
    crash: ToolFailed | None = None
    with stages(options.quiet) as show:
        design = api.compile(
            model,
            options.board,
            weights=options.weights,
            input_type=parse_options(options.input_type),
            fps=options.fps,
            interval=options.interval,
            clock_mhz=options.clock,
            toolchain=options.toolchain if options.bitstream else None,
            dump_ir=options.dump_ir,
            progress=show,
        )
        if frames is not None:
            try:
                result = design.simulate(
                    frames,
                    layer=options.layer,
                    simulator=options.simulator,
                    waves=options.waves,
                    activity=options.power,
                    progress=show,
                )
            except DifferenceError as error:
                difference = error
        if boarded is not None and difference is None:
            try:
                design.run_virtual(boarded, progress=show)
            except DifferenceError as error:
                difference = error
        if options.synthesize or options.place:
            design.synthesize(netlist=missing is None, progress=show)
            if missing is None:
                try:
                    design.place(progress=show)
                except ToolFailed as error:  # what was measured before is written all the same
                    crash = error
        if options.bitstream:
            design.bitstream(options.toolchain, folder=target.parent / f".{target.name}.chip", progress=show)
        if options.scripts:
            design.scripts(options.toolchain)
        show("writing Verilog")
        written = design.write(target)
    found = design.report()
    console.print(summary.table(found))
    for line in summary.lines(found):
        console.print(line, highlight=False, soft_wrap=True)
    if missing is not None:
        console.print(f"clock: {design.clock_mhz:g} MHz is assumed; {missing}", highlight=False, soft_wrap=True)
    if difference is not None:
        raise difference
    if options.layer:
        line = f"layer {options.layer} alone: {result.compared:,} values equal, frames: {result.frames}"
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"written to {written}", highlight=False, soft_wrap=True)
    log = written / "synth" / "nextpnr.log"
    if crash is not None:
        raise ToolFailed(f"{crash}; the log is {log}")
    if options.place and design.placed.found.failure is not None:
        raise DoesNotFit(f"{design.placed.found.failure}; the log is {log}")
    return 0


def pareto(options: argparse.Namespace, model: Path) -> int:
    """The table of rates and resources, and its files. Returns the exit code; raises HwgenError."""
    others = {
        "--fps": options.fps,
        "--interval": options.interval,
        "--simulate": options.simulate,
        "--power": options.power,
        "--virtual": options.virtual,
        "--synthesize": options.synthesize,
        "--place": options.place,
        "--bitstream": options.bitstream,
        "--scripts": options.scripts,
        "--dump-ir": options.dump_ir,
    }
    given = [name for name, value in others.items() if value]
    if given:
        raise OptionError(f"--pareto makes no design: leave {' and '.join(given)} away, or leave away --pareto")
    target = Path(options.output) if options.output else Path("build") / f"{model.stem}-pareto"
    check_ours(target)
    with stages(options.quiet) as show:
        found = api.pareto(
            model,
            options.board,
            weights=options.weights,
            input_type=parse_options(options.input_type),
            clock_mhz=options.clock,
            progress=show,
        )
        written = found.write(target)
    console = Console(quiet=options.quiet, soft_wrap=False)
    console.print(found.table())
    console.print(f"written to {written}", highlight=False, soft_wrap=True)
    return 0


def _no_place_and_route(options: argparse.Namespace) -> HwgenError | None:
    """Why a network that is synthesized can't be placed and routed as well; None where it can.

    Raised where place and route is what is asked for.
    """
    if not (options.synthesize or options.place):
        return None
    try:
        place.find(boards.find(options.board))
    except (ToolMissing, OptionError) as missing:
        if options.place:
            raise
        return missing
    return None
