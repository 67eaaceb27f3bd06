"""The clock that each block of a network reaches by itself: `python -m benchmarks.clock model.h5 --board zybo --block conv1`.

Each block is synthesized alone, with a flip-flop at every bit of its ports, and placed and routed on the board's chip with
nextpnr (`hwgen.place` says how it is found). So wires within blocks count, those between blocks don't: what the whole
network reaches is what `python -m hwgen model.h5 --place` says.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path

import hwgen
from benchmarks.alone import FAMILY, TOP, emitted
from benchmarks.tables import markdown
from hwgen import boards, place
from hwgen.errors import HwgenError, OptionError
from hwgen.graph import Node
from hwgen.layers.block import Resources
from hwgen.layers.view import View
from hwgen.synth import synthesize

HEADINGS = [
    "block",
    "LUT",
    "CARRY4",
    "CARRY4 placed",
    "MHz after placement",
    "MHz after routing",
    "ns of the slowest path",
]


def measure(node: Node, board: boards.Board, target_mhz: float, folder: Path) -> tuple[Resources, place.PlaceResult]:
    """Synthesizes, places and routes one block. Files are left in the folder. Raises HwgenError."""
    folder.mkdir(parents=True)
    source, netlist = folder / "alone.v", folder / "netlist.json"
    source.write_text(emitted(node.op), encoding="utf-8")
    made = synthesize([source], TOP, folder, FAMILY, netlist=netlist)
    placed = place.place(place.find(board), netlist, board, target_mhz, folder, ["block"])
    return made.total, placed


def row(node: Node, made: Resources, placed: place.PlaceResult) -> list[str]:
    found, path = placed.found, placed.found.path
    start = [f"{node.name}: {node.op.describe()}", f"{made.lut:,.0f}", f"{made.carry4:,.0f}"]
    start.append(f"{found.used.get('CARRY4', (0, 0))[0]:,}")
    if found.failure is not None:
        return [*start, "", "", found.failure]
    where = "" if path is None else f"{path.logic_ns:g} in {path.levels} cells, {path.routing_ns:g} in wires"
    return [*start, f"{found.placed_mhz:g}", f"{found.routed_mhz:g}", where]


def main(arguments: list[str] | None = None) -> int:
    p = argparse.ArgumentParser(prog="python -m benchmarks.clock", description=__doc__.splitlines()[0])
    p.add_argument("model", help="model file")
    p.add_argument("--board", default="zybo", help="board to fold for")
    p.add_argument("--interval", type=int, help="cycles a frame to reach")
    p.add_argument("--chip-of", metavar="BOARD", help="place on this board's chip instead")
    p.add_argument("--block", action="append", metavar="NAME", help="only this block; may be given several times")
    options = p.parse_args(arguments)
    try:
        board = boards.find(options.chip_of or options.board)
        tool = place.find(board)
        design = hwgen.compile(options.model, options.board, interval=options.interval)
        nodes = {node.name: node for node in design.compiled.hardware.nodes if not isinstance(node.op, View)}
        if unknown := [name for name in options.block or () if name not in nodes]:
            raise OptionError(f"no block {unknown[0]!r}; there are: {', '.join(nodes)}")
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            for name in options.block or nodes:
                print(f"{name} ...", file=sys.stderr)
                rows.append(row(nodes[name], *measure(nodes[name], board, design.clock_mhz, Path(folder) / name)))
    except HwgenError as error:
        print(f"clock: error: {error}", file=sys.stderr)
        return error.exit_code
    print(
        f"{date.today()}, {tool.version}, {board.part}, target {design.clock_mhz:g} MHz\n\n{markdown(HEADINGS, rows)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
