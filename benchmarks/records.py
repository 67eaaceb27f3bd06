"""What was synthesized of each block, in a file, and how far an estimate may be from it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from hwgen.errors import OutputError
from hwgen.layers.block import Resources

DATA = Path(__file__).with_name("calibration.json")
TITLES = {"lut": "LUT", "lutram": "LUT as memory", "ff": "FF", "carry4": "CARRY4", "bram36": "RAMB36", "dsp": "DSP48E1"}
EXACT = ("bram36", "dsp")
HELD = ("lut", *EXACT)  # what must be so close for every block; the others are shown
RELATIVE = 0.25
# What a small block may be off by. Yosys shares a LUT here, spends one there: nobody can foresee so few.
ABSOLUTE = {"lut": 12, "lutram": 12, "ff": 12, "carry4": 3}
NETWORK = 0.15  # of the LUTs of a whole network


@dataclass(frozen=True)
class Record:
    """A block that was synthesized. name: of the block. key: stands for its Verilog, or in a network for its fields."""

    name: str
    key: str
    date: str
    measured: Resources


@dataclass(frozen=True)
class Error:
    """estimated against measured, of one kind of resource."""

    kind: str
    estimated: float
    measured: float

    @property
    def holds(self) -> bool:
        difference = abs(self.estimated - self.measured)
        if self.kind in EXACT:
            return difference == 0
        return difference <= max(RELATIVE * self.measured, ABSOLUTE[self.kind])

    @property
    def relative(self) -> float:
        return (self.estimated - self.measured) / max(self.measured, 1)


def errors(estimated: Resources, measured: Resources) -> list[Error]:
    return [Error(kind, getattr(estimated, kind), getattr(measured, kind)) for kind in TITLES]


@dataclass(frozen=True)
class Data:
    """records: of the sweep, by name. network: of the reference network's blocks, and `total` with what lies between."""

    yosys: str
    records: dict[str, Record]
    network: dict[str, Record]

    def write(self, file: Path) -> None:
        """One line a block, sorted, so that a change shows what it changed."""
        parts = []
        for title, found in (("blocks", self.records), ("network", self.network)):
            rows = [json.dumps(_row(found[name]), ensure_ascii=False) for name in sorted(found)]
            parts.append(f' "{title}": [\n  ' + ",\n  ".join(rows) + "\n ]" if rows else f' "{title}": []')
        text = f'{{\n "yosys": {json.dumps(self.yosys)},\n' + ",\n".join(parts) + "\n}\n"
        partial = file.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)


def _row(record: Record) -> dict:
    numbers = {kind: value for kind, value in asdict(record.measured).items() if value}
    return {"name": record.name, "key": record.key, "date": record.date, **numbers}


def read(file: Path) -> Data:
    """Raises OutputError for a file that isn't of this form."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Data(found["yosys"], _records(found["blocks"]), _records(found["network"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{file.name} isn't a file of calibration data ({error}); delete it to measure anew"
        ) from None


def _records(rows: list[dict]) -> dict[str, Record]:
    found = {}
    for row in rows:
        row = dict(row)
        head = [row.pop(name) for name in ("name", "key", "date")]
        found[head[0]] = Record(*head, Resources(**row))
    return found


def summary(errors_: Iterable[Error]) -> tuple[float, float]:
    """(mean, greatest) size of the relative errors, but for those of few."""
    sizes = [abs(error.relative) for error in errors_ if error.measured >= ABSOLUTE.get(error.kind, 1)]
    return (statistics.fmean(sizes), max(sizes)) if sizes else (0.0, 0.0)
