"""Place and route with nextpnr for Xilinx, where it is installed: the clock that the network reaches.

Two programs do it: nextpnr-xilinx of openXC7, and nextpnr-himbaechel with its "xilinx" target. The environment variable
NEXTPNR_XILINX names one of them, else PATH is searched. HWGEN_CHIPDB names the folder (or the file) of chip databases.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from hwgen.boards.board import Board
from hwgen.boards.pins import pins
from hwgen.errors import OptionError, ToolFailed, ToolMissing
from hwgen.place_log import STAGES, Log, parse

Progress = Callable[..., None]

HOW_TO_GET = (
    "install openXC7's nextpnr-xilinx (https://github.com/openXC7/toolchain-installer) or nextpnr-himbaechel with its "
    "xilinx target, and put it on PATH or name it in NEXTPNR_XILINX"
)
LIMIT_S = 3600.0


@dataclass(frozen=True)
class Tool:
    """A nextpnr for Xilinx. himbaechel: which of the two it is. chipdb: the database to name; None: it has its own."""

    command: str
    version: str
    himbaechel: bool
    chipdb: Path | None


@dataclass(frozen=True)
class PlaceResult:
    """What place and route gave. target_mhz: the clock that was asked for. The rest: `hwgen.place_log.Log`."""

    tool: str
    target_mhz: float
    found: Log
    log: Path


def find(board: Board) -> Tool:
    """The installed nextpnr for a board's chip.

    Raises OptionError for a board that can't be placed for at all, ToolMissing where nextpnr or its database is missing.
    """
    if board.family != "xc7":
        raise OptionError(f"{board.name}: hwgen places and routes for Xilinx 7 series alone, not for {board.family}")
    pins(board)
    named = os.environ.get("NEXTPNR_XILINX")
    names = [named] if named else ["nextpnr-xilinx", "nextpnr-himbaechel"]
    for name in names:
        command = shutil.which(name)
        if command is None:
            if named:
                raise ToolMissing(f"NEXTPNR_XILINX names {named!r}, which is no program; {HOW_TO_GET}")
            continue
        himbaechel = "--device" in _ask(command, "--help")
        if himbaechel and "xilinx" not in _ask(command, "--list-uarch"):
            continue  # built for other chips
        version = re.search(r"Version (?:nextpnr-)?([^)\s]+)", _ask(command, "--version"))
        text = f"{Path(command).name} {version[1]}" if version else Path(command).name
        return Tool(command, text, himbaechel, _chipdb(board.part, himbaechel))
    raise ToolMissing(f"nextpnr for Xilinx is not installed; {HOW_TO_GET}")


def _ask(command: str, option: str) -> str:
    """What a program says to an option; nothing where it can't be run."""
    try:
        done = subprocess.run(
            [command, option], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def _chipdb(part: str, himbaechel: bool) -> Path | None:
    """The chip database of a part in HWGEN_CHIPDB; openXC7's tool needs one, himbaechel finds its own."""
    given = os.environ.get("HWGEN_CHIPDB")
    die = re.match(r"xc7[a-z]+\d+t?", part)[0]
    names = [f"{part}.bin", f"{part.rpartition('-')[0]}.bin", f"{die}.bin"]
    if himbaechel:
        names = [f"chipdb-{die}.bin", f"xilinx/chipdb-{die}.bin", *names]
    if given:
        if Path(given).is_file():
            if die not in Path(given).name:  # it would be placed on another chip
                raise ToolMissing(f"HWGEN_CHIPDB ({given}) isn't the chip database of {part}: its name has no {die!r}")
            return Path(given)
        for path in (Path(given) / name for name in names):
            if path.is_file():
                return path
        raise ToolMissing(f"there is no chip database for {part} in HWGEN_CHIPDB ({given}): none of {', '.join(names)}")
    if himbaechel:
        return None
    raise ToolMissing(
        f"nextpnr-xilinx needs the chip database of {part}: set HWGEN_CHIPDB to the folder that has {names[1]}"
    )


def place(
    tool: Tool,
    netlist: Path,
    board: Board,
    target_mhz: float,
    workdir: Path,
    instances: Iterable[str] = (),
    *,
    limit_s: float = LIMIT_S,
    progress: Progress | None = None,
) -> PlaceResult:
    """Places and routes a flat netlist (`hwgen.netlist`) and reads the clock that it reached. The log stays in workdir.

    board: one that `find` took. instances: names of the network's blocks in the netlist. limit_s: seconds after which it
    is given up. A placement or routing that failed is a result (`found.failure`). Raises ToolFailed, in one line, where
    nextpnr crashes, stops at an error or takes too long.
    """
    workdir = Path(workdir).resolve()
    constraints, log = workdir / "place.xdc", workdir / "nextpnr.log"
    clock = pins(board)["clk"]
    constraints.write_text(
        f"set_property PACKAGE_PIN {clock.site} [get_ports clk]\n"
        f"set_property IOSTANDARD {clock.standard} [get_ports clk]\n"
    )
    command = [tool.command, "--json", str(Path(netlist).resolve()), "--freq", f"{target_mhz:g}", "--timing-allow-fail"]
    if tool.himbaechel:
        command += ["--device", board.part, "-o", f"xdc={constraints}", "--router", "router2"]
    else:
        command += ["--xdc", str(constraints)]
    if tool.chipdb is not None:
        command += ["--chipdb", str(tool.chipdb)]
    code = run_logged(command, workdir, log, limit_s, progress or (lambda stage, fraction=None: None))
    text = log.read_text(errors="replace")
    found = parse(text, instances)
    if code < 0:
        raise ToolFailed(f"{tool.version} crashed ({signal.Signals(-code).name}){_last(text)}")
    if found.error is not None:
        raise ToolFailed(f"{tool.version} stopped: {found.error}")
    if found.routed_mhz is None and found.failure is None:
        raise ToolFailed(f"{tool.version} ended without a clock (code {code}){_last(text)}")
    return PlaceResult(tool.version, target_mhz, found, log)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"; the last line of its log: {lines[-1]}" if lines else "; it said nothing"


def stage_of(line: str) -> str | None:
    """The stage that a line of nextpnr's log begins."""
    text = line.removeprefix("Info: ").strip()
    return next((name for begin, name in STAGES.items() if text.startswith(begin)), None)


def run_logged(
    command: list[str],
    workdir: Path,
    log: Path,
    limit_s: float,
    progress: Progress,
    name: str = "nextpnr",
    stage_of: Callable[[str], str | None] = stage_of,
) -> int:
    """Runs a tool in a process group of its own, its log line by line into a file. Returns its exit code. Raises ToolFailed
    where it can't be started or takes too long. stage_of: what to show as progress when a line of the log comes."""
    with open(log, "w", encoding="utf-8") as file:
        try:
            process = subprocess.Popen(
                command,
                cwd=workdir,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ToolFailed(f"{command[0]} can't be started: {error.strerror}") from None
        late = threading.Event()
        timer = threading.Timer(limit_s, lambda: (late.set(), _end(process)))
        timer.start()
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                if stage := stage_of(line):
                    progress(f"{name}: {stage}")
            process.wait()
        finally:
            timer.cancel()
            _end(process)
            process.stdout.close()
    if late.is_set():
        raise ToolFailed(f"{name} did not end within {limit_s:g} s{_last(log.read_text(errors='replace'))}")
    return process.returncode


def _end(process: subprocess.Popen) -> None:
    """Ends the process and what it started, if it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
