"""Which nets a record of switching activity leaves out: those of the bench, and those inside LUTs and carry chains.

The latter are in no netlist of a vendor's tools either: there a LUT is one cell, whose output is a net of the block.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

TRACE = "dump.saif"  # in the directory that the bench runs in
LIBRARY = (
    "module hwgen_"  # what modules of LUTs and carry chains begin with; they are the last in the network's Verilog
)


def configuration(network: Path, others: Iterable[Path]) -> str:
    """Verilator's configuration file. network: the Verilog whose blocks are recorded. others: files of which nothing is."""
    lines = ["`verilator_config", *(f'tracing_off -file "{path}"' for path in others)]
    text = network.read_text(encoding="utf-8").splitlines()
    starts = [k for k, line in enumerate(text, start=1) if line.startswith(LIBRARY)]
    if starts:
        lines.append(f'tracing_off -file "{network}" -lines {starts[0]}-{len(text)}')
    return "\n".join(lines) + "\n"
