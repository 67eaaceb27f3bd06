"""A shell under cocotb in Icarus Verilog: builds it once, and runs the named tests of a module in it."""

from __future__ import annotations

import logging
import os
import pickle
import sys
from dataclasses import dataclass, field
from pathlib import Path

from amaranth.lib import wiring
from cocotb_tools.check_results import get_results

from hwgen.boards.shell.identity import Identity
from hwgen.boards.shell.shell import EmittedShell, shell_ports
from hwgen.sim.bench import TOP
from hwgen.sim.primitives import primitives
from hwgen.sim.runners import Icarus, Verilator
from hwgen.sim.tools import find_verilator

ROOT = Path(__file__).resolve().parents[2]
CONFIG = "config.pickle"


@dataclass(frozen=True)
class Config:
    """What the tests inside the simulator need to know. frames, scores: for each frame the bytes of each input and
    output. interval: cycles a frame of the network by itself, where known. entity: the instance with the bench's ports,
    where that isn't the top."""

    identity: Identity
    frames: list[list[bytes]]
    scores: list[list[bytes]]
    interval: int = 0
    top1: list[list[int]] = field(default_factory=list)
    entity: str = ""


class Simulation:
    """The shell, built in `folder`: with Icarus, or, for networks that are too large for it, with Verilator."""

    def __init__(self, shell: EmittedShell, config: Config, folder: Path, verilator: bool = False):
        self.folder, self.top, self.config = folder, TOP if verilator else shell.top, config
        source = folder / "shell.v"
        source.write_text(f"`timescale 1ns/1ps\n{shell.text}\n{_bench(shell.top) if verilator else ''}")
        (folder / CONFIG).write_bytes(pickle.dumps(config))
        self.runner = Verilator(find_verilator()) if verilator else Icarus()
        self.runner.log.setLevel(logging.WARNING)
        self.runner.build(
            sources=[source, *primitives("xc7")],
            hdl_toplevel=self.top,
            build_dir=folder / "build",
            log_file=folder / "build.log",
            always=True,
        )
        for pattern in ("*.gch", "*.o", "*.a", "*.d"):  # hundreds of megabytes, of no use any more
            for intermediate in (folder / "build").glob(pattern):
                intermediate.unlink()

    def run(self, module: str, tests: int) -> None:
        """Runs all of a module's tests, so many. Raises AssertionError with the end of the log where one fails."""
        log, results = self.folder / "run.log", self.folder / "results.xml"
        try:
            self.runner.test(
                module,
                self.top,
                hdl_toplevel_lang="verilog",
                build_dir=self.folder / "build",
                test_dir=self.folder,
                log_file=log,
                results_xml=str(results),
                extra_env={"PYTHONPATH": os.pathsep.join([*sys.path, str(ROOT)]), "COCOTB_LOG_LEVEL": "WARNING"},
            )
        except SystemExit:  # cocotb's way to say that a test failed; the results say which
            pass
        ran, failed = get_results(results)
        assert ran == tests and not failed, f"{ran} ran, {failed} failed:\n{log.read_text()[-6000:]}"


def _bench(shell: str) -> str:
    """A module around a shell whose nets cocotb sees, and nothing else: under Verilator each that it sees costs speed."""
    ports = {"clk": wiring.In(1), "rst": wiring.In(1), **shell_ports()}
    nets = []
    for name, member in ports.items():
        kind, mark = ("reg", "public_flat_rw") if member.flow == wiring.In else ("wire", "public_flat_rd")
        nets.append(f"{kind} [{member.shape - 1}:0] {name} /*verilator {mark}*/;")
    connected = ", ".join(f".{name}({name})" for name in ports)
    return f"module {TOP};\n  " + "\n  ".join(nets) + f"\n  {shell} shell ({connected});\nendmodule\n"
