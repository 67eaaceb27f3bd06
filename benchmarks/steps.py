"""The steps of a benchmark: named on standard error as they start, and timed; those of child processes with their memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hwgen.errors import ToolFailed

Result = TypeVar("Result")


class Steps:
    """Runs steps of some work, and keeps how many seconds each took."""

    def __init__(self, what: str):
        self.what = what
        self.seconds: dict[str, float] = {}

    def run(self, step: str, work: Callable[[], Result]) -> Result:
        print(f"{self.what}: {step}", file=sys.stderr, flush=True)
        start = time.perf_counter()
        result = work()
        self.seconds[step] = time.perf_counter() - start
        return result


@dataclass(frozen=True)
class Usage:
    """What a process took. memory: the greatest resident set in bytes, of it or of the largest process that it waited for."""

    seconds: float
    memory: int


def measured(command: list[str], **options) -> Usage:
    """Runs a command to its end. Raises ToolFailed with its last line where it fails.

    At the start a process counts what its parent has resident, so ask before this process itself grows large.
    """
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, **options
        )
        _, status, used = os.wait4(process.pid, 0)  # of this child alone, where getrusage sums up all there were
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["it printed nothing"])[-1]
            raise ToolFailed(f"{' '.join(command[1:4])} ended with code {process.returncode}: {last}")
    return Usage(seconds, used.ru_maxrss * 1024)  # Linux counts in KiB
