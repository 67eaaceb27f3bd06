"""Runs Yosys in a process of its own: `python -m hwgen.synth_worker job.json`.

An error in Yosys ends the process that it runs in, hence this one. The log goes to standard output, with a line "hwgen:
stage K of N: NAME" before each stage; the cell counts, and where it is asked for the flat netlist, go to the files that
the job names.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hwgen import netlist

# Yosys's synthesis command of a family and its stages (labels), in order.
COMMANDS = {
    "xc7": (
        "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
        "begin prepare map_dsp coarse map_memory map_ffram fine map_cells map_ffs map_luts finalize check".split(),
    ),
    "ecp5": (
        "synth_lattice -family ecp5 -noiopad",
        "begin coarse map_ram map_ffram map_gates map_ffs map_luts map_cells check".split(),
    ),
}


# Primitives that the design may have instances of.
LIBRARIES = {"xc7": "+/xilinx/cells_sim.v", "ecp5": "+/ecp5/cells_sim.v"}


def main(job_file: str) -> None:
    from pyosys import libyosys as ys

    job = json.loads(Path(job_file).read_text())
    command, stages = COMMANDS[job["family"]]
    design = ys.Design()

    def run(text: str) -> None:
        ys.run_pass(text, design)

    def announce(k: int, stage: str) -> None:
        sys.stdout.write(f"hwgen: stage {k} of {len(stages) + 2}: {stage}\n")
        sys.stdout.flush()

    announce(0, "read")
    run(f"read_verilog -lib {LIBRARIES[job['family']]}")
    for file in job["files"]:
        run(f'read_verilog "{file}"')
    run(f"hierarchy -check -top {job['top']}")
    instances = {}
    for cell in design.top_module().cells_.values():
        module = design.module(cell.type)
        if module is not None:  # not one of Yosys's own cells
            instances[cell.name.str().removeprefix("\\")] = cell.type.str()
            # Flattened in itself, but apart from the others, so that the resources of every block can be told.
            module.set_bool_attribute(ys.IdString("\\keep_hierarchy"), True)
    # Amaranth names the lanes of a payload `payload[0]`, ...; beside a port `payload` abc9 takes that for its bit 0.
    run("rename -hide w:*[[]*")
    for k, stage in enumerate(stages, start=1):
        announce(k, stage)
        # -run A:B stops before B; the stages after the last one write files, of which there are none.
        until = stages[k] if k < len(stages) else "edif"
        run(f"{command} -top {job['top']} -run {stage}:{until}")
    run(f'tee -q -o "{job["stats"]}" stat -json')
    Path(job["instances"]).write_text(json.dumps(instances))
    if job["netlist"] is not None:
        announce(len(stages) + 1, "netlist")
        wires = [wire for wire in design.top_module().wires_.values() if wire.port_id]
        wires.sort(key=lambda wire: wire.port_id)
        ports = [(wire.name.str().removeprefix("\\"), wire.width, wire.port_input) for wire in wires]
        netlist.write(run, ports, job["top"], f"{Path(job['netlist']).parent}/", job["netlist"])


if __name__ == "__main__":
    main(sys.argv[1])
