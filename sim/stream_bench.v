// The parts of the bench: source, sink, checker, fill watcher and the control of a run. Each writes what it sees as
// lines of text to the file handle `out`; hwgen/sim/result.py reads them. Cycles count from 0, the first cycle after reset.
`timescale 1ns/1ps

// Starts when cocotb raises `go`; ends when all is complete, at the deadline, or when no stream has moved for long.
module hwgen_control #(
  parameter RESULTS = ""
) (
  input clk, input go, output reg rst, output reg report, output reg done, output [31:0] out,
  output reg [31:0] stall, output reg [31:0] seed, output reg [31:0] interval, output reg [31:0] cycle,
  input frame_error, input complete, input moved
);
  localparam DRAIN = 64;  // cycles after the end in which a surplus beat would show itself
  integer file;
  reg [31:0] deadline, quiet, idle;
  reg [7:0] drain;
  reg [2:0] reset;
  reg error, closing;
  assign out = file;

  initial begin
    file = $fopen(RESULTS, "w");
    stall = 0; seed = 1; interval = 0; deadline = 32'hffffffff; quiet = 32'hffffffff;
    if ($value$plusargs("stall=%d", stall)) begin end
    if ($value$plusargs("seed=%d", seed)) begin end
    if ($value$plusargs("interval=%d", interval)) begin end
    if ($value$plusargs("deadline=%d", deadline)) begin end
    if ($value$plusargs("quiet=%d", quiet)) begin end
    rst = 1; report = 0; done = 0; cycle = 0; idle = 0; drain = 0; reset = 0; error = 0; closing = 0;
  end

  always @(posedge clk) begin
    if (rst) begin
      if (go) reset <= reset + 1;
      if (reset == 7) rst <= 0;
    end else if (!done) begin
      cycle <= cycle + 1;
      idle <= moved ? 0 : idle + 1;
      drain <= complete ? drain + 1 : 0;
      error <= frame_error;
      if (frame_error !== 1'b0 && !error) $fdisplay(file, "error %0d", cycle);
      closing <= report;
      if (closing) begin  // a cycle after everybody has reported
        done <= 1;
        $fclose(file);
      end else if (report) begin
        report <= 0;
        $fdisplay(file, "cycles %0d", cycle);
      end else if (drain == DRAIN || cycle >= deadline || idle >= quiet) begin
        report <= 1;
        if (drain == DRAIN) $fdisplay(file, "status complete");
        else if (cycle >= deadline) $fdisplay(file, "status deadline");
        else $fdisplay(file, "status quiet");
      end
    end
  end
endmodule

// Counts a stream's beats into frames: "frame KIND ID FRAME FIRST LAST" when one is over, "end ..." when the run is.
module hwgen_count #(
  parameter KIND = "t", parameter ID = 0, parameter BEATS = 1, parameter FRAMES = 1
) (
  input clk, input rst, input report, input [31:0] out, input [31:0] cycle,
  input valid, input ready, output complete, output moved, output reg [31:0] count, output last
);
  reg [31:0] beat, frame, first, waited;
  assign moved = (valid === 1'b1) && (ready === 1'b1);
  assign last = beat == BEATS - 1;
  assign complete = frame >= FRAMES;
  always @(posedge clk) begin
    if (rst) begin
      beat <= 0; frame <= 0; first <= 0; count <= 0; waited <= 0;
    end else begin
      if ((valid === 1'b1) && (ready !== 1'b1)) waited <= waited + 1;
      if (moved) begin
        count <= count + 1;
        beat <= last ? 0 : beat + 1;
        if (beat == 0) first <= cycle;
        if (last) begin
          frame <= frame + 1;
          $fdisplay(out, "frame %0s %0d %0d %0d %0d", KIND, ID, frame, (beat == 0) ? cycle : first, cycle);
          $fflush(out);
        end
      end
      if (report) $fdisplay(out, "end %0s %0d %0d %b %b %0d", KIND, ID, count, valid, ready, waited);
    end
  end
endmodule

// Random stalls: `stop` is high in stall / 65536 of the cycles.
module hwgen_stall (input clk, input rst, input [31:0] stall, input [31:0] seed, output stop);
  reg [31:0] x;
  wire [31:0] a = x ^ (x << 13);
  wire [31:0] b = a ^ (a >> 17);
  assign stop = {16'd0, x[31:16]} < stall;
  always @(posedge clk) x <= rst ? (seed * 32'd2654435769) | 32'd1 : b ^ (b << 5);
endmodule

// Offers the beats of a file, where `interval` isn't 0 no earlier than evenly over so many cycles a frame. While it
// offers nothing TDATA is wrong on purpose.
module hwgen_source #(
  parameter ID = 0, parameter WIDTH = 8, parameter BEATS = 1, parameter FRAMES = 1, parameter FILE = ""
) (
  input clk, input rst, input report, input [31:0] out, input [31:0] cycle, input [31:0] stall, input [31:0] seed,
  input [31:0] interval,
  output [WIDTH-1:0] tdata, output tvalid, input tready, output tlast, output complete, output moved
);
  reg [WIDTH-1:0] words [0:BEATS*FRAMES-1];
  reg offer;
  wire stop, last;
  wire [31:0] count;
  // Beat `next` of all frames is offered floor(next * interval / BEATS) cycles after the first, or later.
  wire [31:0] next = count + moved;
  wire early = {32'd0, next} * interval >= ({32'd0, cycle} + 64'd1) * BEATS && interval != 0;
  initial $readmemh(FILE, words);
  assign tvalid = offer && !complete;
  assign tdata = tvalid ? words[count] : {WIDTH{stop}};
  assign tlast = tvalid && last;
  always @(posedge clk) begin
    if (rst) offer <= 0;
    else if (!tvalid || tready) offer <= !stop && !early;
  end
  hwgen_stall random (clk, rst, stall, seed, stop);
  hwgen_count #("s", ID, BEATS, FRAMES) counter (
    clk, rst, report, out, cycle, tvalid, tready, complete, moved, count, last);
endmodule

// Takes beats: "beat ID CYCLE TLAST TUSER TDATA" each.
module hwgen_sink #(
  parameter ID = 0, parameter WIDTH = 8, parameter BEATS = 1, parameter FRAMES = 1
) (
  input clk, input rst, input report, input [31:0] out, input [31:0] cycle, input [31:0] stall, input [31:0] seed,
  input [WIDTH-1:0] tdata, input tvalid, output reg tready, input tlast, input [31:0] tuser,
  output complete, output moved
);
  wire stop, last;
  wire [31:0] count;
  always @(posedge clk) begin
    tready <= !rst && !stop;
    if (!rst && moved) $fdisplay(out, "beat %0d %0d %b %h %h", ID, cycle, tlast, tuser, tdata);
  end
  hwgen_stall random (clk, rst, stall, seed, stop);
  hwgen_count #("m", ID, BEATS, FRAMES) counter (
    clk, rst, report, out, cycle, tvalid, tready, complete, moved, count, last);
endmodule

// Compares every beat of an inner stream with a file: "differ ID BEAT CYCLE PAYLOAD" for the first LIMIT that differ.
// A payload that isn't as wide as the type says would be cut or padded on its way here: "width ID BITS".
module hwgen_tap #(
  parameter ID = 0, parameter WIDTH = 8, parameter BEATS = 1, parameter FRAMES = 1, parameter FILE = "",
  parameter LIMIT = 16
) (
  input clk, input rst, input report, input [31:0] out, input [31:0] cycle,
  input valid, input ready, input [WIDTH-1:0] payload, input [31:0] bits, output complete, output moved
);
  reg [WIDTH-1:0] words [0:BEATS*FRAMES-1];
  reg [31:0] differ;
  wire last;
  wire [31:0] count;
  initial $readmemh(FILE, words);
  always @(posedge clk) begin
    if (rst) differ <= 0;
    else begin
      if (moved && (complete || payload !== words[count])) begin
        differ <= differ + 1;
        if (differ < LIMIT) $fdisplay(out, "differ %0d %0d %0d %h", ID, count, cycle, payload);
      end
      if (report) $fdisplay(out, "differing %0d %0d", ID, differ);
      if (report && bits != WIDTH) $fdisplay(out, "width %0d %0d", ID, bits);
    end
  end
  hwgen_count #("t", ID, BEATS, FRAMES) counter (
    clk, rst, report, out, cycle, valid, ready, complete, moved, count, last);
endmodule

// The highest level of a FIFO.
module hwgen_fill #(parameter ID = 0) (input clk, input rst, input report, input [31:0] out, input [31:0] level);
  reg [31:0] most;
  always @(posedge clk) begin
    if (rst) most <= 0;
    else begin
      if (level > most) most <= level;
      if (report) $fdisplay(out, "fill %0d %0d", ID, most);
    end
  end
endmodule
