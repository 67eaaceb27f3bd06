"""The flow with Vivado for Xilinx 7 series: its scripts run stage by stage, its reports read.

Vivado was not there where this was written: what is known of it is in docs/vivado.md, with what was checked and how.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from hwgen.boards.board import UART, Board
from hwgen.chip import bitfile, vivado_reports, vivado_tcl
from hwgen.chip.chip import Bitstream, Chip, Progress, check_clock
from hwgen.chip.stages import Stages
from hwgen.chip.tools import Tool, find
from hwgen.chip.vivado_tcl import ACTIVITY, OUTPUTS, period_ns
from hwgen.errors import DoesNotFit, ToolFailed
from hwgen.place import run_logged
from hwgen.place_log import Log

HOW_TO_GET = (
    "AMD's free Vivado Standard Edition, which has all chips of these boards, from https://www.xilinx.com/support/download.html; "
    "then put it on PATH (source settings64.sh) or name it in VIVADO; or write its scripts with --scripts, to run elsewhere"
)
ROOTS = ("/tools/Xilinx", "/opt/Xilinx")  # where its installer puts it, and where many do
LIMIT_S = 4 * 3600.0  # of a stage
_DENSE = re.compile(r"UTLZ-|requires more|over-utilized|[Nn]ot enough|insufficient|[Uu]nroutable")


def tools() -> Tool:
    """Vivado. Raises ToolMissing."""
    names = [str(Path(os.environ["XILINX_VIVADO"]) / "bin/vivado")] if os.environ.get("XILINX_VIVADO") else []
    for root in ROOTS:
        for pattern in ("Vivado/*/bin/vivado", "*/Vivado/bin/vivado"):  # the second since 2025.1
            names += sorted(map(str, Path(root).glob(pattern)), reverse=True)  # the newest first
    return find("Vivado", "VIVADO", ("vivado", *names), "-version", r"[Vv]ivado v(\d+\.\d+\S*)", HOW_TO_GET)


def check(board: Board) -> None:
    """Before anything is compiled. Raises ToolMissing."""
    tools()


def scripts(chip: Chip, board: Board, activity: Path | None) -> dict[str, str]:
    """All that a Vivado elsewhere needs, by file name. activity: SAIF of the network, for the power."""
    made = vivado_tcl.files(chip, board)
    if activity is not None:
        made[ACTIVITY] = _activity(chip, activity)
    return made


def _activity(chip: Chip, activity: Path) -> str:
    with open(activity, encoding="utf-8") as lines:
        return "".join(vivado_tcl.inside(lines, chip))


def build(
    chip: Chip,
    board: Board,
    blocks: list[str],
    folder: Path,
    progress: Progress,
    limit_s: float = LIMIT_S,
    activity: Path | None = None,
) -> Bitstream:
    """Makes the bitstream in a folder, in which stages that are done stay done. blocks: instances in `chip.network`.

    activity: SAIF of the network, with which Vivado's figure for power is of the simulated frames. Raises ToolMissing before
    anything is done; ToolFailed where Vivado fails, leaves nets open, breaks a rule, or writes a report that can't be read;
    DoesNotFit where the chip can't be placed or routed, or misses its clock. Logs and reports stay in the folder.
    """
    vivado = tools()
    progress(vivado.version)
    stages = Stages(folder)
    file = {name: stages.text(name, text) for name, text in scripts(chip, board, activity).items()}
    if activity is None:
        (stages.folder / ACTIVITY).unlink(missing_ok=True)  # of an earlier run

    def stage(name: str, *inputs: Path) -> list[Path]:
        log = stages.folder / f"{name}.log"

        def run(out: Path) -> None:
            script = file[f"{name}.tcl"]
            command = [vivado.command, "-mode", "batch", "-notrace", "-nojournal", "-nolog", "-source", str(script)]
            command += ["-tclargs", str(out)]
            code = run_logged(command, stages.folder, log, limit_s, progress, "Vivado", _step(name))
            _check_log(vivado, board, name, code, log)
            for output in OUTPUTS[name]:
                if not (out / output).is_file():
                    raise ToolFailed(f"{vivado.version} wrote no {output}; the log is {log}")
            if (out / "unmatched.rpt").is_file():
                shutil.copyfile(out / "unmatched.rpt", stages.folder / "unmatched.rpt")

        return stages.run(name, [file[f"{name}.tcl"], *inputs], [vivado.version], OUTPUTS[name], run)

    (synthesized,) = stage("synthesis", file["chip.v"], file["chip.xdc"])
    (placed,) = stage("placement", synthesized)
    routed, utilization, _, timing, path, route_status, drc = stage("routing", placed)
    vivado_reports.check_routed(route_status)
    vivado_reports.check_rules(drc)
    resources = vivado_reports.resources(utilization)
    names = [*(f"{chip.path}.{block}" for block in blocks), *chip.parts]
    slack = vivado_reports.timing(timing)
    reached = round(1000 / (period_ns(chip.clock_mhz) - slack.setup), 3)
    found = Log(  # rounding doesn't make a chip too slow that isn't
        routed_mhz=reached if slack.setup < 0 else max(reached, chip.clock_mhz),
        path=vivado_reports.path(path, names),
        used=vivado_reports.used(utilization),
    )
    check_clock(found, chip, stages.folder / "path.rpt")
    if min(slack.hold, slack.pulse) < 0:
        raise ToolFailed(
            f"Vivado left a slack of {slack.hold:g} ns for hold, {slack.pulse:g} ns for pulses; see {timing}"
        )
    (power,) = stage("power", routed, *([file[ACTIVITY]] if activity is not None else []))
    watts = vivado_reports.power(power).total
    (bit,) = stage("bitstream", routed)
    others = ()
    content = bitfile.parse(bit.read_bytes())
    if _chip(content.part) != _chip(board.part):
        raise ToolFailed(f"{vivado.version} made a bitstream for {content.part!r}, not for {board.part!r}")
    if board.shell != UART:
        others = (bit.with_name("chip.bit.bin"),)
        others[0].write_bytes(bitfile.fpga_manager(content))
    stated = {"vivado": vivado.version}
    return Bitstream(bit, chip.clock_mhz, stated, resources, found, tuple(stages.skipped), others, watts)


def _chip(part: str) -> str:
    """A part as Vivado's .bit has it: without "xc" and speed grade."""
    return part.lower().removeprefix("xc").partition("-")[0]


