"""The activity of digits on its 100 test frames, as a simulation recorded it: a simulation with it takes a minute.

`python -m tests.power.recorded` simulates, and writes it anew.
"""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np

import hwgen
from hwgen.power.activity import Activity
from hwgen.power.measure import Recorded

FILE = Path(__file__).with_name("digits.json")
DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def design() -> hwgen.Design:
    return hwgen.compile(DIGITS / "digits.h5", "zybo")


def load() -> Recorded:
    stored = json.loads(FILE.read_text())
    return Recorded({name: Activity(*values) for name, values in stored["activities"].items()}, stored["cycles"])


def main() -> None:
    simulated = design()
    simulated.simulate(np.load(DIGITS / "test_frames.npz")["x"], activity=True)
    found = simulated.recorded
    rows = {name: [round(value, 3) for value in astuple(activity)] for name, activity in found.activities.items()}
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in rows.items())
    FILE.write_text(f'{{"cycles": {found.cycles}, "activities": {{\n{text}\n}}}}\n')
    print(json.dumps(simulated.report()["power"], indent=1))


if __name__ == "__main__":
    main()
