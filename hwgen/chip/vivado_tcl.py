"""What Vivado is run with: constraints (XDC) and, for each stage, a script (Tcl) that goes on from the stage before.

No project and no block design. A stage's script takes the design that is open in Vivado, else the checkpoint of the stage
before, so that each can run in a Vivado of its own, or all in one: `vivado -mode batch -source build.tcl`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from hwgen.boards.board import UART, Board
from hwgen.boards.pins import pins
from hwgen.chip.chip import Chip

STAGES = ("synthesis", "placement", "routing", "power", "bitstream")
ACTIVITY = "activity.saif"
# The files that a stage's script writes.
OUTPUTS = {
    "synthesis": ("synthesis.dcp",),
    "placement": ("placement.dcp",),
    "routing": (
        *("routing.dcp", "utilization.rpt", "hierarchy.rpt", "timing.rpt", "path.rpt"),
        *("route_status.rpt", "drc.rpt"),
    ),
    "power": ("power.rpt",),
    "bitstream": ("chip.bit",),
}

HEAD = """\
set here [file dirname [file normalize [info script]]]
set out [expr {{$argc > 0 ? [file normalize [lindex $argv 0]] : $here}}]
"""
GO_ON = """\
if {{[llength [get_designs -quiet]] == 0}} {{
    open_checkpoint [file join $here {before}.dcp]
}}
"""
BODIES = {
    "synthesis": """\
read_verilog [file join $here chip.v]
read_xdc [file join $here chip.xdc]
synth_design -top {top} -part {part} -flatten_hierarchy rebuilt
write_checkpoint -force [file join $out synthesis.dcp]
""",
    "placement": """\
opt_design
place_design
phys_opt_design
write_checkpoint -force [file join $out placement.dcp]
""",
    "routing": """\
route_design
write_checkpoint -force [file join $out routing.dcp]
report_utilization -file [file join $out utilization.rpt]
report_utilization -hierarchical -file [file join $out hierarchy.rpt]
report_timing_summary -no_detailed_paths -file [file join $out timing.rpt]
report_timing -delay_type max -max_paths 1 -file [file join $out path.rpt]
report_route_status -file [file join $out route_status.rpt]
report_drc -file [file join $out drc.rpt]
""",
    "power": """\
set activity [file join $here {activity}]
if {{[file exists $activity]}} {{
    read_saif -strip_path {top} -out_file [file join $out unmatched.rpt] $activity
}}
report_power -file [file join $out power.rpt]
""",
    "bitstream": """\
set path [get_timing_paths -quiet -delay_type max -max_paths 1]
if {{[llength $path] == 0}} {{
    error "ERROR: no path is timed: the clock of chip.xdc was not found"
}}
if {{[get_property SLACK $path] < 0}} {{
    error "ERROR: the chip is slower than its clock: timing.rpt, path.rpt"
}}
write_bitstream -force [file join $out chip.bit]
""",
}
BEFORE = {"placement": "synthesis", "routing": "placement", "power": "routing", "bitstream": "routing"}

BUILD = """\
# All stages: vivado -mode batch -source build.tcl
set stages {{{stages}}}
set folder [file dirname [file normalize [info script]]]
foreach stage $stages {{
    source [file join $folder $stage.tcl]
}}
"""

README = """\
The bitstream of {title} ({part}) with Vivado, {mhz:g} MHz. In a copy of this folder:

    vivado -mode batch -source build.tcl

It needs Vivado alone, no hwgen, and makes chip.bit, reports (*.rpt) and a checkpoint after each stage (*.dcp). If it stops,
`vivado -mode batch -source STAGE.tcl` goes on, with the stages in this order: {stages}.
A chip that is slower than its clock gets no bitstream; path.rpt has its slowest path.
{more}"""
MANAGER = """
Linux's FPGA manager takes a .bit.bin, which hwgen makes of the .bit:

    python -m hwgen.chip.bitfile chip.bit
"""


def period_ns(mhz: float) -> float:
    """Of a clock, to the ps that Vivado counts in; never longer than the clock's."""
    return math.floor(1e6 / mhz + 1e-6) / 1000


def constraints(chip: Chip, board: Board) -> str:
    """The XDC. A Zynq's chip has no pins, and its clock begins at the processor."""
    if board.shell != UART:
        return f"create_clock -name fclk0 -period {period_ns(chip.clock_mhz):.3f} [get_pins {{ps7/FCLKCLK[0]}}]\n"
    lines = [f"create_clock -name oscillator -period {period_ns(board.oscillator_mhz):.3f} [get_ports clk]"]
    for port, pin in pins(board).items():
        lines.append(f"set_property PACKAGE_PIN {pin.site} [get_ports {port}]")
        lines.append(f"set_property IOSTANDARD {pin.standard} [get_ports {port}]")
    lines += [
        "set_false_path -from [get_ports rx]",  # no clock goes with the serial line
        "set_false_path -to [get_ports tx]",
        "set_property CFGBVS VCCO [current_design]",
        "set_property CONFIG_VOLTAGE 3.3 [current_design]",
    ]
    return "\n".join(lines) + "\n"


def script(stage: str, chip: Chip, board: Board) -> str:
    """The Tcl of a stage. -tclargs FOLDER: where its files go; beside the script where there is none."""
    before = GO_ON.format(before=BEFORE[stage]) if stage in BEFORE else ""
    body = BODIES[stage].format(top=chip.top, part=board.part, activity=ACTIVITY)
    return HEAD.format() + before + body


def files(chip: Chip, board: Board) -> dict[str, str]:
    """All that Vivado needs but the switching activity, by file name."""
    more = "" if board.shell == UART else MANAGER
    texts = {"chip.v": chip.text, "chip.xdc": constraints(chip, board)}
    texts |= {f"{stage}.tcl": script(stage, chip, board) for stage in STAGES}
    texts["build.tcl"] = BUILD.format(stages=" ".join(STAGES))
    texts["README.txt"] = README.format(
        title=board.title, part=board.part, mhz=chip.clock_mhz, stages=", ".join(STAGES), more=more
    )
    return texts


def inside(activity: Iterable[str], chip: Chip) -> Iterator[str]:
    """Lines of a SAIF file of the network alone, as `hwgen.power.saif` writes it, made into one of the chip.

    The network's instance gets the chip's and those above it around it, which `read_saif -strip_path` takes off again.
    """
    above = [chip.top, *chip.path.split(".")]
    held: str | None = None  # the last line closes the file
    outer = True
    for line in activity:
        if held is not None:
            yield held
        held = line
        if outer and line.startswith("(INSTANCE "):
            outer = False
            yield from (f"(INSTANCE {name}\n" for name in above[:-1])
            held = f"(INSTANCE {above[-1]}\n"
    yield ")\n" * (len(above) - 1)
    if held is not None:
        yield held
