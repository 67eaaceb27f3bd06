"""The virtual board: the host driver against the whole chip in simulation, and its scores against the integer model."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hwgen.boards.board import ZYNQ, Board
from hwgen.boards.shell import driver
from hwgen.boards.shell.driver import REGISTERS, Accelerator, DriverError, FramesError
from hwgen.boards.shell.shell import emit_shell
from hwgen.chip import host_files
from hwgen.errors import DifferenceError, FrameError, OptionError
from hwgen.frames import Frames, by_input, scores
from hwgen.graph import evaluate
from hwgen.layers.axi import element_bytes
from hwgen.quantize import raw_to_real
from hwgen.sim.tools import find_verilator

Progress = Callable[..., None]
LEAST_QUIET = 5_000  # cycles that nothing may move, on top of those of the network
SHORT = 3  # from so many frames on they run in two batches, a third of them in the first


def check(board: Board) -> None:
    """Raises OptionError for a board that there is no virtual one of, ToolMissing without Verilator or a C++ compiler."""
    if board.shell != ZYNQ:
        raise OptionError(
            f"{board.name} has its host at a serial line; virtual boards are those with a Zynq: leave --virtual away, "
            "or choose another board (see --list-boards)"
        )
    find_verilator()


def board(design, folder: Path, *, progress: Progress | None = None, **options) -> Accelerator:
    """The driver on the virtual board of a compiled network; see `Design.virtual_board`. folder: kept by the design."""
    from hwgen.sim import virtual_board  # with cocotb's runners, which take a while

    check(design.board)
    compiled = design.compiled
    program = folder / "build" / virtual_board.NAME
    if not program.is_file():
        shell = emit_shell(compiled, design.clock_mhz)
        virtual_board.build(shell, compiled.family, folder, progress)
    types = [node.type for node in compiled.hardware.nodes if not node.inputs]
    types += [compiled.hardware[ref.node].type for ref in compiled.hardware.outputs]
    frame = sum(-(-type_.size * element_bytes(type_) // driver.LINE) * driver.LINE for type_ in types)
    options.setdefault("memory", max(1 << 20, -(-frame * driver.SLOTS // 4096) * 4096))
    quiet = 2 * (compiled.timing.interval + compiled.timing.latency) + LEAST_QUIET
    quiet += 4 * options.get("latency", virtual_board.LATENCY)
    machine = virtual_board.VirtualMachine(program, design.clock_mhz * 1e6, quiet=quiet, **options)
    try:
        return Accelerator(machine, host_files.describe(compiled, design.board, design.clock_mhz, design.name))
    except BaseException:
        machine.close()
        raise


def run(design, frames, *, progress: Progress | None = None, **options) -> dict:
    """Frames through the virtual board; what was found, as it stands in report.json under "virtual".

    From three frames on they run in two batches, so that what the second takes longer is the network's interval.
    Raises FrameError, ToolMissing, ToolFailed, and DifferenceError where a score differs or the chip doesn't give any.
    """
    show = progress or (lambda stage, fraction=None: None)
    graph = design.compiled.integer
    raw = design.raw(frames)
    count = len(next(iter(raw.values())))
    if not count:
        raise FrameError("there are no frames to run")
    given = by_input(graph.inputs, frames)
    given = {
        name: np.asarray(given[name]).reshape(count, *graph.frame_shape.get(name, graph[name].type.shape))
        for name in graph.inputs
    }
    values = evaluate(graph, raw)
    wanted = [values[ref.node] for ref in graph.outputs]
    chip = design.virtual_board(progress=progress, **options)
    try:
        machine = chip.machine
        begun, start = machine.cycles, time.perf_counter()
        batches, counters, found = _batches(count), [], []
        for first, last in batches:
            batch = {name: array[first:last] for name, array in given.items()}
            show("virtual board", first / count)
            chip.reset()  # counters too
            part = chip.run(
                batch, raw=True, progress=lambda done, first=first: show("virtual board", (first + done) / count)
            )
            found.append(part if isinstance(part, list) else [part])
            counters.append(_counters(chip))
        seconds, cycles = time.perf_counter() - start, machine.cycles - begun
    except FramesError as error:
        raise FrameError(str(error)) from None
    except DriverError as error:
        raise DifferenceError(f"virtual board: {error}") from None
    finally:
        chip.close()
    outputs = [np.concatenate(parts) for parts in zip(*found)]
    compared = _compare(chip, outputs, wanted)
    interval = None
    if len(batches) == 2:
        (a, b), (c, d) = batches
        interval = (counters[1]["busy"] - counters[0]["busy"]) / ((d - c) - (b - a))
    result = {
        "frames": count,
        "values": compared,
        "clock_mhz": design.clock_mhz,
        "interval_cycles": interval,
        "frames_per_second": None if not interval else round(design.clock_mhz * 1e6 / interval, 1),
        "busy_cycles": sum(one["busy"] for one in counters),
        "starved_cycles": _added([one["starved"] for one in counters]),
        "blocked_cycles": _added([one["blocked"] for one in counters]),
        "fills": [max(fills) for fills in zip(*(one["fills"] for one in counters))],
        "simulated_cycles": cycles,
        "simulated_cycles_per_second": round(cycles / seconds),
        "simulator": find_verilator().version,
    }
    if isinstance(frames, Frames):
        types = [graph[ref.node].type for ref in graph.outputs]
        real = [raw_to_real(type_, array) for type_, array in zip(types, outputs)]
        if (accuracy := scores(frames, real)) is not None:
            result["accuracy"] = accuracy
    return result


def _batches(count: int) -> list[tuple[int, int]]:
    """(first frame, that after the last) of each batch."""
    if count < SHORT:
        return [(0, count)]
    return [(0, count // 3), (count // 3, count)]


def _counters(chip: Accelerator) -> dict:
    """The chip's counters: cycles, and fills, since its reset."""
    read = chip.machine.read
    return {
        "busy": read(REGISTERS["BUSY_CYCLES"]),
        "starved": {channel.name: read(channel.offsets["STARVED"]) for channel in chip.inputs},
        "blocked": {channel.name: read(channel.offsets["BLOCKED"]) for channel in chip.outputs},
        "fills": chip.fills(),
    }


