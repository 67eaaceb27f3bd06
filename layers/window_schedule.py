"""When a row ring takes and gives each beat: max-plus, row by row, vectorised within a row.

Writing waits for rows to be released, reading for pixels to be written. Both only ever look back, so one walk over the
output rows settles everything.
"""

from __future__ import annotations

import numpy as np

from hwgen.layers.window_plan import CREDIT_BACK, TO_ISSUE, TO_RELEASE, RingPlan
from hwgen.layers.window_shift import Raster

LONG_AGO = -(2**62)
_FRAMES = 5  # by then the pace is steady


def ring_schedule(
    plan: RingPlan, raster: Raster | None, arrivals: np.ndarray, pace: int
) -> tuple[np.ndarray, np.ndarray]:
    """(taken, emitted) of a window, as in `Block.schedule`. raster: given where a shift register follows the ring.

    pace: cycles that the consumer takes for a beat; then `emitted` is when it can take each.
    """
    writer = _Writer(plan, arrivals)
    consumer = _Boxes(plan, pace) if raster is None else _Columns(plan, raster, pace)
    needed_beats = (plan.needed_columns + 1) * plan.groups - 1
    spacing = np.arange(plan.count) * plan.beats
    next_read = 0
    emitted = []
    for frame in range(len(arrivals) // plan.writes):
        for row in range(plan.out_rows):
            there = writer.row_at(frame * plan.height + int(plan.needed_rows[row]))[needed_beats] + TO_ISSUE
            there[0] = max(there[0], next_read)
            starts = np.maximum.accumulate(there - spacing) + spacing
            emitted.append(consumer.take(starts, row))
            last = max(int(starts[-1]) + plan.beats - 1, consumer.last_credit)
            next_read = last + 1
            writer.release(plan.released[row], last + TO_RELEASE)
    writer.finish()
    return writer.taken.reshape(-1), np.concatenate(emitted)


def ring_interval(plan: RingPlan, raster: Raster | None, pace: int) -> int:
    """Cycles a frame in the steady state, where input is always there: `ring_schedule` with one number a row.

    Exact for boxes straight out of the ring and a consumer that takes a beat a cycle; else but for what a few beats in
    a FIFO make of a frame's end.
    """
    width, reads, tail = plan.width * plan.groups, plan.count * plan.beats, 0
    # The end of a row, counted from the first write to the last row that it needs: of reading, and of consuming.
    there = (plan.needed_columns + 1) * plan.groups - 1 + TO_ISSUE
    left = (plan.count - np.arange(plan.count)) * plan.beats
    read_behind, behind, row_cycles = int((there + left).max()), int((there + left * pace).max()), reads * pace
    if raster is not None:
        each, tail = max(pace, raster.stride), raster.tail * pace
        row_cycles = max(raster.columns, (raster.windows - 1) * each + max(pace, raster.columns - raster.span))
        ends = there[np.minimum(raster.ends, raster.columns - 1)]
        behind = max(read_behind, int((ends + np.arange(raster.windows, 0, -1) * each).max()))
    ahead = plan.fifo_depth * row_cycles // reads + plan.first_valid
    needed, released = plan.needed_rows.tolist(), plan.released
    allowed, starts = [0] * plan.slots, []
    read = consumed = next_write = 0
    ends = []
    for frame in range(_FRAMES):
        for row in range(plan.out_rows):
            last = frame * plan.height + needed[row]
            while len(starts) <= last:
                starts.append(max(next_write, allowed[len(starts)]))
                next_write = starts[-1] + width
            consumed = max(consumed + row_cycles, starts[last] + behind + plan.first_valid)
            read = max(read + reads, starts[last] + read_behind, consumed - ahead)
            allowed += [read - 1 + TO_RELEASE] * released[row]
        consumed += tail
        ends.append(consumed)
    return ends[-1] - ends[-2]


def stream_schedule(needs: np.ndarray, kept: np.ndarray, raster: Raster, arrivals: np.ndarray, pace: int):
    """(taken, emitted) of a shift register fed by the stream itself. kept: which beats of a frame go into it.

    needs: for each window the beat that completes it; a frame's last windows, pushed out by empty columns, name its
    last column.
    """
    frames = len(arrivals) // len(kept)
    # Least cycles since the beat before: windows `pace` apart, and behind a frame's last column the empty ones.
    spacing = np.ones(len(kept), dtype=np.int64)
    completing = np.unique(needs[: len(needs) - raster.tail_windows])
    spacing[completing[1:]] = np.maximum(1, pace - np.diff(completing) + 1)
    last, last_column = raster.tail_windows, int(np.flatnonzero(kept)[-1])
    pushed, turns = raster.ends[len(raster.ends) - last :] - raster.columns + 1, np.arange(last) * pace
    emptying = int((pushed + turns[::-1]).max(initial=0))
    if last and len(completing):
        emptying = max(emptying, last * pace - (last_column - int(completing[-1])))
    spacing[0] = max(1, 1 + emptying - (len(kept) - 1 - last_column))
    spacing = np.tile(spacing, frames)
    steps = np.cumsum(spacing)
    taken = np.maximum.accumulate(arrivals - steps) + steps
    emitted = taken.reshape(frames, -1)[:, needs] + 1
    if last:
        due = emitted[:, -last:] + pushed
        if len(needs) > last:
            due[:, 0] = np.maximum(due[:, 0], emitted[:, -last - 1] + pace)
        emitted[:, -last:] = np.maximum.accumulate(due - turns, axis=1) + turns
    return taken, emitted.reshape(-1)


class _Writer:
    """Rows going into the ring."""

    def __init__(self, plan: RingPlan, arrivals: np.ndarray):
        self.arrivals = arrivals.reshape(-1, plan.width * plan.groups)
        self.taken = np.empty_like(self.arrivals)
        self.allowed = [0] * plan.slots  # for each row the cycle from which its slot is free
        self.written, self.next = 0, 0
        self.steps = np.arange(plan.width * plan.groups)

    def row_at(self, row: int) -> np.ndarray:
        """The cycles in which a row's beats are taken; rows before it are taken on the way."""
        while self.written <= row:
            there = self.arrivals[self.written] - self.steps
            there[0] = max(there[0], self.next, self.allowed[self.written])
            times = self.taken[self.written] = np.maximum.accumulate(there) + self.steps
            self.next = int(times[-1]) + 1
            self.written += 1
        return self.taken[row]

    def release(self, rows: int, cycle: int) -> None:
        self.allowed += [cycle] * rows

    def finish(self) -> None:
        self.row_at(len(self.arrivals) - 1)


class _Boxes:
    """Boxes straight out of the ring."""

    def __init__(self, plan: RingPlan, pace: int):
        self.plan, self.pace = plan, pace
        self.next, self.last_credit = 0, LONG_AGO
        self.recent = np.full(plan.fifo_depth + 1, LONG_AGO)  # when the last boxes left the FIFO
        self.steps = np.arange(plan.count) * plan.beats * pace
        self.within = np.arange(plan.beats) * pace

    def take(self, starts: np.ndarray, row: int) -> np.ndarray:
        plan = self.plan
        valid = starts + plan.first_valid
        if self.pace > 1:
            valid[0] = max(valid[0], self.next)
            valid = np.maximum.accumulate(valid - self.steps) + self.steps
        times = (valid[:, None] + self.within).reshape(-1)
        self.next = int(times[-1]) + self.pace
        self.recent = np.concatenate([self.recent, times[-len(self.recent) :]])[-len(self.recent) :]
        self.last_credit = int(self.recent[0]) + self.pace - 1 + CREDIT_BACK
        return times


class _Columns:
    """Columns out of the ring, through a shift register."""

    def __init__(self, plan: RingPlan, raster: Raster, pace: int):
        self.plan, self.columns = plan, Columns(raster, plan.out_rows, pace)
        self.last_credit = LONG_AGO
        self.recent = np.full(plan.fifo_depth + 1, LONG_AGO)  # the last columns that left the FIFO

    def take(self, starts: np.ndarray, row: int) -> np.ndarray:
        times, emitted = self.columns.take(starts + self.plan.first_valid, row)
        self.recent = np.concatenate([self.recent, times])[-len(self.recent) :]
        self.last_credit = int(self.recent[0]) + CREDIT_BACK
        return emitted


class Columns:
    """A shift register: columns in, windows out, row by row."""

    def __init__(self, raster: Raster, out_rows: int, pace: int):
        self.raster, self.out_rows, self.pace = raster, out_rows, pace
        self.next, self.last_window = 0, LONG_AGO
        self.steps = np.arange(raster.columns + raster.tail)
        ends = raster.ends
        within = ends < raster.columns
        self.patterns = {
            (first, last): np.concatenate(
                [[] if first else ends[~within] - raster.columns, ends if last else ends[within]]
            ).astype(int)
            for first in (False, True)
            for last in (False, True)
        }

    def take(self, valid: np.ndarray, row: int) -> tuple[np.ndarray, np.ndarray]:
        """(when the columns of a row are taken, when its windows are there), given from when each is offered."""
        raster = self.raster
        last = row == self.out_rows - 1
        windows = self.patterns[row == 0, last]
        if last and raster.tail:
            valid = np.concatenate([valid, np.zeros(raster.tail, dtype=np.int64)])
        steps = self.steps[: len(valid)]
        early = valid - steps
        early[0] = max(early[0], self.next)
        early = np.maximum.accumulate(early)
        if self.pace > 1 and len(windows):
            # A window waits until the one before it was taken, and holds up the columns behind it.
            weights = np.maximum(np.diff(windows, prepend=windows[0]), self.pace).cumsum()
            held = early[windows] + windows - weights
            held[0] = max(held[0], self.last_window + self.pace - weights[0])
            held = np.maximum.accumulate(held) + weights
            late = np.full(len(valid), LONG_AGO)
            late[windows] = held - windows
            early = np.maximum(early, np.maximum.accumulate(late))
            self.last_window = int(held[-1])
        times = early + steps
        self.next = int(times[-1]) + 1
        return times[: raster.columns], times[windows] + 1
