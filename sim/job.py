"""Builds a bench and runs it, in one directory; turns what goes wrong into hwgen's errors."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import find_libpython
from cocotb_tools.check_results import get_results

from hwgen.errors import ToolFailed, ToolMissing
from hwgen.sim.bench import TOP
from hwgen.sim.runners import FLAGS, Icarus, Verilator
from hwgen.sim.tools import IcarusTools, VerilatorTools

Progress = Callable[[str, "float | None"], None]

_RUNTIME_UNITS = 5  # object files of Verilator's runtime


def check_libpython() -> None:
    """cocotb loads Python into the simulator, which needs it as a shared library. Raises ToolMissing."""
    if os.environ.get("LIBPYTHON_LOC") or os.environ.get("GPI_USERS") or find_libpython.find_libpython():
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise ToolMissing(
        f"cocotb needs Python {version} as a shared library, which {sys.executable} has not; install it "
        f"(Debian, Ubuntu: apt install libpython{version}), use a Python built with --enable-shared, "
        f"or set LIBPYTHON_LOC to libpython{version}.so"
    )


class Job:
    """One bench: its files, built and run in `directory`."""

    def __init__(
        self,
        tools: VerilatorTools | IcarusTools,
        directory: Path,
        sources: Sequence[Path],
        waves: bool = False,
        activity: bool = False,
    ):
        self.tools, self.directory, self.sources = tools, directory, list(sources)
        self.waves, self.activity = waves or activity, activity
        check_libpython()
        self.runner = Verilator(tools, activity) if isinstance(tools, VerilatorTools) else Icarus()
        self.runner.log.setLevel(logging.WARNING)

    @property
    def _build(self) -> Path:
        return self.directory / f"build_{self.tools.name}"

    def _fingerprint(self) -> str:
        """What the built simulation depends on."""
        digest = hashlib.sha256(repr((self.tools, self.waves, self.activity, FLAGS, sys.executable)).encode())
        for source in self.sources:
            digest.update(source.read_bytes())
        return digest.hexdigest()

    def build(self, progress: Progress) -> None:
        """Compiles the bench unless that very bench is there already. Raises ToolFailed with the end of the log."""
        stamp, fingerprint = self._build / "hwgen.stamp", self._fingerprint()
        if stamp.is_file() and stamp.read_text() == fingerprint:
            return
        shutil.rmtree(self._build, ignore_errors=True)
        log = self.directory / "build.log"
        verilator = isinstance(self.runner, Verilator)

        def watch():
            objects, units = (len(list(place.glob(pattern))) for pattern in ("*.o", "*.cpp"))
            if not verilator or not (place / "Vtop.mk").is_file():
                progress("verilating" if verilator else "compiling", None)
            else:
                progress("compiling", min(1.0, objects / (units + _RUNTIME_UNITS)))

        self.runner.watch = watch
        # GNU make can't work in a directory with a space in its name.
        spaced = verilator and re.search(r"\s", str(self._build))
        place = Path(tempfile.mkdtemp(prefix="hwgen_")) if spaced else self._build
        try:
            self.runner.build(
                sources=self.sources, hdl_toplevel=TOP, build_dir=place, log_file=log, always=True, waves=self.waves
            )
        except RuntimeError as error:
            raise ToolFailed(f"{self.tools.version} could not build the bench: {error}; {_end(log)}") from None
        finally:
            for pattern in ("*.gch", "*.o", "*.a", "*.d"):  # hundreds of megabytes, of no use any more
                for intermediate in place.glob(pattern):
                    intermediate.unlink()
            if spaced:
                shutil.copytree(place, self._build, dirs_exist_ok=True)
                shutil.rmtree(place, ignore_errors=True)
        stamp.write_text(fingerprint)

    def run(self, plusargs: Sequence[str], watch: Callable[[], None]) -> None:
        """Runs the cocotb test in `directory`. Raises ToolFailed where the simulation itself fails."""
        log, results = self.directory / "run.log", self.directory / "cocotb.xml"
        self.runner.watch = watch
        try:
            self.runner.test(
                "hwgen.sim.drive",
                TOP,
                hdl_toplevel_lang="verilog",
                build_dir=self._build,
                test_dir=self.directory,
                log_file=log,
                results_xml=str(results),
                plusargs=list(plusargs),
                waves=self.waves,
            )
            tests, failed = get_results(results)
        except (RuntimeError, SystemExit) as error:
            raise ToolFailed(f"the simulation failed ({self.tools.version}): {error}; {_end(log)}") from None
        if tests != 1 or failed:
            raise ToolFailed(f"the cocotb test failed ({self.tools.version}): {_end(log)}")


def _end(log: Path, lines: int = 8) -> str:
    """The last lines of a log, errors first, and where the whole is."""
    text = log.read_text(errors="replace").splitlines() if log.is_file() else []
    errors = [line for line in text if re.search(r"\berror\b|%Error", line, re.IGNORECASE)]
    shown = (errors or text)[-lines:]
    return "\n".join([f"the log is {log}, its end:", *shown])
