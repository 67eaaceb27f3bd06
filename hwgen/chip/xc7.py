"""The open flow for Xilinx 7 series: Yosys, nextpnr, and the tools of Project X-Ray.

Yosys's netlist is checked for what the tools get wrong (`hwgen.chip.faults`) before it is placed, and what nextpnr made of it
before it becomes bits, so that no bitstream is written that wouldn't do on silicon what the Verilog says.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from hwgen import place
from hwgen.boards.board import UART, Board
from hwgen.boards.pins import pins
from hwgen.chip import bitfile, prjxray
from hwgen.chip.chip import Bitstream, Chip, Progress, check_clock, check_placed
from hwgen.chip.faults import check_fasm, check_log, check_netlist
from hwgen.chip.prjxray import Database
from hwgen.chip.stages import Stages
from hwgen.chip.tools import Tool
from hwgen.errors import OptionError, ToolFailed, ToolMissing
from hwgen.layers.block import Resources
from hwgen.place import LIMIT_S, run_logged
from hwgen.place_log import parse
from hwgen.synth import count, run_worker, version

# Cells of a chip, beside the network's: they take nothing that is counted.
OWN_CELLS = {name: Resources() for name in ("PS7", "IBUF", "OBUF")}


@dataclass(frozen=True)
class Tools:
    """All that the flow calls."""

    nextpnr: place.Tool
    frames: Tool
    bits: Tool
    database: Database

    @property
    def stated(self) -> dict[str, str]:
        return {
            "nextpnr": self.nextpnr.version,
            "fasm2frames": self.frames.version,
            "xc7frames2bit": self.bits.version,
            "prjxray-db": self.database.version,
        }


def tools(board: Board) -> Tools:
    """Finds them. Raises ToolMissing, which names all that are missing; OptionError for a part that open tools don't know."""
    name = prjxray.part(board)
    found, missing = [], []
    for look in (
        lambda: place.find(replace(board, part=name)),
        lambda: prjxray.find_tool("fasm2frames"),
        lambda: prjxray.find_tool("xc7frames2bit"),
        lambda: prjxray.find_database(board),
    ):
        try:
            found.append(look())
        except ToolMissing as error:
            missing.append(str(error))
    if missing:
        raise ToolMissing(f"{'; '.join(missing)}; {prjxray.HOW_TO_GET}")
    return Tools(*found)


def check(board: Board) -> None:
    """Before anything is compiled. Raises ToolMissing, OptionError."""
    tools(board)


def constraints(chip: Chip, board: Board) -> str:
    """Pins and clock, in what of XDC nextpnr reads. A Zynq's chip has no pins: the processor has its own."""
    lines = []
    for port, pin in pins(board).items() if board.shell == UART else ():
        lines.append(f"set_property PACKAGE_PIN {pin.site} [get_ports {port}]")
        lines.append(f"set_property IOSTANDARD {pin.standard} [get_ports {port}]")
    if chip.clock is not None:
        lines.append(f"create_clock -period {1000 / chip.clock_mhz:.3f} [get_nets {chip.clock}]")
    return "\n".join(lines) + "\n"


