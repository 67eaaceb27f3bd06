"""hwgen from Python: compile a model, then evaluate, simulate, synthesize, report, write.

import hwgen
design = hwgen.compile("model.h5", board="zybo")
scores = design.evaluate(frames)          # the integer model
result = design.simulate(frames)          # the Verilog, every stream compared; raises DifferenceError
design.write("build/model")
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwgen import boards, compiler, design_folder, report
from hwgen.chip import limits
from hwgen.errors import OptionError
from hwgen.frames import Frames, by_input, scores
from hwgen.graph import evaluate
from hwgen.passes.emit import emit
from hwgen.quantize import InputType, frames_to_raw, raw_to_real
from hwgen.tradeoff import pareto

Progress = Callable[..., None]
NETLIST = "netlist.json"

__all__ = ["Design", "compile", "pareto"]


def compile(
    model,
    board: str = "zybo",
    *,
    weights: str | Path | None = None,
    input_type: InputType = None,
    fps: float | None = None,
    interval: int | None = None,
    clock_mhz: float | None = None,
    toolchain: str | None = None,
    dump_ir: str | Path | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Design:
    """Compiles a QKeras model for a board.

    model:      path of a .h5 or .keras file, or of what model.to_json() returned, or a Keras model in memory.
    weights:    path of the weights of a model whose architecture is JSON.
    board:      a name in `hwgen.boards.BOARDS`.
    input_type: 'ufixed<8,0>' or 'fixed<8,1>' (total bits, integer bits with the sign), where the model doesn't say it; a
                dict of them by input, where a model has several that differ.
    fps, interval: the rate to reach, as frames a second at the clock or as cycles a frame; by default the highest that
                fits the board by the estimate.
    clock_mhz:  the clock to report for; the board's own by default.
    toolchain:  fold within what this toolchain can place on the board (`hwgen.chip.limits`), for a bitstream by it.
    Raises a subclass of `hwgen.errors.HwgenError`.
    """
    target = limits.placeable(boards.find(board), toolchain)
    clock = boards.clock(target, clock_mhz)
    if fps is not None:
        if interval is not None:
            raise OptionError("give --fps or --interval, not both")
        if not fps > 0:
            raise OptionError(f"frames per second must be positive, not {fps:g}")
        interval = int(clock * 1e6 / fps)
    if interval is not None and interval < 1:
        raise OptionError(f"interval must be at least 1 cycle, not {interval}")
    compiled = compiler.run(
        model,
        target,
        weights=weights,
        input_type=input_type,
        interval=interval,
        dump_ir=None if dump_ir is None else Path(dump_ir),
        progress=progress,
    )
    name = Path(model).stem if isinstance(model, (str, Path)) else compiled.integer.name
    return Design(name, target, clock, compiled)


class Design:
    """A compiled network. `compiled` holds the graphs of `hwgen.compiler`; the rest is computed on demand."""

    def __init__(self, name: str, board: boards.Board, clock_mhz: float, compiled: compiler.Compiled):
        self.name, self.board, self.clock_mhz, self.compiled = name, board, clock_mhz, compiled
        self.simulated = None
        self.recorded = None
        self.synthesized = None
        self.placed = None
        self.chip = None
        self.chip_scripts: dict[str, str] = {}
        self.virtual: dict | None = None
        self._virtual: Path | None = None
        self.accuracy: dict | None = None
        self._kept: dict[str, Path] = {}
        self._scratch: Path | None = None

    def _workdir(self) -> Path:
        """A new working folder for a tool; gone with the design."""
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="hwgen-"))
            weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self._scratch))

    # --- the integer model --------------------------------------------------------------------------------------

    def evaluate(self, frames) -> np.ndarray | list[np.ndarray]:
        """The outputs before any softmax, as `model.predict` would give them; a list where there are several.

        frames: real values, (n, ...) as the model takes them; where it has several inputs a list in its order, or a dict
        by their names. Raises FrameError.
        """
        graph = self.compiled.integer
        values = evaluate(graph, self.raw(frames))
        outputs = [self._real(graph, ref, values[ref.node]) for ref in graph.outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def raw(self, frames) -> dict[str, np.ndarray]:
        """Frames, as `evaluate` takes them, as raw integers by input node."""
        graph = self.compiled.integer
        found = by_input(graph.inputs, frames)
        return {name: frames_to_raw(graph, found[name], name) for name in graph.inputs}

    def _real(self, graph, ref, raw: np.ndarray) -> np.ndarray:
        type_ = graph[ref.node].type
        return raw_to_real(type_, raw).reshape(-1, *graph.frame_shape.get(ref.node, type_.shape))

    # --- the hardware -------------------------------------------------------------------------------------------

    @property
    def verilog(self) -> str:
        return self.compiled.emitted.text

    def simulate(
        self,
        frames,
        *,
        layer: str | None = None,
        simulator: str = "auto",
        stalls: float = 0.0,
        seed: int = 0,
        waves: bool = False,
        activity: bool = False,
        progress: Progress | None = None,
    ):
        """Runs the Verilog under cocotb, frame behind frame, and compares every block's stream with the integer model.

        frames: as `evaluate` takes them, two or more for a steady interval, or `hwgen.frames.Frames` with labels and
        expected outputs.
        activity: record how often every net changes, with Verilator: the report then has an estimate of power, and `write`
        keeps sim/activity.saif.
        layer: simulate this Keras layer alone, on what the integer model feeds it. Returns a SimResult, whose
        `outputs` are
        real values by output name. Raises DifferenceError that names the first difference, FrameError, ToolMissing.
        """
        from hwgen import verification
        from hwgen.power import measure

        if activity:
            measure.check(self.board, layer)
        graph = self.compiled.hardware
        raw = self.raw(frames)
        values = evaluate(graph, raw)
        if layer is not None:
            graph, raw = verification.layer_alone(graph, layer, values)
            values = evaluate(graph, raw)
        workdir = self._workdir()
        show = progress or (lambda stage, fraction=None: None)
        show("writing Verilog")
        emitted = self.compiled.emitted if layer is None else emit(graph, self.board.family)
        result = verification.simulate(
            graph,
            raw,
            values,
            workdir,
            emitted,
            simulator=simulator,
            stalls=stalls,
            seed=seed,
            waves=waves,
            activity=activity,
            progress=progress,
        )
        self._kept["sim"] = workdir
        self.recorded = measure.record(self, workdir) if activity else None
        names = [ref.node for ref in graph.outputs]
        shapes = self._output_shapes() if layer is None else {}
        real = {name: raw_to_real(graph[name].type, result.outputs[name]) for name in names}
        real = {name: array.reshape(-1, *shapes.get(name, array.shape[1:])) for name, array in real.items()}
        result = replace(result, outputs=real)
        if layer is None:
            self.simulated = result
            if isinstance(frames, Frames):
                self.accuracy = scores(frames, list(real.values()))
        return result.check()

    def virtual_board(self, *, progress: Progress | None = None, **options):
        """The host driver on the whole chip in simulation: a `hwgen.boards.shell.driver.Accelerator`. Close it.

        options: memory (bytes), latency of memory (cycles), pauses (the share of cycles in which each channel of memory
        moves nothing, at random) and seed. Raises OptionError for boards without a Zynq, ToolMissing, ToolFailed.
        """
        from hwgen import virtual

        if self._virtual is None:
            self._virtual = self._workdir()
        return virtual.board(self, self._virtual, progress=progress, **options)

    def run_virtual(self, frames, *, progress: Progress | None = None, **options) -> dict:
        """Frames through the virtual board; every score is compared. Returns "virtual" of report.json. DifferenceError."""
        from hwgen import virtual

        self.virtual = virtual.run(self, frames, progress=progress, **options)
        return self.virtual

    def _output_shapes(self) -> dict[str, tuple[int, ...]]:
        """Sink -> the shape of a frame of that output as the model gives it."""
        integer = self.compiled.integer
        sinks = [ref.node for ref in self.compiled.hardware.outputs]
        return {
            sink: integer.frame_shape.get(ref.node, integer[ref.node].type.shape)
            for sink, ref in zip(sinks, integer.outputs)
        }

    def synthesize(self, *, netlist: bool = False, progress: Progress | None = None):
        """Runs Yosys on the Verilog. Returns a SynthResult with measured resources, whole and by block.

        netlist: also write the flat netlist that `place` takes.
        """
        from hwgen import synth

        workdir = self._workdir()
        source = workdir / f"{self.compiled.emitted.top}.v"
        source.write_text(self.verilog, encoding="utf-8")
        self.synthesized = synth.synthesize(
            [source],
            self.compiled.emitted.top,
            workdir,
            family=self.board.family,
            progress=progress,
            netlist=workdir / NETLIST if netlist else None,
        )
        self._kept["synth"] = workdir
        return self.synthesized

    def place(self, *, limit_s: float | None = None, progress: Progress | None = None):
        """Places and routes the synthesized network with nextpnr. Returns a PlaceResult with the clock that it reached.

        limit_s: seconds after which it is given up; an hour by default. A placement that failed is a result, not an error.
        Raises ToolMissing without nextpnr for Xilinx, OptionError for a board that it isn't for, ToolFailed where it crashes;
        `write` then keeps its log.
        """
        from hwgen import place

        tool = place.find(self.board)
        if self.synthesized is None or not (self._kept["synth"] / NETLIST).exists():
            self.synthesize(netlist=True, progress=progress)
        self.placed = place.place(
            tool,
            self._kept["synth"] / NETLIST,
            self.board,
            self.clock_mhz,
            self._kept["synth"],
            self.compiled.emitted.instances.values(),
            limit_s=place.LIMIT_S if limit_s is None else limit_s,
            progress=progress,
        )
        return self.placed

    def bitstream(self, toolchain: str = "open", *, folder: str | Path | None = None, progress: Progress | None = None):
        """Makes the bitstream of the whole chip. Returns a `hwgen.chip.chip.Bitstream`; `write` puts it into chip/.

        folder: keeps what is done, so that a run that was broken off goes on there. Raises OptionError for a board that the
        toolchain isn't for, ToolMissing, ToolFailed, DoesNotFit where the chip can't be placed or misses its clock.
        """
        from hwgen.chip import build

        show = progress or (lambda stage, fraction=None: None)
        work = self._workdir() if folder is None else Path(folder)
        self.chip = build.build(
            self.compiled, self.board, self.clock_mhz, toolchain, work, show, activity=self._activity()
        )
        return self.chip

    def scripts(self, toolchain: str = "vivado") -> dict[str, str]:
        """The files that Vivado makes the bitstream from on any machine, by name; `write` puts them into chip/."""
        from hwgen.chip import build

        self.chip_scripts = build.scripts(self.compiled, self.board, self.clock_mhz, toolchain, self._activity())
        return self.chip_scripts

    def _activity(self) -> Path | None:
        """The SAIF of a simulation that recorded it."""
        return None if self.recorded is None else self._kept["sim"] / "activity.saif"

    # --- what comes out -----------------------------------------------------------------------------------------

    def report(self) -> dict:
        """Everything that is known so far, as in report.json."""
        return report.build(self)

    def write(self, folder: str | Path) -> Path:
        """Writes rtl/, sim/, synth/, report.json and report.html; the folder appears whole or not at all. Raises OutputError."""
        return design_folder.write(self, Path(folder), self._kept)
