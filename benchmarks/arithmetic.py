"""What a multiply-accumulate takes in each arithmetic: neuron blocks as Yosys makes them.

    python -m benchmarks.arithmetic                  # measures all: some ten minutes
    python -m benchmarks.arithmetic --update-docs    # and puts the table into docs/arithmetic.md

Progress goes to standard error.

exit codes: 0 measured; others as of hwgen
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import sys
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import alone, tables
from benchmarks.steps import Steps
from benchmarks.wafer import ROOT
from hwgen.errors import HwgenError, OptionError
from hwgen.layers.adder_graph import AdderGraph
from hwgen.layers.block import Resources
from hwgen.layers.neuron import Neuron
from hwgen.layers.subexpressions import plain_sums
from hwgen.layers.taps import Taps
from hwgen.tensor import TensorType

NAME = "benchmarks.arithmetic"
DOCUMENT = ROOT / "docs" / "arithmetic.md"
UNSHARED = "constants, nothing shared"


@dataclass(frozen=True)
class Work:
    """What is to be multiplied: weights drawn evenly from `values`, by inputs of 0 to `most`.

    inputs, neurons: in parallel; the block has `turns` times as many neurons.
    """

    weights: str
    values: tuple[int, ...]
    most: int
    inputs: int
    neurons: int
    turns: int

    def block(self, arithmetic: str) -> Neuron:
        rng = np.random.default_rng(zlib.crc32(f"{self.weights} {self.inputs} {self.neurons} {self.turns}".encode()))
        count = self.neurons * self.turns
        weights = rng.choice(self.values, (1, 1, self.inputs, count)).astype(np.int64)
        x, taps = TensorType((9, 9, self.inputs), 0, self.most), Taps((1, 1), self.inputs, lanes=self.inputs)
        return Neuron(x, taps, weights, rng.integers(-20, 20, count), neurons=self.neurons, arithmetic=arithmetic)

    @property
    def macs(self) -> int:
        """A cycle."""
        return self.inputs * self.neurons

    @property
    def shape(self) -> list[str]:
        return [self.weights, f"{self.most.bit_length()} bits", f"{self.inputs} × {self.neurons}", str(self.turns)]


def _works(inputs: int, neurons: int, turns: int) -> dict[str, Work]:
    kinds = {
        "binary": (-1, 1),
        "ternary": (-1, 0, 1),
        "powers of two": (-4, -2, -1, 0, 1, 2, 4),
        "4 bits": tuple(range(-8, 8)),
        "8 bits": tuple(range(-127, 128)),
    }
    return {k: Work(k, v, 255 if k == "8 bits" else 15, inputs, neurons, turns) for k, v in kinds.items()}


FOLDED, FOLDED_WIDE, FIXED, FIXED_WIDE = _works(36, 8, 4), _works(16, 4, 4), _works(36, 16, 1), _works(16, 16, 1)

ROWS: tuple[tuple[Work, str], ...] = tuple(
    (work, arithmetic)
    for work, arithmetics in (
        (FOLDED["binary"], ("signs", "serial")),
        (FOLDED["ternary"], ("gates", "tables", "serial")),
        (FOLDED["powers of two"], ("shifts", "planes")),
        (FOLDED["4 bits"], ("planes", "tables", "serial", "dsp", "dsp3")),
        (FOLDED_WIDE["8 bits"], ("planes", "tables", "serial", "dsp", "dsp2")),
        (FIXED["ternary"], ("gates", "tables", UNSHARED, "constants")),
        (FIXED["4 bits"], ("tables", UNSHARED, "constants")),
        (_works(64, 32, 1)["4 bits"], (UNSHARED, "constants")),
        (FIXED_WIDE["8 bits"], ("tables", UNSHARED, "constants")),
    )
    for arithmetic in arithmetics
)


def unshared(work: Work) -> Resources:
    """The estimate for constants where each neuron has all its adders to itself."""
    block = work.block("constants")
    matrix = block.plan.arithmetic.matrix.array
    alone_, shared = AdderGraph(plain_sums(matrix), 0, work.most).cost, block.plan.arithmetic.cost(work.neurons)
    return block.cost() + alone_ + shared * -1


def row(work: Work, arithmetic: str, folder: Path) -> list[str]:
    """A line of the table: LUTs as estimated, and all as synthesized, for a multiply-accumulate a cycle."""
    if arithmetic == UNSHARED:
        estimated, made = unshared(work), None
    else:
        block = work.block(arithmetic)
        estimated, made = block.cost(), alone.measure(alone.emitted(block), folder)

    def each(amount: float, digits: int = 2) -> str:
        return f"{amount / work.macs:.{digits}f}"

    found = [""] * 4 if made is None else [each(made.lut), each(made.carry4), each(made.ff), each(made.dsp)]
    return [*work.shape, arithmetic, each(estimated.lut), *found]


def table(rows: Iterable[tuple[Work, str]]) -> str:
    heading = [
        "weights",
        "inputs",
        "in parallel",
        "turns",
        "arithmetic",
        "LUT, estimated",
        "LUT",
        "CARRY4",
        "FF",
        "DSP",
    ]
    lines, steps = [], Steps(NAME)
    with tempfile.TemporaryDirectory(prefix="hwgen-arithmetic-") as folder:
        for work, arithmetic in rows:
            step = f"{', '.join(work.shape)}, {arithmetic}"
            lines.append(steps.run(step, lambda work=work, how=arithmetic: row(work, how, Path(folder))))
    return tables.markdown(heading, lines)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog=f"python -m {NAME}", description=__doc__.split("\n")[0])
    p.add_argument("--only", metavar="ARITHMETIC", help="the rows of this arithmetic alone")
    p.add_argument("--update-docs", action="store_true", help="put the table into docs/arithmetic.md")
    return p


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return run(options)
    except HwgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def run(options: argparse.Namespace) -> int:
    chosen = [(work, how) for work, how in ROWS if options.only in (None, how)]
    if not chosen:
        known = ", ".join(sorted({how for _, how in ROWS}))
        raise OptionError(f"no row has the arithmetic {options.only!r}; choose one of {known}")
    if options.update_docs:
        if options.only:
            raise OptionError("--update-docs wants the whole table; leave out --only")
        tables.split(DOCUMENT, NAME)
    found = table(chosen)
    yosys, today = importlib.metadata.version("pyosys"), datetime.date.today().isoformat()
    text = f"{today}, `python -m {NAME} --update-docs`, Yosys {yosys}, synth_xilinx for xc7.\n\n{found}"
    print(text)
    if options.update_docs:
        tables.insert(DOCUMENT, NAME, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
