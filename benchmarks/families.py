"""What FPGA families other than Xilinx 7 series make of the blocks of the calibration: the factors of `boards/families.py`.

    python -m benchmarks.families              # measures ECP5, block after block, then prints; hours on a busy machine
    python -m benchmarks.families --stop 0     # prints what was measured

What was measured is kept in benchmarks/ecp5.json after every block, so a run that was broken off goes on where it was. Blocks are
taken in an order that is random, but always the same, so that a part of them stands for all.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import alone, records, sweep, tables
from benchmarks.records import TITLES, Data, Record
from hwgen.boards.families import FAMILIES
from hwgen.layers.block import Block
from hwgen.synth import version

FAMILY = "ecp5"
DATA = Path(__file__).with_name("ecp5.json")
NAMES = {
    "lut": "LUT4",
    "lutram": "LUT4 as memory",
    "ff": "FF",
    "carry4": "4 bits of carry",
    "bram36": "36 Kb",
    "dsp": "DSP",
}


def order(blocks: dict[str, Block]) -> list[str]:
    """The names in the order in which they are measured."""
    return [str(name) for name in np.random.default_rng(0).permutation(sorted(blocks))]


def measure(file: Path, blocks: dict[str, Block], stop: int) -> Data:
    """The data, with up to `stop` blocks measured anew."""
    data = records.read(file) if file.exists() else Data(version(), {}, {})
    missing = [name for name in order(blocks) if name not in data.records][:stop]
    for k, name in enumerate(missing):
        print(f"{k + 1} of {len(missing)}: {name}", file=sys.stderr)
        text = alone.emitted(blocks[name], FAMILY)
        with tempfile.TemporaryDirectory(prefix="hwgen-families-") as folder:
            found = alone.measure(text, Path(folder), FAMILY)
        record = Record(name, alone.digest(text), datetime.date.today().isoformat(), found)
        data = replace(data, records={**data.records, name: record})
        data.write(file)
    return data


def sums(data: Data, blocks: dict[str, Block]) -> dict[str, tuple[float, float]]:
    """resource -> (what the blocks cost by the model for Xilinx 7 series, what was measured), over all that were."""
    known = [(blocks[name].cost(), record.measured) for name, record in data.records.items() if name in blocks]
    return {kind: tuple(sum(getattr(one, kind) for one in side) for side in zip(*known)) for kind in TITLES}


def text(data: Data, blocks: dict[str, Block]) -> str:
    factors = FAMILIES[FAMILY].factors
    rows = [
        [NAMES[kind], f"{cost:,.0f}", f"{measured:,.0f}", f"{measured / cost:.2f}", f"{getattr(factors, kind):g}"]
        for kind, (cost, measured) in sums(data, blocks).items()
    ]
    head = f"{FAMILY}: {len(data.records)} of {len(blocks)} blocks, {data.yosys}"
    return f"{head}\n\n{tables.markdown(['', 'cost model', 'measured', 'factor', 'in use'], rows)}"


def main() -> int:
    p = argparse.ArgumentParser(prog="python -m benchmarks.families", description=__doc__.splitlines()[0])
    p.add_argument("--stop", type=int, default=10_000, metavar="N", help="measure so many blocks at most")
    options = p.parse_args()
    blocks = sweep.blocks()
    print(text(measure(DATA, blocks, options.stop), blocks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
