"""The command line. Only the standard library is imported until there is work to do, so that --help is quick."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hwgen import __version__

EXIT_CODES = """\
exit codes:
  0  done; where frames were simulated, every value was equal; with --check: the model is exact
  1  hardware and integer model differ (the first difference is named)
  2  something in the model, the frames, the options or the output folder is wrong
  3  the network does not fit the board, can't reach the rate that was asked for, or can't be placed (with --place)
  4  a tool is missing (the message says how to get it)
  5  a tool failed (the message says where its log is)
  130  interrupted
"""


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="hwgen",
        description="Compiles a QKeras model to bit-exact streaming FPGA hardware.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("model", nargs="?", help="model file: .h5 (Keras 2 or 3) or .keras, or .json with --weights")
    p.add_argument(
        "--weights", metavar="FILE", help="weights of a model given as JSON (model.to_json() and model.save_weights())"
    )
    p.add_argument(
        "--check",
        action="store_true",
        help="build nothing: a table of all layers, whether each is exact, and everything to change in the model "
        "(with -o also as check.json)",
    )
    p.add_argument("--board", default="zybo", help="board to fold for (default: zybo; see --list-boards)")
    p.add_argument("--list-boards", action="store_true", help="print the boards with their resources, and stop")
    p.add_argument("-o", "--output", metavar="DIR", help="output folder (default: build/<model name>)")
    p.add_argument(
        "--input-type",
        metavar="TYPE",
        action="append",
        default=[],
        help="type of the input where the model doesn't say it: 'ufixed<8,0>' or 'fixed<8,1>' "
        "(total bits, integer bits with the sign); of one of several inputs: NAME=TYPE, as often as needed",
    )
    rate = p.add_argument_group("folding", "by default the highest rate that the estimate says fits the board")
    rate.add_argument("--fps", type=float, metavar="N", help="frames a second to reach")
    rate.add_argument("--interval", type=int, metavar="CYCLES", help="cycles a frame to reach")
    rate.add_argument("--clock", type=float, metavar="MHZ", help="clock to report for (default: the board's)")
    rate.add_argument(
        "--pareto",
        action="store_true",
        help="rate against resources instead of a design: a table, pareto.json and pareto.svg "
        "(default folder: build/<model name>-pareto)",
    )
    prove = p.add_argument_group("proving and measuring")
    prove.add_argument(
        "--simulate",
        metavar="FRAMES",
        help="simulate the Verilog on these frames (.npy; or .npz with x, or an array for each input under its name, and "
        "optionally y, expected, for further outputs y1, expected1, ...)",
    )
    prove.add_argument("--frames", type=int, metavar="N", help="take only the first N frames")
    prove.add_argument("--layer", metavar="NAME", help="simulate this layer alone, on what the integer model feeds it")
    prove.add_argument(
        "--simulator",
        choices=("auto", "verilator", "icarus"),
        default="auto",
        help="default: Verilator where a C++ compiler is",
    )
    prove.add_argument("--waves", action="store_true", help="keep waveforms of the simulation")
    prove.add_argument(
        "--power",
        action="store_true",
        help="estimate dynamic power from how often everything switches on the simulated frames (with --simulate)",
    )
    prove.add_argument(
        "--synthesize",
        action="store_true",
        help="measure resources with Yosys, and the clock where nextpnr for Xilinx is installed",
    )
    prove.add_argument(
        "--place", action="store_true", help="synthesize, place and route: the clock is measured, or it is an error"
    )
    chip = p.add_argument_group("the whole chip")
    chip.add_argument(
        "--bitstream",
        action="store_true",
        help="make the chip's bitstream, DIR/chip/<model>.bit; what is done of it stays done if the run is broken off",
    )
    chip.add_argument(
        "--toolchain", choices=("open", "vivado"), default="open", help="what makes the bitstream (default: open)"
    )
    chip.add_argument(
        "--scripts",
        action="store_true",
        help="with --toolchain vivado: write what Vivado makes the bitstream from into DIR/chip/, to run on any machine",
    )
    chip.add_argument(
        "--virtual",
        metavar="FRAMES",
        help="run the host driver against the whole chip in simulation on these frames (files as with --simulate)",
    )
    p.add_argument("--dump-ir", metavar="DIR", help="write the graph after each pass as text")
    p.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    p.add_argument("--version", action="version", version=f"hwgen {__version__}")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    p = parser()
    options = p.parse_args(arguments)
    from hwgen.errors import HwgenError

    try:
        if options.list_boards:
            from hwgen.cli import list_boards

            return list_boards()
        if options.model is None:
            p.error("a model file is needed (or --list-boards)")
        if options.check:
            from hwgen.check_table import run as check

            return check(options, Path(options.model))
        from hwgen.cli import pareto, run

        return (pareto if options.pareto else run)(options, Path(options.model))
    except HwgenError as error:
        print(f"hwgen: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("hwgen: interrupted; nothing was written", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