def build(
    chip: Chip, board: Board, blocks: list[str], folder: Path, progress: Progress, limit_s: float = LIMIT_S
) -> Bitstream:
    """Makes the bitstream in a folder, in which stages that are done stay done. blocks: instances in `chip.network`.

    Raises ToolMissing, and OptionError for a clock that needs a PLL, before anything is done; ToolFailed where a tool fails or
    would get a part of the chip wrong; DoesNotFit where the chip can't be placed or routed, or misses its clock. Logs stay in
    the folder.
    """
    use = tools(board)
    if board.shell == UART and chip.clock_mhz != board.oscillator_mhz:
        raise OptionError(
            f"{board.name}: by open tools it runs at its oscillator's {board.oscillator_mhz:g} MHz alone, since nextpnr gives "
            f"PLLs wrong loop filters; leave --clock {chip.clock_mhz:g} away, or use --toolchain vivado"
        )
    progress(", ".join(use.stated.values()))
    stages = Stages(folder)
    names = [*(f"{chip.path}.{block}" for block in blocks), *chip.parts]
    verilog = stages.text("chip.v", chip.text)
    pinout = stages.text("chip.xdc", constraints(chip, board))

    def synthesize(out: Path) -> None:
        job = {"family": board.family, "file": str(verilog), "top": chip.top, "network": chip.network}
        job |= {"parts": chip.parts, "stats": str(out / "stats.json"), "netlist": str(out / "netlist.json")}
        (out / "job.json").write_text(json.dumps(job))
        show = lambda name, part: progress(f"Yosys: {name}", part)  # noqa: E731
        run_worker("hwgen.chip.worker", out / "job.json", stages.folder / "yosys.log", show)

    yosys = version()
    settings = [yosys, chip.top, chip.network, *chip.parts]
    netlist, stats = stages.run("synthesis", [verilog], settings, ["netlist.json", "stats.json"], synthesize)
    modules = {name.removeprefix("\\"): module for name, module in json.loads(stats.read_text())["modules"].items()}
    resources = count(modules[chip.top]["num_cells_by_type"], board.family, OWN_CELLS)
    check_netlist(json.loads(netlist.read_text()), chip.top, use.nextpnr, names)

    log = stages.folder / "nextpnr.log"

    def route(out: Path) -> None:
        command = _nextpnr(use, chip, netlist, pinout, out / "chip.fasm")
        code = run_logged(command, stages.folder, out / log.name, limit_s, progress)
        shutil.copyfile(out / log.name, log)
        check_placed(parse(log.read_text(errors="replace"), names), code, board, use.nextpnr.version, log)

    settings = [use.nextpnr.version, use.database.part, f"{chip.clock_mhz:g}"]
    inputs = [netlist, pinout, *([] if use.nextpnr.chipdb is None else [use.nextpnr.chipdb])]
    fasm, log = stages.run("place and route", inputs, settings, ["chip.fasm", log.name], route)
    found = parse(log.read_text(errors="replace"), names)
    check_clock(found, chip, log)
    check_log(log.read_text(errors="replace"), use.nextpnr)
    check_fasm(fasm.read_text(), use.nextpnr)

    def assemble(out: Path) -> None:
        progress("fasm2frames")
        root = str(use.database.root)
        arguments = ["--part", use.database.part, "--db-root", root, str(fasm), str(out / "chip.frames")]
        prjxray.call(use.frames, arguments, stages.folder, stages.folder / "fasm2frames.log")
        made = out / "chip.frames"
        # Of none at all the next tool would make the bitstream of an empty chip.
        if not (made.is_file() and made.stat().st_size):
            raise ToolFailed(f"{use.frames.version} wrote no frames; the log is {stages.folder / 'fasm2frames.log'}")

    settings = [use.frames.version, use.database.version, use.database.part]
    (frames,) = stages.run("frames", [fasm], settings, ["chip.frames"], assemble)

    def pack(out: Path) -> None:
        progress("xc7frames2bit")
        arguments = [f"--part_file={use.database.part_file}", f"--part_name={use.database.part}"]
        arguments += [f"--frm_file={frames.name}", f"--output_file={out / 'chip.bit'}"]
        prjxray.call(use.bits, arguments, stages.folder, stages.folder / "xc7frames2bit.log")
        if not (out / "chip.bit").is_file():  # it ends with 0 even where it can't write
            raise ToolFailed(f"{use.bits.version} wrote no bitstream; the log is {stages.folder / 'xc7frames2bit.log'}")
        bit = bitfile.parse((out / "chip.bit").read_bytes())
        if bit.part != use.database.part:
            raise ToolFailed(f"{use.bits.version} made a bitstream for {bit.part!r}, not for {use.database.part!r}")
        (out / "chip.bit.bin").write_bytes(bitfile.fpga_manager(bit))

    settings = [use.bits.version, use.database.version, use.database.part]
    bit, manager = stages.run("bitstream", [frames], settings, ["chip.bit", "chip.bit.bin"], pack)
    others = () if board.shell == UART else (manager,)
    stated = {"yosys": yosys} | use.stated
    return Bitstream(bit, chip.clock_mhz, stated, resources, found, tuple(stages.skipped), others)


def _nextpnr(use: Tools, chip: Chip, netlist: Path, pinout: Path, fasm: Path) -> list[str]:
    """The call of whichever nextpnr it is. The frequency holds for all clocks that the constraints don't name: openXC7's
    takes no clock through a buffer."""
    tool = use.nextpnr
    command = [
        tool.command,
        "--json",
        str(netlist),
        "--freq",
        f"{chip.clock_mhz:g}",
        "--timing-allow-fail",
        "--seed",
        "1",
    ]
    if tool.himbaechel:
        command += ["--device", use.database.part, "-o", f"xdc={pinout}", "-o", f"fasm={fasm}", "--router", "router2"]
    else:
        command += ["--xdc", str(pinout), "--fasm", str(fasm)]
    return command if tool.chipdb is None else [*command, "--chipdb", str(tool.chipdb)]