def _step(stage: str) -> Callable[[str], str | None]:
    """What a line of Vivado's log begins: one of its commands, or a phase of one."""

    def step(line: str) -> str | None:
        if found := re.match(r"Command: (\w+)", line):
            return found[1]
        if found := re.match(r"Phase (\d+) ([A-Z][^|]*?)\s*$", line):
            return f"{stage}, {found[2]}"
        return None

    return step


def _check_log(vivado: Tool, board: Board, stage: str, code: int, log: Path) -> None:
    """Raises for a stage that ended with an error: the last that says more than that a command failed."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [(k, line) for k, line in enumerate(lines, 1) if line.startswith("ERROR: ")]
    errors = [error for error in errors if "[Common 17-69]" not in error[1]] or errors
    if not code and not errors:
        return
    if not errors:
        last = next((line for line in reversed(lines) if line.strip() and not line.startswith("INFO: ")), "nothing")
        raise ToolFailed(f"{vivado.version} ended with code {code} in {stage}; it said last: {last}; the log is {log}")
    at, line = errors[-1]
    said = line.removeprefix("ERROR: ")
    if stage in {"placement", "routing"} and _DENSE.search(said):
        raise DoesNotFit(f"{board.name}: {said}; ask for a lower rate; line {at} of {log}")
    raise ToolFailed(f"{vivado.version} stopped in {stage}: {said}; line {at} of {log}")
