"""Networks of a few lines of Verilog to test a shell around: each output is what came in at the input of its number."""

from __future__ import annotations

import random

from hwgen.boards.shell.identity import Identity, Port
from hwgen.boards.shell.shell import EmittedShell, Shell, verilog_of
from hwgen.passes.emit import Emitted
from hwgen.tensor import TensorType
from tests.shell.simulation import Config

DEPTH = 4  # beats that a loop holds


def loop(shapes: list[tuple[int, int]]) -> tuple[Emitted, Identity]:
    """shapes: (beats a frame, bytes a beat) of each pair of input and output; an output inverts what its input gave.

    The register `fault` in it is for a bench: 1 raises frame_error, 2 gives TLAST with every beat.
    """
    pairs = [Port(TensorType((1, beats, size), 0, 255), lanes=size) for beats, size in shapes]
    identity = Identity(
        inputs=tuple(pairs),
        outputs=tuple(Port(port.type, port.lanes, top1=4) for port in pairs),
        fifos=(DEPTH,) * len(pairs),
        clock_hz=100_000_000,
        hash=bytes(range(0x10, 0x20)),
        dma=True,
    )
    ports = ["input clk", "input rst", "output frame_error"]
    body = []
    for k, port in enumerate(pairs):
        s, m = (f"{kind}_axis" + (f"_{k}" if k else "") for kind in "sm")
        top = 8 * port.beat_bytes - 1
        ports += [f"input [{top}:0] {s}_tdata", f"input {s}_tvalid", f"output {s}_tready", f"input {s}_tlast"]
        ports += [f"output [{top}:0] {m}_tdata", f"output {m}_tvalid", f"input {m}_tready", f"output {m}_tlast"]
        ports += [f"output [3:0] {m}_tuser", f"output [2:0] level{k}"]
        body.append(
            f"""
  loop_queue #({top + 1}, {port.beats}) queue{k} (
    .clk(clk), .rst(rst), .fault(fault),
    .tdata_i({s}_tdata), .tvalid_i({s}_tvalid), .tready_i({s}_tready),
    .tdata_o({m}_tdata), .tvalid_o({m}_tvalid), .tready_o({m}_tready), .tlast_o({m}_tlast), .tuser_o({m}_tuser),
    .level(level{k}));"""
        )
    text = f"""
module loop ({", ".join(ports)});
  reg [1:0] fault;
  initial fault = 0;
  assign frame_error = fault[0];
  {"".join(body)}
endmodule
{QUEUE}"""
    return Emitted("loop", text, {}, "xc7"), identity


def looped_shell(shapes) -> EmittedShell:
    """A shell around loops; see `loop`."""
    emitted, identity = loop(shapes)
    return EmittedShell("loop_shell", verilog_of(Shell(emitted, identity), emitted, "loop_shell"), identity)


def loop_config(shapes) -> Config:
    """Random frames for it."""
    rng = random.Random(str(shapes))
    frames = [[rng.randbytes(beats * size) for beats, size in shapes] for _ in range(5)]
    scores = [[bytes(255 - byte for byte in data) for data in frame] for frame in frames]
    return Config(loop(shapes)[1], frames, scores)


QUEUE = f"""
module loop_queue #(parameter WIDTH = 8, parameter BEATS = 1) (
  input clk, input rst, input [1:0] fault,
  input [WIDTH-1:0] tdata_i, input tvalid_i, output tready_i,
  output [WIDTH-1:0] tdata_o, output tvalid_o, input tready_o, output tlast_o, output [3:0] tuser_o,
  output reg [2:0] level
);
  reg [WIDTH-1:0] held [0:{DEPTH - 1}];
  reg [1:0] in, out;
  reg [31:0] beat;
  reg [3:0] frame;
  initial begin level = 0; in = 0; out = 0; beat = 0; frame = 0; end
  assign tready_i = level != {DEPTH};
  assign tvalid_o = level != 0;
  assign tdata_o = held[out];
  assign tlast_o = (beat == BEATS - 1) || fault[1];
  assign tuser_o = frame;
  wire push = tvalid_i && tready_i;
  wire pop = tvalid_o && tready_o;
  always @(posedge clk) begin
    if (push) held[in] <= ~tdata_i;
    if (rst) begin
      level <= 0; in <= 0; out <= 0; beat <= 0; frame <= 0;
    end else begin
      level <= level + push - pop;
      in <= in + push;
      out <= out + pop;
      if (pop) beat <= (beat == BEATS - 1) ? 0 : beat + 1;
      if (pop && beat == BEATS - 1) frame <= frame + 1;
    end
  end
endmodule
"""
