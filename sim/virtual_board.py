"""A chip before the board is there: its Verilog as a program (Verilator), with the processor's ports and memory around it.

The chip runs in a process of its own, see virtual_board.cpp: a crash, Ctrl-C or a second chip concern nobody else. Memory
is a file that both map. `VirtualMachine` is what the host driver takes for a board.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import tempfile
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from hwgen.boards.shell.driver import REGISTERS, Machine
from hwgen.boards.shell.shell import EmittedShell
from hwgen.errors import DifferenceError, OptionError, ToolFailed
from hwgen.sim.primitives import primitives
from hwgen.sim.runners import FLAGS, make_variables
from hwgen.sim.runtime import keep_runtime, restore_runtime, runtime_folder
from hwgen.sim.tools import find_verilator

PROGRAM = Path(__file__).with_name("virtual_board.cpp")
NAME = "virtual_board"
ADDRESS = 0x1000_0000  # of memory
MEMORY = 4 << 20  # bytes of it, as u-dma-buf's in docs/driver.md
LATENCY = 40  # cycles; what DDR behind a Zynq-7000's HP port takes is about 30 to 40 at 150 MHz
SLICE = 20_000  # cycles in one go: a fraction of a second, so that no answer takes long
QUIET = 100_000  # cycles without a transfer after which a chip stands still, where the network isn't known
INTERRUPT, STILL = 1, 2  # why it stopped
RESPONSES = {"SLVERR": 2, "DECERR": 3}
_TAIL = 3000  # characters of a log that are shown

Progress = Callable[..., None]


def build(shell: EmittedShell, family: str, folder: Path, progress: Progress | None = None) -> Path:
    """Makes the program of a chip in `folder`, which takes seconds to minutes. Raises ToolMissing, ToolFailed."""
    tools = find_verilator()
    show = progress or (lambda stage, fraction=None: None)
    folder = Path(folder).resolve()
    made = folder / "build"
    made.mkdir(parents=True, exist_ok=True)
    source = folder / "shell.v"
    source.write_text(shell.text, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k not in {"CXXFLAGS", "CPPFLAGS", "MAKEFLAGS"}}
    environment["VERILATOR_ROOT"] = str(tools.root)
    verilate = [
        str(tools.executable),
        *("--cc", "--exe", "--no-timing", "--prefix", "Vchip", "-o", NAME, "--top-module", shell.top),
        *("--Mdir", str(made), *FLAGS),
        *map(str, (PROGRAM, *primitives(family), source)),
    ]
    variables = make_variables(tools)
    runtime = runtime_folder((tools, variables, NAME))
    make = ["make", "-j2", "-C", str(made), "-f", "Vchip.mk", *variables]
    with open(folder / "build.log", "wb") as log:
        show("verilating")
        _call(verilate, environment, log)
        restore_runtime(runtime, made)
        show("compiling")
        _call(make, environment, log)
        keep_runtime(runtime, made)
    for pattern in ("*.gch", "*.o", "*.a", "*.d"):  # hundreds of megabytes, of no use any more
        for intermediate in made.glob(pattern):
            intermediate.unlink()
    return made / NAME


def _call(command: list[str], environment: dict[str, str], log) -> None:
    code = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
    ).returncode
    if code:
        log.flush()
        end = Path(log.name).read_text(errors="replace")[-_TAIL:]
        raise ToolFailed(f"{Path(command[0]).name} ended with code {code} on the chip's simulation:\n{end}")


class VirtualMachine(Machine):
    """A chip that runs while it is asked for something: see `build` for the program.

    clock_hz: its clock, of which `wait` and `time` count the cycles. memory: bytes that it sees, a multiple of 4096, from
    ADDRESS on. latency: cycles in which memory answers. pauses: the share of cycles in which each of memory's channels
    takes or gives nothing, at random from `seed`. quiet: cycles without a transfer after which nothing is expected to come
    any more; `wait` then lets the rest of its time go by at once.

    A chip that breaks a rule of AXI ends with DifferenceError; ToolFailed where its program ends by itself. Every later call
    raises it again.
    """

    def __init__(
        self,
        program: Path,
        clock_hz: float,
        *,
        memory: int = MEMORY,
        latency: int = LATENCY,
        pauses: float = 0.0,
        seed: int = 0,
        quiet: int = QUIET,
    ):
        if memory < 4096 or memory % 4096 or memory > 1 << 30:
            raise OptionError(f"memory must be a multiple of 4096 bytes up to 1 GiB, not {memory}")
        if not 0 <= pauses < 1:
            raise OptionError(f"pauses must be at least 0 and less than 1, not {pauses}")
        if latency < 0 or seed < 0:
            raise OptionError("latency and seed can't be negative")
        self.clock_hz, self.quiet = clock_hz, quiet
        self.cycles = self.written = self.skipped = 0
        self._error: Exception | None = None
        self._still = False  # nothing moved for `quiet`, and nothing was written since that could change that
        with tempfile.TemporaryFile() as shared:
            shared.truncate(memory)
            self.buffer = np.frombuffer(mmap.mmap(shared.fileno(), memory), np.uint8)
            self.address = ADDRESS
            numbers = (ADDRESS, memory, latency, round(pauses * 65536), seed)
            self._process = subprocess.Popen(
                [str(program), f"/dev/fd/{shared.fileno()}", *map(str, numbers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[shared.fileno()],
            )
        self._owed = 0  # answers that were asked for and not read: Ctrl-C came between
        self._ended = weakref.finalize(self, _end, self._process)

    def read(self, offset: int) -> int:
        return self._ask(f"r {offset}")

    def write(self, offset: int, value: int) -> None:
        self._still = self._still and offset == REGISTERS["INTERRUPT_STATUS"]
        self._ask(f"w {offset} {value}")

    def wait(self, seconds: float) -> bool:
        """Until the interrupt is high, at most so many seconds of the chip's clock. Whether it was high."""
        until = self.cycles + max(1, round(seconds * self.clock_hz))
        while self.cycles < until and not self._still:
            found = self._ask(f"s {min(until - self.cycles, SLICE)} {self.quiet}")
            if found == INTERRUPT:
                return True
            self._still = found == STILL
        self.skipped += max(0, until - self.cycles)
        return False

    def time(self) -> float:
        """Seconds of the chip's clock since the start."""
        return (self.cycles + self.skipped) / self.clock_hz

    def fail(self, address: int, size: int, response: str) -> None:
        """From now on memory answers "SLVERR" or "DECERR" at these bytes."""
        self._ask(f"f {address} {size} {RESPONSES[response]}")

    def power_up(self) -> None:
        """The chip's reset line, whatever is under way; memory forgets what it was asked."""
        self._still = False
        self._ask("z")

    def close(self) -> None:
        self._ended()

    def _ask(self, command: str) -> int:
        if self._error is not None:
            raise self._error
        if not self._ended.alive:
            raise OptionError("this virtual board is closed")
        try:
            self._process.stdin.write(f"{command}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: what it said last is still to be read
        self._owed += 1
        while self._owed:
            line = self._process.stdout.readline().decode()
            if not line.startswith("="):
                self._error = self._failure(line)
                raise self._error
            self._owed -= 1
        found, self.cycles, self.written = map(int, line[1:].split())
        return found

    def _failure(self, line: str) -> Exception:
        if line.startswith("!"):
            return DifferenceError(f"the chip is at fault after {self.cycles:,} cycles: {line[1:].strip()}")
        said = self._process.stderr.read().decode(errors="replace")[-_TAIL:]
        return ToolFailed(f"the simulated chip ended with code {self._process.wait()}: {said.strip()}")


def _end(process: subprocess.Popen) -> None:
    """The program ends when there is nobody left to ask."""
    for pipe in (process.stdin, process.stdout, process.stderr):
        with suppress(BrokenPipeError):
            pipe.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
