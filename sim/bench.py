"""What is simulated, and the Verilog bench made for it: frame sources, sinks and a checker on every stream inside.

The bench runs without Python: it reads frames and expected streams from memory files, compares in Verilog, and writes
what it saw as lines of text (see `hwgen.sim.result`). Internal streams are read by hierarchical reference, so that
what is tested is exactly the Verilog that was emitted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hwgen.tensor import TensorType

TOP = "hwgen_bench"  # the bench's top module
RESULTS = "results.txt"  # what the bench writes, in the directory that it runs in


@dataclass(frozen=True)
class Axi:
    """An outer AXI4-Stream of the top module. A value takes 1, 2, 4 or 8 bytes, sign-extended, lane 0 lowest.

    name: key of its frames or expected values. layer: the Keras layer in messages. top1 (outputs only): TUSER of a
    frame's last beat is the index of the highest score, the first of them where several are.
    """

    name: str
    type: TensorType
    lanes: int
    layer: str = ""
    top1: bool = False

    @property
    def beats(self) -> int:
        """Beats a frame."""
        return self.type.size // self.lanes

    @property
    def element_bits(self) -> int:
        """Bits of a value in TDATA."""
        return next(n for n in (8, 16, 32, 64) if n >= self.type.width)

    @property
    def width(self) -> int:
        """Bits of TDATA."""
        return self.element_bits * self.lanes


@dataclass(frozen=True)
class Tap:
    """A stream inside the network to compare.

    name: the node, for messages. layer: its Keras layer. path: the producing instance below the top, "." between
    levels, or "" for nets of the top itself; an instance must have logic of its own, for a module of mere wires isn't in
    the Verilog. port: the signals' common beginning: <port>__valid, <port>__ready and <port>__payload.
    """

    name: str
    layer: str
    path: str
    port: str
    type: TensorType
    lanes: int

    @property
    def beats(self) -> int:
        """Beats a frame."""
        return self.type.size // self.lanes

    @property
    def width(self) -> int:
        """Bits of the payload."""
        return self.type.width * self.lanes


@dataclass(frozen=True)
class Fill:
    """A FIFO whose highest level is recorded: the instance `path` has an output `port` that counts 0 to `depth`."""

    path: str
    name: str
    depth: int
    port: str = "level"


@dataclass(frozen=True)
class Bench:
    """A top module and what to feed, collect and watch.

    Ports of the top: clk, rst, frame_error, s_axis_tdata/tvalid/tready/tlast (s_axis_1_... for the second input) and
    m_axis_... (with tuser where `top1`). taps stand in topological order, by which a hang is explained.
    """

    top: str
    verilog: tuple[Path, ...]
    sources: tuple[Axi, ...]
    sinks: tuple[Axi, ...]
    taps: tuple[Tap, ...] = ()
    fills: tuple[Fill, ...] = ()

    def __post_init__(self):
        names = [stream.name for stream in (*self.sources, *self.sinks, *self.taps)]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"streams must have different names; twice: {', '.join(sorted(twice))}")


def axi_prefix(kind: str, k: int) -> str:
    """Port prefix of the k-th input (kind "s") or output ("m")."""
    return f"{kind}_axis" + (f"_{k}" if k else "")


def memory_file(kind: str, k: int) -> str:
    """The memory file of the k-th source ("s") or tap ("t"), below the directory that the bench runs in."""
    return f"mem/{kind}{k}.hex"


def generate(bench: Bench, frames: int) -> str:
    """The Verilog text of the bench's top module for so many frames. Its building blocks are in stream_bench.v."""
    outer, checks, done = [], [], []
    connections = [".clk(clk)", ".rst(rst)", ".frame_error(frame_error)"]
    common = ".clk(clk), .rst(rst), .report(report), .out(out), .cycle(cycle)"

    def status(kind: str, k: int) -> str:
        done.append(f"{kind}{k}")
        outer.append(f"  wire {kind}{k}_complete, {kind}{k}_moved;")
        return f".complete({kind}{k}_complete), .moved({kind}{k}_moved)"

    for kind, streams in (("s", bench.sources), ("m", bench.sinks)):
        for k, stream in enumerate(streams):
            name, axi = f"{kind}{k}", axi_prefix(kind, k)
            outer.append(
                f"  wire [{stream.width - 1}:0] {name}_tdata;\n  wire {name}_tvalid, {name}_tready, {name}_tlast;"
            )
            ports = ["tdata", "tvalid", "tready", "tlast"]
            connections += [f".{axi}_{port}({name}_{port})" for port in ports]
            parameters = f".ID({k}), .WIDTH({stream.width}), .BEATS({stream.beats}), .FRAMES({frames})"
            if kind == "s":
                parameters += f', .FILE("{memory_file("s", k)}")'
            else:
                # Read where it is driven: zero-extended whatever its width, and absent without top-1.
                outer.append(f"  wire [31:0] {name}_tuser = {f'dut.{axi}_tuser' if stream.top1 else '0'};")
                ports.append("tuser")
            links = ", ".join(f".{port}({name}_{port})" for port in ports)
            checks.append(
                f"  hwgen_{'source' if kind == 's' else 'sink'} #({parameters}) {name} ("
                f"{common}, .stall(stall), .seed(seed + {2 * k + (kind == 'm')}),"
                f"{' .interval(interval),' if kind == 's' else ''}\n    {links}, {status(kind, k)});"
            )
    for k, tap in enumerate(bench.taps):
        net = _path(f"dut.{tap.path}.{tap.port}" if tap.path else f"dut.{tap.port}")
        checks.append(
            f"  hwgen_tap #(.ID({k}), .WIDTH({tap.width}), .BEATS({tap.beats}), .FRAMES({frames}), "
            f'.FILE("{memory_file("t", k)}")) t{k} ({common},\n'
            f"    .valid({net}__valid), .ready({net}__ready), .payload({net}__payload), "
            f".bits($bits({net}__payload)), {status('t', k)});"
        )
    for k, fill in enumerate(bench.fills):
        outer.append(
            f"  wire [31:0] f{k}_level = {_path(f'dut.{fill.path}.{fill.port}' if fill.path else f'dut.{fill.port}')};"
        )
        checks.append(
            f"  hwgen_fill #({k}) f{k} (.clk(clk), .rst(rst), .report(report), .out(out), .level(f{k}_level));"
        )
    return _TOP.format(
        top=TOP,
        results=RESULTS,
        dut=bench.top,
        outer="\n".join(outer),
        connections=", ".join(connections),
        checks="\n".join(checks),
        complete=" & ".join(f"{name}_complete" for name in done),
        moved=" | ".join(f"{name}_moved" for name in done),
    )


def _path(path: str) -> str:
    """A hierarchical path, with the escapes that Verilog wants for names that aren't plain."""
    return ".".join(n if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", n) else f"\\{n} " for n in path.split("."))


# cocotb sees go, done and nothing else: every public signal costs the simulator speed.
_TOP = """\
// Made by hwgen: the bench of one network and one number of frames.
`timescale 1ns/1ps
module {top};
  reg go /*verilator public_flat_rw*/ = 0;
  wire done /*verilator public_flat_rd*/;
  reg clk = 0;
  always #1 clk = ~clk;

  wire rst, report;
  wire [31:0] out, stall, seed, interval, cycle;
  wire frame_error;
{outer}
  {dut} dut ({connections});
{checks}
  hwgen_control #(.RESULTS("{results}")) control (.clk(clk), .go(go), .rst(rst),
    .report(report), .done(done), .out(out), .stall(stall), .seed(seed), .interval(interval),
    .cycle(cycle), .frame_error(frame_error), .complete({complete}),
    .moved({moved}));
endmodule
"""
