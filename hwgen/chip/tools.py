"""Programs that a flow calls: found, and asked for their versions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import ToolMissing


@dataclass(frozen=True)
class Tool:
    """command: that runs it. version: as it says itself."""

    name: str
    command: str
    version: str


def find(name: str, variable: str, names: tuple[str, ...], asks: str, pattern: str, how_to_get: str) -> Tool:
    """A tool by an environment variable, on PATH under one of its names, or beside this Python. Raises ToolMissing.

    asks: the option to which it says its version; pattern: what that looks like, the version its first group.
    """
    named = os.environ.get(variable)
    beside = Path(sys.executable).parent  # of a virtual environment that isn't active
    how = f"get it with: {how_to_get}"
    for candidate in (named,) if named else names:
        command = shutil.which(candidate) or shutil.which(candidate, path=str(beside))
        if command is None:
            continue
        done = subprocess.run(
            [command, asks], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=600
        )
        version = re.search(pattern, done.stdout + done.stderr)
        if version is None:
            raise ToolMissing(f"{command} is no {name}: it states no version; {how}")
        return Tool(name, command, f"{Path(command).name} {version[1]}")
    problem = f"{variable} names {named!r}, which is no program" if named else f"{name} is not installed"
    raise ToolMissing(f"{problem}; {how}")
