"""The tools of Project X-Ray that make a bitstream of what nextpnr placed and routed, and its database of the chips."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hwgen.boards.board import Board
from hwgen.chip.tools import Tool
from hwgen.errors import OptionError, ToolFailed, ToolMissing

DATABASE = "PRJXRAY_DB_DIR"  # as Project X-Ray itself and openXC7 name it
FAMILIES = {"xc7z010": "zynq7", "xc7z020": "zynq7", "xc7a35t": "artix7", "xc7a100t": "artix7"}
HOW_TO_GET = "openXC7's installer (https://github.com/openXC7/toolchain-installer) brings all of them and the database"
# Boards' parts that differ from one of the database's in what no bit depends on: temperature and speed grade.
SAME = {"xc7a35ticsg324-1L": "xc7a35tcsg324-1"}


@dataclass(frozen=True)
class Database:
    """Of one part. root: the folder of its family. part: its name there. version: a hash of what the bits come from."""

    root: Path
    part: str
    version: str

    @property
    def part_file(self) -> Path:
        return self.root / self.part / "part.yaml"


def part(board: Board) -> str:
    """The name that the database has for a board's part. Raises OptionError for a part that it doesn't have."""
    name = SAME.get(board.part, board.part)
    if not any(name.startswith(die) for die in FAMILIES):
        raise OptionError(
            f"{board.name}: Project X-Ray doesn't know the bits of {board.part}, so open tools make no bitstream for it; "
            "use --toolchain vivado"
        )
    return name


def find_tool(name: str) -> Tool:
    """A program of Project X-Ray, which says no version: it is known by its content. Raises ToolMissing."""
    variable = name.upper()
    named = os.environ.get(variable)
    beside = str(Path(sys.executable).parent)
    for candidate in (named,) if named else (name, f"{name}.py"):
        command = shutil.which(candidate) or shutil.which(candidate, path=beside)
        if command is not None:
            return Tool(name, command, f"{name} (sha256 {_hash([Path(command)])})")
    raise ToolMissing(
        f"{variable} names {named!r}, which is no program" if named else f"{name} ({variable}) is not installed"
    )


def find_database(board: Board) -> Database:
    """The database for a board's part, in the folder that PRJXRAY_DB_DIR names: the one of all families, or of this one.

    Raises ToolMissing where it isn't there, OptionError for a part that Project X-Ray doesn't have.
    """
    name = part(board)
    family = next(family for die, family in FAMILIES.items() if name.startswith(die))
    given = os.environ.get(DATABASE)
    if not given:
        raise ToolMissing(f"the database of Project X-Ray isn't named: set {DATABASE} to the folder that has {family}/")
    for root in (Path(given) / family, Path(given)):
        if (root / name / "part.yaml").is_file():
            missing = [
                file for file in ("mapping/parts.yaml", f"{name}/package_pins.csv") if not (root / file).is_file()
            ]
            bits = sorted(root.glob("segbits_*.db"))
            if missing or not bits:
                what = " and ".join([*missing, *([] if bits else ["segbits_*.db"])])
                raise ToolMissing(f"the database of Project X-Ray in {root} is not whole: {what} is missing")
            return Database(root.resolve(), name, f"prjxray-db (sha256 {_hash([root / name / 'part.yaml', *bits])})")
    raise ToolMissing(f"{DATABASE} ({given}) has no {family}/{name}/part.yaml, nor {name}/part.yaml")


def _hash(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()[:12]


def call(tool: Tool, arguments: list[str], folder: Path, log: Path) -> None:
    """Runs a tool in a folder. Raises ToolFailed with the last line that it said; all of it is in the log."""
    with open(log, "w", encoding="utf-8") as file:
        try:
            done = subprocess.run(
                [tool.command, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            )
        except OSError as error:
            raise ToolFailed(f"{tool.command} can't be started: {error.strerror}") from None
    if done.returncode:
        said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        last = f": {said[-1]}" if said else ""
        raise ToolFailed(f"{tool.version} failed (code {done.returncode}){last}; the log is {log}")