def _added(counts: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(one[name] for one in counts) for name in counts[0]}


def _compare(chip: Accelerator, outputs: list[np.ndarray], wanted: list[np.ndarray]) -> int:
    """How many values are equal, all of them; DifferenceError names the first that isn't."""
    for channel, got, expected in zip(chip.outputs, outputs, wanted):
        got, expected = got.reshape(len(got), -1), expected.reshape(len(expected), -1)
        wrong = np.argwhere(got != expected)
        if len(wrong):
            frame, at = map(int, wrong[0])
            raise DifferenceError(
                f"virtual board: output {channel.name!r} of frame {frame} has {int(got[frame, at])} at value {at}, "
                f"the integer model {int(expected[frame, at])} (raw); {len(wrong):,} of {got.size:,} values differ"
            )
    return sum(array.size for array in wanted)


def entry(design) -> dict:
    """The part of report.json, nothing where there was no virtual board."""
    return {} if design.virtual is None else {"virtual": design.virtual}


def summary(report: dict) -> list[str]:
    """The lines for the terminal."""
    if "virtual" not in report:
        return []
    found = report["virtual"]
    text = (
        f"virtual board: {found['frames']} frames through driver, registers and DMA, {found['values']:,} scores equal"
    )
    if found["interval_cycles"]:
        text += f"; {found['interval_cycles']:,.10g} cycles a frame = {found['frames_per_second']:,.0f} frames/s"
        text += f" at {found['clock_mhz']:g} MHz"
    for what, counts in (("starved", found["starved_cycles"]), ("blocked", found["blocked_cycles"])):
        text += f", {what} " + " + ".join(f"{cycles:,}" for cycles in counts.values())
    text += f" cycles ({found['simulator']}, {found['simulated_cycles_per_second']:,} cycles/s)"
    lines = [text]
    accuracy = found.get("accuracy", {})
    parts = [f"{name} {100 * value:.1f} %" for name, value in accuracy.items() if isinstance(value, float)]
    if parts:
        lines.append(f"accuracy on the virtual board: {', '.join(parts)} on {accuracy['frames']} labelled frames")
    return lines
