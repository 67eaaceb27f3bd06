"""Real resource numbers from Yosys, for the whole network and for each of its blocks."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import hwgen
from hwgen.errors import OptionError, ToolFailed, ToolMissing
from hwgen.layers.block import Resources
from hwgen.synth_worker import COMMANDS

Progress = Callable[[str, "float | None"], None]


@dataclass(frozen=True)
class SynthResult:
    """total: the whole top module. blocks: instance name -> its share; what lies between them is in the total alone.

    Blocks are optimised apart from each other, as the numbers could not be told apart otherwise.
    """

    total: Resources
    blocks: dict[str, Resources]
    log: Path


def _logic(*names: str, **amounts: float) -> dict[str, Resources]:
    return {name: Resources(**amounts) for name in names}


def _memory(luts: int, *names: str) -> dict[str, Resources]:
    return _logic(*names, lut=luts, lutram=luts)


# What each cell takes. A LUT cell counts as a whole LUT6 site: Yosys does not pack two small ones into one. An inverter
# that is left over becomes a LUT in place and route. MUXF7/F8 and constants take nothing that is counted.
CELLS: dict[str, dict[str, Resources]] = {
    # Sites from Xilinx UG953, UG474.
    "xc7": {
        **_logic("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "LUT6_2", "INV", lut=1),
        **_logic("FDRE", "FDSE", "FDCE", "FDPE", "LDCE", "LDPE", ff=1),
        **_memory(1, "SRL16E", "SRLC32E", "RAM16X1S", "RAM32X1S", "RAM64X1S"),
        **_memory(2, "RAM32X1D", "RAM64X1D", "RAM128X1S"),
        **_memory(4, "RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"),
        **_logic("RAMB18E1", "FIFO18E1", bram36=0.5),
        **_logic("RAMB36E1", "FIFO36E1", bram36=1),
        **_logic("DSP48E1", dsp=1),
        **_logic("CARRY4", carry4=1),
        **_logic("MUXF7", "MUXF8", "GND", "VCC", "BUFG"),
    },
    # lut counts LUT4; a CCU2C is two of them and carries two bits; an EBR holds 18 Kb.
    "ecp5": {
        **_logic("LUT4", lut=1),
        **_logic("CCU2C", lut=2, carry4=0.5),
        **_logic("TRELLIS_FF", ff=1),
        **_memory(6, "TRELLIS_DPR16X4"),  # four hold it, the inputs of two more write it
        **_logic("DP16KD", "PDPW16KD", bram36=0.5),
        **_logic("MULT18X18D", dsp=1),
        **_logic("PFUMX", "L6MUX21", "GND", "VCC", "VHI", "VLO"),
    },
}


def count(cells: Mapping[str, int], family: str, others: Mapping[str, Resources] | None = None) -> Resources:
    """The resources of cells, given how many there are of each type. others: types that only a whole chip has.

    Raises ToolFailed for a cell of unknown cost.
    """
    known, total = CELLS[family] | dict(others or {}), Resources()
    for name, number in cells.items():
        if name.startswith("$scopeinfo"):  # names of flattened modules, not hardware
            continue
        if name not in known:
            raise ToolFailed(f"Yosys used a cell {name!r} whose resources on {family} are not known")
        total += known[name] * number
    return total


def synthesize(
    verilog: Iterable[Path],
    top: str,
    workdir: Path,
    family: str = "xc7",
    progress: Progress | None = None,
    netlist: Path | None = None,
) -> SynthResult:
    """Synthesizes a top module with Yosys, in a process of its own. Log and cell counts are left in workdir.

    netlist: where to write the flat netlist for place and route (`hwgen.netlist`), if it is wanted.
    progress: called with the stage of synthesis and the fraction of the stages done. Raises ToolMissing without pyosys,
    ToolFailed with the end of the log where Yosys fails, OptionError for an unknown family.
    """
    if family not in COMMANDS:
        raise OptionError(f"no synthesis for the FPGA family {family!r}; known: {', '.join(COMMANDS)}")
    version()
    workdir = Path(workdir).resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    log, stats, instances = (workdir / name for name in ("yosys.log", "stats.json", "instances.json"))
    for path in (stats, instances):
        path.unlink(missing_ok=True)
    job = workdir / "job.json"
    job.write_text(
        json.dumps(
            {
                "files": [str(Path(path).resolve()) for path in verilog],
                "top": top,
                "family": family,
                "stats": str(stats),
                "instances": str(instances),
                "netlist": None if netlist is None else str(Path(netlist).resolve()),
            },
            indent=2,
        )
    )
    run_worker("hwgen.synth_worker", job, log, progress or (lambda stage, fraction: None))
    modules = {name.removeprefix("\\"): module for name, module in json.loads(stats.read_text())["modules"].items()}
    blocks = {name: module.removeprefix("\\") for name, module in json.loads(instances.read_text()).items()}
    for name in {*modules} - {top, *blocks.values()}:
        raise ToolFailed(f"Yosys kept a module {name!r} apart that is no block of {top!r}; the log is {log}")

    def cells(module: str) -> dict[str, int]:
        found = modules[module].get("num_cells_by_type", {})
        return {name: n for name, n in found.items() if name.removeprefix("\\") not in blocks.values()}

    result = {name: count(cells(module), family) for name, module in blocks.items()}
    return SynthResult(sum(result.values(), start=count(cells(top), family)), result, log)


def version() -> str:
    """Yosys, as it states itself. Raises ToolMissing without pyosys."""
    if importlib.util.find_spec("pyosys") is None:
        raise ToolMissing("Yosys is not installed; install it with: pip install pyosys")
    return f"pyosys {importlib.metadata.version('pyosys')}"


def run_worker(module: str, job: Path, log: Path, progress: Progress) -> None:
    """Runs a worker on its job, its log line by line into a file. Raises ToolFailed with the end of the log."""
    here = str(Path(hwgen.__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*map(os.path.abspath, sys.path), here])}
    command = [sys.executable, "-m", module, str(job)]
    with open(log, "w") as file:
        process = subprocess.Popen(
            command,
            cwd=job.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            for line in process.stdout:
                file.write(line)
                if found := re.match(r"hwgen: stage (\d+) of (\d+): (\S+)", line):
                    progress(found[3], int(found[1]) / int(found[2]))
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
    if process.returncode:
        text = log.read_text().splitlines()
        errors = [line for line in text if "ERROR" in line or "Error" in line]
        end = "\n".join((errors or text)[-5:])
        raise ToolFailed(f"Yosys failed (code {process.returncode}); the log is {log}, its end:\n{end}")
