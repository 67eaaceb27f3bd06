"""A program that answers like nextpnr for Xilinx, for tests: what it prints, and how it ends, is set when it is made.

`log` gives what nextpnr prints in a run that goes through.
"""

import sys
import textwrap
from pathlib import Path

FREQUENCY = "Max frequency for clock 'clock': {:.2f} MHz ({} at 150.00 MHz)\n"
PLACING = """\
Info: Packing carries..
Info: Device utilisation:
Info: \t         SLICE_LUTX:   11563/  35200    32%
Info: \t             CARRY4:     824/   4400    18%
Info: \t  RAMB36E1_RAMB36E1:       0/     60     0%
Info: \t           BUFGCTRL:       1/     32     3%
Info: Creating initial analytic placement for 9000 cells.
Info: Running simulated annealing placer for refinement.
"""
ROUTING = "Info: Routing global clocks...\nInfo: Running router2...\n"
# As nextpnr-himbaechel 0.11.1 printed it for examples/digits, without two of the cells on the way.
SLOWEST = r"""Info: Critical path report for clock 'clock' (posedge -> posedge):
Info:       type curr  total name
Info:   clk-to-q  0.35  0.35 Source $flatten\network.\b_sum.$auto$ff.cc:337:slice$87078.Q
Info:    routing  0.75  1.10 Net network.b_sum.output.credits[0] (94,66) -> (94,63)
Info:                          Sink $flatten\network.\b_sum.$abc$1450345$lut$aiger$o5572.A4
Info:                          Defined in:
Info:                               build/digits.v:10760.13-10760.20
Info:      logic  0.12  1.22 Source $flatten\network.\b_sum.$abc$1450345$lut$aiger$o5572.O6
Info:    routing  0.33  1.55 Net network.b_sum.i__ready (94,63) -> (94,62)
Info:                          Sink $flatten\network.\b_sum_window.$auto$ff.cc:337:slice$84934.SR
Info:      setup  0.10  1.65 Source $flatten\network.\b_sum_window.$auto$ff.cc:337:slice$84934.SR
Info: 0.57 ns logic, 1.08 ns routing
"""
BLOCKS = ["b_sum", "b_sum_window"]


def log(placed: float, routed: float) -> str:
    """The log of a run that reached so many MHz by the estimate after placement and after routing."""
    lines = PLACING
    for k, mhz in enumerate((placed, routed)):
        met = mhz >= 150
        level = "Info: " if met or k == 0 else "Warning: "
        lines += (ROUTING + SLOWEST if k else "") + level + FREQUENCY.format(mhz, "PASS" if met else "FAIL")
    return lines


def install_none(folder: Path, monkeypatch) -> None:
    """No nextpnr is found but what is installed in the folder."""
    for name in ("NEXTPNR_XILINX", "HWGEN_CHIPDB"):
        monkeypatch.delenv(name, raising=False)
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))


def install(folder: Path, name: str, *, uarch: str | None = None, log: str = "", then: str = "") -> Path:
    """Writes the program `name` into a folder and returns its path.

    uarch: what --list-uarch says, for himbaechel; None for openXC7's. log: what a run prints. then: Python that runs after it.
    Each run leaves its arguments in `arguments.txt` beside the program.
    """
    path = folder / name
    options = "--device arg --chipdb arg" if uarch is not None else "--chipdb arg --xdc arg"
    path.write_text(
        textwrap.dedent(f"""\
            #!{sys.executable}
            import os, signal, sys, time
            from pathlib import Path
            if "--help" in sys.argv:
                print("Architecture specific options: {options}")
            elif "--list-uarch" in sys.argv:
                print("Info: Supported uarches: {uarch}")
            elif "--version" in sys.argv:
                print('"{name}" -- Next Generation Place and Route (Version test-1)', file=sys.stderr)
            else:
                Path(__file__).with_name("arguments.txt").write_text("\\n".join(sys.argv[1:]))
                print({log!r}, flush=True)
            """)
        + textwrap.indent(then or "pass", " " * 4)
        + "\n"
    )
    path.chmod(0o755)
    return path
