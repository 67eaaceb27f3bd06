"""cocotb's own runners, made quiet, watchable and fast."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cocotb_tools.config
from cocotb_tools import runner

import hwgen
from hwgen.sim.bench import TOP
from hwgen.sim.runtime import keep_runtime, restore_runtime, runtime_folder
from hwgen.sim.tools import VerilatorTools

# Amaranth's Verilog is correct but not in the style that lint asks for. All its registers have initial values.
FLAGS = "-Wno-fatal -Wno-lint -Wno-style --x-assign fast --x-initial fast --no-assert --output-split 8000".split()

# Names that begin with an underscore are nets of Yosys's, as registers behind a memory. What is wider or deeper isn't traced.
ACTIVITY = "--trace-saif --trace-underscore --trace-max-width 1000000 --trace-max-array 1".split()


class _Watched:
    """A cocotb runner that works in silence: output goes to its log, and `watch` is called while a command runs."""

    watch: Callable[[], None] = staticmethod(lambda: None)

    def _set_env_common(self) -> None:
        super()._set_env_common()
        # Of settings that users keep for other things, none may reach our build or test.
        for name in ("PYTEST_CURRENT_TEST", "PYTHONWARNINGS", "CXXFLAGS", "CPPFLAGS", "MAKEFLAGS"):
            self.env.pop(name, None)
        # The simulator's Python finds hwgen as this one did, though it starts in another directory.
        here = str(Path(hwgen.__file__).resolve().parents[1])
        self.env["PYTHONPATH"] = os.pathsep.join([*map(os.path.abspath, sys.path), here])
        self.env |= {"COCOTB_ANSI_OUTPUT": "0", "COCOTB_REWRITE_ASSERTION_FILES": ""}

    def _execute_cmds(self, cmds: Sequence[list[str]], cwd, stdout=None) -> None:
        for cmd in cmds:
            process = subprocess.Popen(
                cmd, cwd=cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.STDOUT
            )
            try:
                while process.poll() is None:
                    self.watch()
                    try:
                        process.wait(0.1)
                    except subprocess.TimeoutExpired:
                        pass
            finally:
                if process.poll() is None:  # interrupted; make ends its children when it is asked to end
                    process.terminate()
                    process.wait()
            if process.returncode:
                raise RuntimeError(f"{Path(cmd[0]).name} ended with code {process.returncode}")


class Icarus(_Watched, runner.Icarus):
    """Verilog 2005, not SystemVerilog, where an initial value is set without an event.

    Yosys writes combinational processes that count on that event at time 0; without it their outputs stay unknown until an
    input changes.
    """

    def _build_command(self) -> list[list[str]]:
        return [[*("-g2005" if arg == "-g2012" else arg for arg in command)] for command in super()._build_command()]

    def _create_iverilog_dump_file(self) -> None:
        # cocotb's own is SystemVerilog.
        path = self.build_dir / f"{self.hdl_toplevel}.fst"
        text = f'$dumpfile("{path}"); $dumpvars(0, {self.hdl_toplevel});'
        self.iverilog_dump_file.write_text(f"module cocotb_iverilog_dump(); initial begin {text} end endmodule\n")


class Verilator(_Watched, runner.Verilator):
    """With our flags: only what the bench marks is public, which more than doubles the speed.

    activity: what a trace holds is how often each bit changed (SAIF), instead of when it did (VCD).
    """

    def __init__(self, tools: VerilatorTools, activity: bool = False):
        super().__init__()
        self.tools, self.activity = tools, activity

    def _set_env_common(self) -> None:
        super()._set_env_common()
        self.env["VERILATOR_ROOT"] = str(self.tools.root)

    def _build_command(self) -> list[list[str]]:
        libs = cocotb_tools.config.libs_dir
        verilate = [
            str(self.tools.executable),
            *("--cc", "--exe", "--vpi", "--timing", "--prefix", "Vtop", "-o", TOP, "--top-module", TOP),
            *("--Mdir", str(self.build_dir)),
            *("-LDFLAGS", f"-Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"),
            *FLAGS,
            *(ACTIVITY if self.activity else ["--trace-vcd"] if self.waves else []),
            str(cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"),
            *(str(source.value) for source in self._sources),
        ]
        return [verilate, ["make", "-j2", "-C", str(self.build_dir), "-f", "Vtop.mk", *make_variables(self.tools)]]

    def _execute_cmds(self, cmds: Sequence[list[str]], cwd, stdout=None) -> None:
        runtime = runtime_folder((self.tools, make_variables(self.tools), self.waves, self.activity))
        for cmd in cmds:
            make = cmd[0] == "make"
            if make:
                restore_runtime(runtime, self.build_dir)
            super()._execute_cmds([cmd], cwd, stdout)
            if make:
                keep_runtime(runtime, self.build_dir)


def make_variables(tools: VerilatorTools) -> list[str]:
    """What the wheel's verilated.mk leaves empty, or sets to the machine that it was built on."""
    clang = "clang" in tools.cxx_version
    return [
        f"CXX={tools.cxx}",
        f"LINK={tools.cxx}",
        "AR=ar",
        f"PYTHON3={shlex.quote(sys.executable)}",
        "CFG_CXXFLAGS_STD=-std=gnu++20",
        f"CFG_CXXFLAGS_COROUTINES={'' if clang else '-fcoroutines'}",
        f"CFG_CXXFLAGS_PCH_I={'-include-pch' if clang else '-include'}",
        f"CFG_GCH_IF_CLANG={'.gch' if clang else ''}",
        # -O2 builds longer and runs no faster; the runtime at -O0 halves the speed.
        "OPT_FAST=-O1",
        "OPT_SLOW=-O0",
        "OPT_GLOBAL=-Os",
    ]
