"""The output folder of a design: everything that is known of it so far."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hwgen import html
from hwgen.chip import host_files
from hwgen.output import OutputFolder

KEPT = {".v", ".vlt", ".saif", ".log", ".json", ".xdc", ".vcd", ".fst", ".py"}  # files of a tool's working folder
OF_CHIP = {".v", ".lpf", ".xdc", ".tcl", ".rpt", ".log"}  # files of the bitstream's working folder


def write(design, folder: Path, workdirs: Mapping[str, Path]) -> Path:
    """Writes the folder, whole or not at all. workdirs: what a tool's folder is called there -> where it worked.

    Raises OutputError.
    """
    with OutputFolder(folder) as output:
        path = output.path
        (path / "rtl").mkdir()
        (path / "rtl" / f"{design.compiled.emitted.top}.v").write_text(design.verilog, encoding="utf-8")
        found = design.report()
        (path / "report.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        (path / "report.html").write_text(html.page(found), encoding="utf-8")
        (path / "graph.txt").write_text(design.compiled.hardware.dump(), encoding="utf-8")
        for name, workdir in workdirs.items():
            (path / name).mkdir()
            _copy(workdir, path / name, KEPT)
        _chip(design, path / "chip")
        (path / "sim").mkdir(exist_ok=True)
        if design.simulated is not None:
            for k, array in enumerate(design.simulated.outputs.values()):
                np.save(path / "sim" / f"outputs{k or ''}.npy", array)
        return output.commit()


def _chip(design, folder: Path) -> None:
    """What Vivado is run with, the bitstream, and what a host needs."""
    if design.chip_scripts or design.chip is not None:
        folder.mkdir()
    for name, text in design.chip_scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
    if design.chip is not None:
        for made in (design.chip.bit, *design.chip.others):
            shutil.copyfile(made, folder / made.name.replace("chip", design.name, 1))
        _copy(design.chip.bit.parent, folder, OF_CHIP)
    host_files.write(design.compiled, design.board, design.clock_mhz, design.name, folder)


def _copy(source: Path, target: Path, suffixes: set[str]) -> None:
    """The readable files of a tool's working folder; not what it compiled."""
    for file in sorted(source.iterdir()):
        if file.is_file() and file.suffix in suffixes:
            shutil.copyfile(file, target / file.name)
