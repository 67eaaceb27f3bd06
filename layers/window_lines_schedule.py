"""When a window behind delay lines takes and gives each beat: max-plus, vectorised over the steps of a frame.

The lines take a step for every pixel and for every one of the padding below the frame. A step that completes a window
waits until the one before it was taken, and all later steps wait behind it.
"""

from __future__ import annotations

import numpy as np

from hwgen.layers.window_lines import LinePlan
from hwgen.layers.window_schedule import Columns
from hwgen.layers.window_shift import Raster

LONG_AGO = -(2**62)
THROUGH_QUEUE = 2  # cycles from a column's push into the queue until the shift register can take it
_FRAMES = 5  # by then the pace is steady


def line_needs(plan: LinePlan, raster: Raster) -> np.ndarray:
    """(windows a frame,): the pixel of the frame that completes each window, the last one for those in padding."""
    at = np.arange(plan.out_rows)[:, None] + raster.ends // plan.width
    pixels = plan.kept[np.minimum(at, plan.out_rows - 1)] * plan.width + raster.ends % plan.width
    ended = plan.kept[-1] * plan.width + plan.width - 1
    return np.minimum(np.where(at == plan.out_rows, ended, pixels), plan.height * plan.width - 1).reshape(-1)


def line_interval(plan: LinePlan, raster: Raster, pace: int) -> int:
    """Cycles a frame in the steady state, where input is always there and a consumer takes `pace` cycles a window."""
    if plan.waiting:
        arrivals = np.full(_FRAMES * plan.height * plan.width, LONG_AGO // 2, dtype=np.int64)
        _, emitted = line_schedule(plan, raster, arrivals, pace)
        windows = plan.out_rows * raster.windows
        return int(emitted[-1] - emitted[-1 - windows])
    steps = _window_steps(plan.kept, plan.width, raster)
    apart = int(np.maximum(np.diff(steps), pace).sum())
    ended = int(plan.kept[-1]) * plan.width + plan.width - 1
    again = plan.passed * plan.width + int(steps[0]) - int(steps[-1])
    emptied = _empty(ended, int(steps[-1]), _pushed(raster), raster.tail, pace)[1] - int(steps[-1]) + 1 + raster.begin
    return apart + max(pace, again, emptied if raster.tail else 0)


def line_schedule(plan: LinePlan, raster: Raster, arrivals: np.ndarray, pace: int) -> tuple[np.ndarray, np.ndarray]:
    """(taken, emitted) of a window, as in `Block.schedule`; with a slow consumer `emitted` is when it can take each."""
    frames = arrivals.reshape(-1, plan.height * plan.width)
    walk = _Queued(plan, raster, pace) if plan.waiting else _Coupled(plan, raster, pace)
    below = np.full((plan.passed - plan.height) * plan.width, LONG_AGO, dtype=np.int64)
    results = [walk.frame(np.concatenate([frame, below])) for frame in frames]
    taken = np.concatenate([taken[: plan.height * plan.width] for taken, _ in results])
    return taken, np.concatenate([emitted for _, emitted in results])


def _window_steps(kept: np.ndarray, width: int, raster: Raster) -> np.ndarray:
    """The steps that complete windows, but for those that empty columns complete."""
    row, behind = np.arange(len(kept))[:, None], raster.ends // width
    inside = np.broadcast_to(row + behind < len(kept), (len(kept), raster.windows))
    at = kept[np.minimum(row + behind, len(kept) - 1)] * width + raster.ends % width
    return at[inside]


def _pushed(raster: Raster) -> np.ndarray:
    """How many empty columns complete each of the windows that need some."""
    return raster.ends[len(raster.ends) - raster.tail_windows :] - raster.columns + 1


def _empty(ended: int, last: int, pushed: np.ndarray, tail: int, pace: int) -> tuple[np.ndarray, int]:
    """(cycles of the windows that empty columns complete, of the last empty column) behind the column of cycle `ended`.

    last: the cycle of the window before them. pushed: how many empty columns complete each.
    """
    if not len(pushed):
        return pushed, ended + tail
    turns = np.arange(len(pushed)) * pace
    due = ended + pushed
    due[0] = max(due[0], last + pace)
    windows = np.maximum.accumulate(due - turns) + turns
    return windows, int(windows[-1]) + tail - int(pushed[-1])


class _Coupled:
    """The shift register takes a column in the cycle in which the lines give it away."""

    def __init__(self, plan: LinePlan, raster: Raster, pace: int):
        self.raster, self.pace = raster, pace
        self.first, self.ended = int(plan.kept[0]) * plan.width, int(plan.kept[-1] + 1) * plan.width - 1
        self.windows = _window_steps(plan.kept, plan.width, raster)
        self.weights = np.maximum(np.diff(self.windows, prepend=self.windows[0]), pace).cumsum()
        self.pushed = _pushed(raster)
        self.last_window, self.emptied = LONG_AGO, LONG_AGO
        self.left = LONG_AGO  # when the last pixel left its register

    def frame(self, arrivals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cycle in which each pixel is taken, in which each window is there)."""
        steps, windows = np.arange(len(arrivals)), self.windows
        early = arrivals + 1 - steps
        early[0] = max(early[0], self.left + 1)
        early[self.first] = max(early[self.first], self.emptied + 1 - self.first)
        early = np.maximum.accumulate(early)
        held = early[windows] + windows - self.weights
        held[0] = max(held[0], self.last_window + self.pace - self.weights[0])
        held = np.maximum.accumulate(held) + self.weights
        late = np.full(len(steps), LONG_AGO)
        late[windows] = held - windows
        left = np.maximum(early, np.maximum.accumulate(late)) + steps
        taken = np.maximum(arrivals, np.concatenate([[self.left], left[:-1]]))
        self.left = int(left[-1])
        tail, self.emptied = _empty(int(left[self.ended]), int(held[-1]), self.pushed, self.raster.tail, self.pace)
        emitted = np.concatenate([held, tail])
        self.last_window = int(emitted[-1])
        return taken, emitted + 1


class _Queued:
    """A queue of columns between the two, in which those of a row find room."""

    def __init__(self, plan: LinePlan, raster: Raster, pace: int):
        self.plan = plan
        self.columns = Columns(raster, plan.out_rows, pace)
        self.left = LONG_AGO  # when the last pixel left its register
        self.recent = np.full(plan.waiting, LONG_AGO)  # when the last columns left the queue
        self.steps = np.arange(plan.width)

    def frame(self, arrivals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        taken, emitted, kept = [], [], self.plan.kept.tolist()
        for y, row in enumerate(arrivals.reshape(-1, self.plan.width)):
            ready = row + 1
            if y in kept:
                ready = np.maximum(ready, self.recent[: self.plan.width] + 1)
            ready = ready - self.steps
            ready[0] = max(ready[0], self.left + 1)
            left = np.maximum.accumulate(ready) + self.steps
            taken.append(np.maximum(row, np.concatenate([[self.left], left[:-1]])))
            self.left = int(left[-1])
            if y in kept:
                times, windows = self.columns.take(left + THROUGH_QUEUE, kept.index(y))
                self.recent = np.concatenate([self.recent, times])[-self.plan.waiting :]
                emitted.append(windows)
        return np.concatenate(taken), np.concatenate(emitted)
