"""What a simulation saw: outputs, cycles, and every place where hardware and integer model differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hwgen.errors import DifferenceError
from hwgen.sim.bench import Axi, Bench, Tap
from hwgen.sim.memory import read_word


@dataclass(frozen=True)
class Difference:
    """One value that differs. seen is None where the simulator saw unknown bits, expected None for a surplus beat.

    cycle counts from reset; (frame, row, column, channel) count from 0.
    """

    frame: int
    layer: str
    node: str
    channel: int
    row: int
    column: int
    cycle: int
    expected: int | None
    seen: int | None

    def __str__(self) -> str:
        expected = "nothing" if self.expected is None else self.expected
        seen = "x" if self.seen is None else self.seen
        return (
            f"frame {self.frame}, layer {self.layer!r} ({self.node}), channel {self.channel}, row {self.row}, "
            f"column {self.column}, cycle {self.cycle}: expected {expected}, seen {seen}"
        )


@dataclass
class SimResult:
    """outputs: output name -> raw int64 (frames, H, W, C). top1: output name -> (frames,), where the output has it.

    first_in, last_in, first_out, last_out: (frames,) the cycle of a frame's first and last transfer over all inputs or
    outputs. last_seen: tap name -> (frames,) the cycle of each frame's last transfer there. Cycles count from reset.
    waited: source or tap name -> cycles in which a beat was offered there and not taken, in the whole run.
    compared: values compared, over all taps and outputs.
    fills: FIFO name -> highest level. mismatches: in order of cycle, at most 16 beats a tap; `mismatched` counts the
    beats of all.
    """

    frames: int
    outputs: dict[str, np.ndarray]
    top1: dict[str, np.ndarray]
    first_in: np.ndarray
    last_in: np.ndarray
    first_out: np.ndarray
    last_out: np.ndarray
    cycles: int
    compared: int
    mismatched: int
    mismatches: list[Difference]
    fills: dict[str, int]
    simulator: str = ""
    last_seen: dict[str, np.ndarray] = field(default_factory=dict)
    waited: dict[str, int] = field(default_factory=dict)
    build_seconds: float = 0.0
    run_seconds: float = 0.0

    @property
    def interval_cycles(self) -> int | None:
        """Cycles between the last outputs of the last two frames; None for a single frame."""
        return int(self.last_out[-1] - self.last_out[-2]) if self.frames > 1 else None

    @property
    def latency_cycles(self) -> int:
        """Cycles from the first pixel of frame 0 going in to its last score coming out."""
        return int(self.last_out[0] - self.first_in[0])

    @property
    def cycles_per_second(self) -> float:
        return self.cycles / self.run_seconds if self.run_seconds else 0.0

    def check(self) -> SimResult:
        """Itself, or DifferenceError naming the first difference."""
        if self.mismatches:
            more = f" ({self.mismatched} beats differ in all)" if self.mismatched > 1 else ""
            raise DifferenceError(f"hardware and integer model differ at {self.mismatches[0]}{more}")
        return self


@dataclass
class _Raw:
    """The lines that the bench wrote, by kind. Streams go by (kind, number): ("s", 0), ("m", 0), ("t", 3)."""

    status: str = ""
    cycles: int = 0
    errors: list[int] = field(default_factory=list)
    frame: dict[tuple[str, int], list[tuple[int, int]]] = field(default_factory=dict)  # (first, last) cycle of each
    end: dict[tuple[str, int], tuple[int, str, str]] = field(default_factory=dict)  # beats, valid, ready
    waited: dict[tuple[str, int], int] = field(default_factory=dict)
    beat: dict[int, list[tuple[int, str, str, str]]] = field(default_factory=dict)
    differ: dict[int, list[tuple[int, int, str]]] = field(default_factory=dict)
    differing: dict[int, int] = field(default_factory=dict)
    fill: dict[int, int] = field(default_factory=dict)
    width: dict[int, int] = field(default_factory=dict)


def _read(path: Path) -> _Raw:
    raw = _Raw()
    with open(path) as file:
        for line in file:
            match line.split():
                case ["beat", k, cycle, last, user, data]:
                    raw.beat.setdefault(int(k), []).append((int(cycle), last, user, data))
                case ["frame", kind, k, _, first, last]:
                    raw.frame.setdefault((kind, int(k)), []).append((int(first), int(last)))
                case ["end", kind, k, count, valid, ready, waited]:
                    raw.end[kind, int(k)] = (int(count), valid, ready)
                    raw.waited[kind, int(k)] = int(waited)
                case ["differ", k, beat, cycle, payload]:
                    raw.differ.setdefault(int(k), []).append((int(beat), int(cycle), payload))
                case ["differing", k, count]:
                    raw.differing[int(k)] = int(count)
                case ["fill", k, level]:
                    raw.fill[int(k)] = int(level)
                case ["width", k, bits]:
                    raw.width[int(k)] = int(bits)
                case ["error", cycle]:
                    raw.errors.append(int(cycle))
                case ["status", status]:
                    raw.status = status
                case ["cycles", cycles]:
                    raw.cycles = int(cycles)
                case _:
                    raise ValueError(f"{path}: not a line of the bench: {line!r}")
    return raw


def read_results(path: Path, bench: Bench, frames: int, expected: Mapping[str, np.ndarray], limits: str) -> SimResult:
    """Reads what the bench wrote. Raises DifferenceError where it didn't end: it hung, or reported a frame error.

    limits: the deadlines of the run, for the message.
    """
    raw = _read(path)
    for k, bits in raw.width.items():
        tap = bench.taps[k]
        raise DifferenceError(f"stream {tap.name!r} (layer {tap.layer!r}) is {bits} bits wide, not {tap.width}")
    found: list[Difference] = []
    for k, tap in enumerate(bench.taps):
        for beat, cycle, payload in raw.differ.get(k, []):
            seen = read_word(payload, tap.lanes, tap.type.width, tap.type.signed)
            found += _compare(tap, expected[tap.name], beat, cycle, seen)
    mismatched = sum(raw.differing.values())
    outputs, top1 = {}, {}
    for k, sink in enumerate(bench.sinks):
        outputs[sink.name], bad = _collect(sink, raw.beat.get(k, []), frames, expected.get(sink.name))
        mismatched += len({difference.cycle for difference in bad})
        found += bad
    found.sort(key=lambda difference: difference.cycle)
    if raw.errors:
        raise DifferenceError(
            f"the network reported a frame error (TLAST out of place) in cycle {raw.errors[0]}{_first(found)}"
        )
    if raw.status != "complete":
        raise DifferenceError(f"the hardware hangs: {_hang(raw, bench, frames, limits)}{_first(found)}")
    for k, sink in enumerate(bench.sinks):
        _check_last(sink, raw.beat[k])
        if sink.top1:
            top1[sink.name] = np.array(
                [int(user, 16) for _, _, user, _ in raw.beat[k][sink.beats - 1 :: sink.beats]][:frames]
            )
            bad = _check_top1(sink, outputs[sink.name], top1[sink.name], raw.frame["m", k])
            mismatched += len(bad)
            found += bad

    def edge(kind: str, side: int, pick) -> np.ndarray:
        return pick(
            [[frame[side] for frame in times[:frames]] for key, times in raw.frame.items() if key[0] == kind], axis=0
        )

    return SimResult(
        frames=frames,
        outputs=outputs,
        top1=top1,
        first_in=edge("s", 0, np.min),
        last_in=edge("s", 1, np.max),
        first_out=edge("m", 0, np.min),
        last_out=edge("m", 1, np.max),
        cycles=raw.cycles,
        compared=frames * sum(t.type.size for t in (*bench.taps, *bench.sinks) if t.name in expected),
        mismatched=mismatched,
        mismatches=found,
        fills={fill.name: raw.fill[k] for k, fill in enumerate(bench.fills)},
        last_seen={
            tap.name: np.array([last for _, last in raw.frame["t", k][:frames]]) for k, tap in enumerate(bench.taps)
        },
        waited={
            stream.name: raw.waited[kind, k]
            for kind, streams in (("s", bench.sources), ("t", bench.taps))
            for k, stream in enumerate(streams)
        },
    )


def _compare(
    stream: Tap | Axi, expected: np.ndarray, beat: int, cycle: int, seen: list[int | None]
) -> list[Difference]:
    """The differing values of one beat."""
    frame, index = divmod(beat, stream.beats)
    differences = []
    for lane, value in enumerate(seen):
        row, column, channel = map(int, np.unravel_index(index * stream.lanes + lane, stream.type.shape))
        wanted = int(expected[frame, row, column, channel]) if frame < len(expected) else None
        if value != wanted or wanted is None:
            differences.append(
                Difference(frame, stream.layer or stream.name, stream.name, channel, row, column, cycle, wanted, value)
            )
    return differences


def _collect(sink: Axi, beats, frames: int, expected: np.ndarray | None) -> tuple[np.ndarray, list[Difference]]:
    """The frames of an output (what never came is 0), and where they differ."""
    output = np.zeros((frames * sink.beats, sink.lanes), dtype=np.int64)
    differences = []
    for number, (cycle, _, _, data) in enumerate(beats):
        # Whole bytes, sign-extended: wrong high bits must show, so read the element, not the value's width.
        seen = read_word(data, sink.lanes, sink.element_bits, sink.type.signed)
        surplus = number >= len(output)
        if not surplus:
            output[number] = [0 if value is None else value for value in seen]
        if surplus and expected is None:
            expected = np.zeros((0, *sink.type.shape))
        if expected is not None:
            differences += _compare(sink, expected, number, cycle, seen)
    return output.reshape(frames, *sink.type.shape), differences


def _check_last(sink: Axi, beats) -> None:
    for number, (cycle, last, _, _) in enumerate(beats):
        wanted = "1" if number % sink.beats == sink.beats - 1 else "0"
        if last != wanted:
            raise DifferenceError(
                f"output {sink.name!r}: TLAST is {last}, not {wanted}, in beat {number} (cycle {cycle})"
            )


def _check_top1(sink: Axi, output: np.ndarray, top1: np.ndarray, times) -> list[Difference]:
    """The index in TUSER must be that of the first of the highest scores."""
    wanted = output.reshape(len(output), -1).argmax(axis=1)
    return [
        Difference(frame, sink.layer or sink.name, f"{sink.name} top-1", 0, 0, 0, times[frame][1], int(w), int(s))
        for frame, (w, s) in enumerate(zip(wanted, top1))
        if w != s
    ]


def _first(found: list[Difference]) -> str:
    return f"; the first difference before: {found[0]}" if found else ""


def _hang(raw: _Raw, bench: Bench, frames: int, limits: str) -> str:
    """One line: the deadline, the stuck block, and every stream that didn't get all its beats."""
    streams = [("s", k, s) for k, s in enumerate(bench.sources)]
    streams += [("t", k, t) for k, t in enumerate(bench.taps)] + [("m", k, s) for k, s in enumerate(bench.sinks)]
    short, stuck = [], None
    for kind, k, stream in streams:
        count, valid, ready = raw.end.get((kind, k), (0, "?", "?"))
        wanted = frames * stream.beats
        if count < wanted:
            waits = "offered, not taken" if valid == "1" else "nothing offered"
            short.append(f"{stream.name} {count} of {wanted} beats ({waits})")
            # Behind the first stream that starves, everything starves; before it, everything is held up.
            if valid != "1" and stuck is None:
                stuck = stream.name
    where = f"the first block that gives nothing is {stuck}; " if stuck else ""
    reason = f"{limits}, stopped in cycle {raw.cycles}" if raw.status else "the simulation ended early"
    return f"{reason}; {where}{', '.join(short) or 'every stream is complete'}"
