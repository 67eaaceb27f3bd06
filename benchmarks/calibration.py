"""Estimated costs of blocks beside what Yosys makes of them: a sweep over every kind, and the reference network.

    python -m benchmarks.calibration                # measures what is new or changed, then prints all
    python -m benchmarks.calibration --network      # the reference network too: some ten minutes

What was measured is kept in benchmarks/calibration.json after every block, so a run that was broken off goes on where it
was. A block is measured again where its Verilog has changed. Progress goes to standard error.

exit codes: 0 every estimate is as close as it must be; 1 one isn't; others as of hwgen
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import hwgen
from benchmarks import alone, records, sweep, tables
from benchmarks.measure import BOARD
from benchmarks.records import TITLES, Data, Error, Record
from benchmarks.steps import Steps
from benchmarks.targets import number
from benchmarks.wafer import ROOT, SIDE, make
from hwgen.errors import HwgenError, OptionError
from hwgen.layers.block import Block, Resources

NAME = "benchmarks.calibration"
DOCUMENT = ROOT / "docs" / "calibration.md"
# Records of the whole network: what was synthesized, with what lies between the blocks, and what was estimated then.
TOTAL, ESTIMATED = "total", "total, estimated"


def measure(data: Data, blocks: dict[str, Block], file: Path, anew: bool) -> Data:
    """The data with a record of every one of the blocks; written to the file as each is measured."""
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as progress,
        tempfile.TemporaryDirectory(prefix="hwgen-calibration-") as folder,
    ):
        task = progress.add_task("", total=len(blocks))
        for name, block in blocks.items():
            progress.update(task, description=name[:60])
            text = alone.emitted(block)
            key = alone.digest(text)
            if anew or name not in data.records or data.records[name].key != key:
                record = Record(name, key, _today(), alone.measure(text, Path(folder)))
                data = replace(data, records={**data.records, name: record})
                data.write(file)
            progress.advance(task)
    return data


def measure_network(data: Data, width: float, side: int, seed: int) -> Data:
    """The data with the records of the reference network, folded by hwgen for the board of the benchmark.

    Prints a table of its blocks.
    """
    steps = Steps(f"reference network ×{width:g}")
    with tempfile.TemporaryDirectory(prefix="hwgen-calibration-") as folder:
        model = steps.run("model file by QKeras", lambda: make(Path(folder), width, seed, side))
        design = steps.run("compile", lambda: hwgen.compile(model.path, BOARD))
        made = steps.run("synthesize", design.synthesize)
    found, shown, instances = {}, {}, design.compiled.emitted.instances
    for node in design.compiled.hardware.nodes:
        if instances[node.name] in made.blocks:
            measured = made.blocks[instances[node.name]]
            found[node.name] = Record(node.name, alone.key(node.op), _today(), measured)
            shown[node.name] = records.errors(node.op.cost(), measured)
    key, estimated = network_key(width, side, seed), design.compiled.cost
    rounded = Resources(**{kind: _shown(getattr(estimated, kind)) for kind in TITLES})
    found |= {TOTAL: Record(TOTAL, key, _today(), made.total), ESTIMATED: Record(ESTIMATED, key, _today(), rounded)}
    print(f"{block_table(shown)}\n")
    return replace(data, network=found)


def network_key(width: float, side: int, seed: int) -> str:
    return f"width {width:g}, {side} pixels a side, seed {seed}, {BOARD}"


def _today() -> str:
    return datetime.date.today().isoformat()


# --- what is printed ------------------------------------------------------------------------------------------------


def estimates(data: Data, blocks: dict[str, Block]) -> dict[str, list[Error]]:
    """Name -> today's estimate against what was measured; blocks that weren't measured are left out."""
    known = {name: block for name, block in blocks.items() if name in data.records}
    return {name: records.errors(block.cost(), data.records[name].measured) for name, block in known.items()}


def block_table(found: dict[str, list[Error]]) -> str:
    """A row a block: estimated / synthesized of each kind; what is too far off is marked."""
    rows = []
    for name, errors in found.items():
        cells = [f"{number(_shown(e.estimated))} / {number(e.measured)}{'' if e.holds else ' !'}" for e in errors]
        rows.append([name, *cells, f"{errors[0].relative:+.0%}"])
    return tables.markdown(["block", *TITLES.values(), "LUT error"], rows)


def kind_table(found: dict[str, list[Error]]) -> str:
    """A row a kind of block: the mean and the greatest error of each kind of resource."""
    kinds: dict[str, list[list[Error]]] = {}
    for name, errors in found.items():
        kinds.setdefault(sweep.kind(name), []).append(errors)
    rows = [_kind_row(kind, blocks) for kind, blocks in kinds.items()]
    rows.append(_kind_row("all", list(found.values())))
    heading = ["kind", "blocks", "LUT: mean", "most", "beyond 25 %", "FF: mean", "most", "CARRY4: mean", "most"]
    return tables.markdown([*heading, "RAMB36, DSP48E1 exact"], rows)


def _kind_row(kind: str, blocks: list[list[Error]]) -> list[str]:
    of = {name: [error for errors in blocks for error in errors if error.kind == name] for name in TITLES}
    cells = [kind, str(len(blocks))]
    for name in ("lut", "ff", "carry4"):
        cells += [f"{value:.0%}" for value in records.summary(of[name])]
        if name == "lut":
            cells.append(str(sum(abs(error.relative) > records.RELATIVE for error in of[name])))
    exact = sum(all(error.holds for error in errors if error.kind in records.EXACT) for errors in blocks)
    return [*cells, f"{exact} of {len(blocks)}"]


def _shown(value: float) -> float:
    return round(value * 2) / 2


def network_text(data: Data) -> str:
    """What was measured of the reference network, and when."""
    if TOTAL not in data.network:
        return "The reference network hasn't been measured yet: `--network`."
    record, estimated = data.network[TOTAL], data.network[ESTIMATED].measured
    rows = []
    for error in records.errors(estimated, record.measured):
        cells = [number(error.estimated), number(error.measured), f"{error.relative:+.1%}" if error.measured else ""]
        rows.append([TITLES[error.kind], *cells])
    head = f"Reference network: {record.key}; {record.date}; {len(data.network) - 2} blocks."
    return f"{head}\n\n{tables.markdown(['', 'estimated', 'synthesized', 'error'], rows)}"


def text(data: Data, blocks: dict[str, Block]) -> str:
    dates = sorted(record.date for record in data.records.values())
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    head = f"{when}, `python -m {NAME}`, Yosys {data.yosys}, synth_xilinx for xc7; {len(blocks)} blocks."
    return "\n\n".join([head, kind_table(estimates(data, blocks)), network_text(data)])


# --- the command ----------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog=f"python -m {NAME}", description=__doc__.split("\n")[0])
    p.add_argument("--only", default="", metavar="TEXT", help="of the sweep only blocks that have this in their name")
    p.add_argument("--anew", action="store_true", help="measure again what is in the file already")
    p.add_argument("--network", action="store_true", help="measure the reference network too")
    p.add_argument("--width", type=float, default=1.0, help="factor on the network's channels")
    p.add_argument("--side", type=int, default=SIDE, help="pixels a side of the network's frames")
    p.add_argument("--seed", type=int, default=1, help="of the network's weights")
    p.add_argument("--data", type=Path, default=records.DATA, metavar="FILE", help="where what was measured is kept")
    p.add_argument("--update-docs", action="store_true", help="put the table into docs/calibration.md")
    return p


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return run(options)
    except HwgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def run(options: argparse.Namespace) -> int:
    every = sweep.blocks()
    chosen = {name: block for name, block in every.items() if options.only in name}
    if not chosen:
        raise OptionError(f"no block has {options.only!r} in its name")
    if options.update_docs:
        tables.split(DOCUMENT, NAME)
    yosys = importlib.metadata.version("pyosys")
    data = records.read(options.data) if options.data.exists() else Data(yosys, {}, {})
    # What is no longer in the sweep goes; another version of Yosys measures all anew.
    kept = {name: record for name, record in data.records.items() if name in every and data.yosys == yosys}
    data = measure(Data(yosys, kept, data.network), chosen, options.data, options.anew)
    if options.network:
        data = measure_network(data, options.width, options.side, options.seed)
    data.write(options.data)
    found = estimates(data, chosen)
    print(f"{block_table(found)}\n\n{text(data, every)}")
    if options.update_docs:
        tables.insert(DOCUMENT, NAME, text(data, every))
    bad = [name for name, errors in found.items() if not all(e.holds for e in errors if e.kind in records.HELD)]
    if bad:
        print(f"error: {len(bad)} estimates are too far off: {'; '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
