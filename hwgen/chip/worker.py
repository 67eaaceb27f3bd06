"""Runs Yosys on a whole chip, in a process of its own: `python -m hwgen.chip.worker job.json`.

As in `hwgen.synth_worker` the network's blocks are optimised apart from each other, so that the chip is what was measured,
and a path's cells tell which block it is in; so are the parts of the shell that the job names. Then all is flattened for place
and route.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hwgen import netlist
from hwgen.synth_worker import COMMANDS, LIBRARIES

# Primitives that only a whole chip has: its PLL, a Zynq's processor.
CHIP = {"ecp5": ("+/lattice/cells_bb_ecp5.v",), "xc7": ("+/xilinx/cells_xtra.v",)}


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
    for library in (LIBRARIES[job["family"]], *CHIP[job["family"]]):
        run(f"read_verilog -lib {library}")
    run(f'read_verilog "{job["file"]}"')
    run(f"hierarchy -check -top {job['top']}")
    apart = [part.rpartition(".")[2] for part in job.get("parts", ())]
    for module in list(design.modules_.values()):
        for cell in module.cells_.values():
            if cell.name.str().removeprefix("\\") in apart and design.module(cell.type) is not None:
                design.module(cell.type).set_bool_attribute(ys.IdString("\\keep_hierarchy"), True)
    network = next(m for m in design.modules_.values() if m.name.str().removeprefix("\\") == job["network"])
    for cell in network.cells_.values():
        module = design.module(cell.type)
        if module is not None:
            module.set_bool_attribute(ys.IdString("\\keep_hierarchy"), True)
    run("rename -hide w:*[[]*")  # as in hwgen.synth_worker
    for k, stage in enumerate(stages, start=1):
        announce(k, stage)
        until = stages[k] if k < len(stages) else "edif"
        run(f"{command} -top {job['top']} -run {stage}:{until}")
    announce(len(stages) + 1, "netlist")
    run("setattr -mod -unset keep_hierarchy *")
    run("flatten")
    run("delete t:$scopeinfo")
    run("clean -purge")
    run(f'tee -q -o "{job["stats"]}" stat -json')
    if job["family"] == "xc7":
        netlist.fit(run, f"{Path(job['netlist']).parent}/")
    run(f'write_json "{job["netlist"]}"')


if __name__ == "__main__":
    main(sys.argv[1])
