"""Windows against loops written from the definition, and their schedule against what the hardware does."""

import random
import time
from collections import Counter
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from hwgen.layers.taps import Taps, divisors
from hwgen.layers.window import Window
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block


def sliding(x, taps, strides, padding, pad_value, dilation=(1, 1)):
    """(frames, Ho, Wo, fan-in), value by value from the definition of a window and of the order of its taps."""
    frames, height, width, channels = x.shape
    (kh, kw), (top, bottom, left, right) = taps.kernel, padding
    rows = (height + top + bottom - (kh - 1) * dilation[0] - 1) // strides[0] + 1
    columns = (width + left + right - (kw - 1) * dilation[1] - 1) // strides[1] + 1
    result = np.zeros((frames, rows, columns, kh * kw * channels), dtype=np.int64)
    offsets = [
        (rg * taps.rows + i, cg * taps.columns + j, g * taps.lanes + k)
        for g in range(channels // taps.lanes)
        for rg in range(kh // taps.rows)
        for cg in range(kw // taps.columns)
        for i in range(taps.rows)
        for j in range(taps.columns)
        for k in range(taps.lanes)
    ]
    for oy in range(rows):
        for ox in range(columns):
            for n, (i, j, k) in enumerate(offsets):
                y, x_ = oy * strides[0] - top + i * dilation[0], ox * strides[1] - left + j * dilation[1]
                inside = 0 <= y < height and 0 <= x_ < width
                result[:, oy, ox, n] = x[:, y, x_, k] if inside else pad_value
    return result


def check(window, seed, frames=2, stall_in=0.0, stall_out=0.0):
    """Runs the component: its output is that of `sliding`; its times, but for stalls at the output, the schedule's."""
    x = random_raw(np.random.default_rng(seed), window.input, frames)
    expected = sliding(x, window.taps, window.strides, window.padding, window.pad_value, window.dilation)
    np.testing.assert_array_equal(window.evaluate(x), expected, err_msg=f"model, seed {seed}: {window}")
    run = run_block(window, x, seed=seed, stall_in=stall_in, stall_out=stall_out)
    np.testing.assert_array_equal(run.outputs[0], expected, err_msg=f"hardware, seed {seed}: {window}")
    if not stall_out:
        # A beat offered in the very cycle in which it was taken is taken then.
        (taken,), emitted = window.schedule(run.taken[0] if stall_in else np.arange(frames * window.beats_in()))
        assert taken.tolist() == run.taken[0].tolist(), f"seed {seed}: {window}"
        assert emitted.tolist() == run.emitted[0].tolist(), f"seed {seed}: {window}"
    return run


def random_window(seed, dilated=False):
    rng = random.Random(seed)
    while True:
        height, width, channels = rng.randint(1, 9), rng.randint(1, 9), rng.randint(1, 6)
        kernel = rng.randint(1, 5), rng.randint(1, 5)
        whole = rng.random() < 0.4
        sizes = (*kernel, channels)
        taps = Taps(kernel, channels, *(n if whole else rng.choice(divisors(n)) for n in sizes))
        padding = (
            tuple(rng.choice([0, 0, 1, 2, rng.randint(0, 6)]) for _ in range(4)) if rng.random() < 0.6 else (0,) * 4
        )
        bits = rng.randint(1, 9)
        lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if rng.random() < 0.5 else (0, 2**bits - 1)
        type_ = TensorType((height, width, channels), lo, hi, rng.randint(-2, 6))
        strides = rng.randint(1, 3), rng.randint(1, 3)
        memory = rng.choice(["auto", "block", "distributed"])
        pad_value, spare = rng.choice([0, 0, lo, hi]), rng.choice([0, 0, 1, 3])
        dilation = tuple(rng.randint(1, 3) if size > 1 else 1 for size in kernel) if dilated else (1, 1)
        if dilated and dilation == (1, 1):
            continue
        try:
            window = Window(type_, taps, strides, padding, pad_value, memory, spare, dilation=dilation)
        except ValueError:
            continue
        if window.with_lines and rng.random() < 0.6:
            window = window.with_lines
        if window.beats_out <= 300 and window.beats_in() <= 200:
            return window


@pytest.mark.parametrize("seed", range(30))
def test_random_windows(seed):
    window = random_window(seed)
    check(window, seed, frames=3)
    check(window, seed, stall_in=random.Random(seed).choice([0.3, 0.7]))
    check(window, seed, *[(2, 0.3, 0.3), (2, 0.0, 0.7), (3, 0.7, 0.3)][seed % 3])


@pytest.mark.parametrize("seed", range(30))
def test_random_dilated_windows(seed):
    window = random_window(seed, dilated=True)
    check(window, seed, frames=3)
    check(window, seed, *[(2, 0.7, 0.0), (2, 0.0, 0.7), (3, 0.7, 0.3)][seed % 3])


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("kernel", [4, 6])
@pytest.mark.parametrize("right", [3, 5, 8])
def test_windows_that_wait_beyond_the_next_row_for_padding(width, kernel, right):
    seed = width * 100 + kernel * 10 + right
    rng = random.Random(seed)
    left, stride = rng.randint(0, 2), rng.choice([1, 1, 2])
    padding = (rng.randint(0, 1), 0, left, max(right, kernel - width - left))
    window = Window(TensorType((5, width, 2), 0, 7), Taps((2, kernel), 2, 2, kernel, 2), (1, stride), padding)
    check(window, seed, frames=3)
    check(window, seed, stall_in=0.3, stall_out=0.3)
    window.schedule(np.arange(window.beats_in()), pace=3)


def test_random_windows_are_of_every_style():
    styles = Counter(random_window(seed).style for seed in range(200))
    assert set(styles) == {"banks", "columns", "lines", "stream", "subsample"}, styles
    dilated = Counter(random_window(seed, dilated=True).style for seed in range(200))
    assert set(dilated) == {"banks", "columns", "lines", "stream"}, dilated


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_every_box(rows, columns, lanes):
    taps = Taps((2, 3), 4, rows, columns, lanes)
    check(Window(TensorType((4, 5, 4), -4, 3), taps, (1, 2), (1, 0, 1, 1)), seed=1)


@pytest.mark.parametrize("strides", [(2, 2), (1, 3), (3, 1)])
def test_a_single_pixel_subsamples(strides):
    window = Window(TensorType((5, 4, 4), 0, 7), Taps((1, 1), 4, 1, 1, 2), strides)
    assert window.style == "subsample" and window.cost().lutram == window.cost().bram36 == 0
    check(window, seed=2, frames=3)
    check(window, seed=2, stall_in=0.3, stall_out=0.5)


STEADY = [  # (input, taps, strides, padding, interval)
    ((6, 6, 2), Taps((3, 3), 2, 3, 3, 2), (1, 1), (1, 1, 1, 1), 36 + 1),  # a position a cycle, one more a frame
    ((6, 6, 2), Taps((3, 3), 2, 3, 3, 2), (1, 1), (0, 0, 0, 0), 36),
    ((6, 6, 2), Taps((3, 3), 2, 3, 3, 1), (1, 1), (1, 1, 1, 1), 72),
    ((6, 6, 2), Taps((3, 3), 2, 1, 3, 2), (1, 1), (1, 1, 1, 1), 108),
    ((8, 8, 1), Taps((5, 5), 1, 5, 5, 1), (2, 2), (2, 2, 2, 2), 64),
    ((8, 8, 1), Taps((3, 3), 1, 1, 1, 1), (2, 2), (0, 1, 0, 1), 144),
    ((1, 20, 3), Taps((1, 5), 3, 1, 5, 3), (1, 1), (0, 0, 2, 2), 20 + 2),
]


@pytest.mark.parametrize("shape, taps, strides, padding, interval", STEADY)
def test_frames_follow_each_other(shape, taps, strides, padding, interval):
    window = Window(TensorType(shape, 0, 3), taps, strides, padding)
    run = check(window, seed=3, frames=4)
    seen = run.emitted[0]
    assert seen[-1] - seen[-1 - window.beats_out] == interval == window.interval


@pytest.mark.parametrize("seed", range(400))
def test_interval_is_that_of_the_schedule(seed):
    window = random_window(seed, dilated=seed % 4 == 3)
    for pace in (1, 3):
        _, emitted = window.schedule(np.zeros(6 * window.beats_in(), dtype=np.int64), pace)
        steady = emitted[-1] - emitted[-1 - window.beats_out]
        # A shift register's idle cycles, and the FIFO in front of it, blur a frame's end.
        slack = (window.raster.tail + 1) * pace + 4 * (pace - 1) if window.raster else 8 * (pace - 1)
        assert abs(window.interval_at(pace) - steady) <= slack, f"seed {seed}, pace {pace}: {window}"


def test_spare_rows_bridge_the_frame_boundary():
    """A consumer of two cycles a window, that has five to rest a row, is kept busy over the frame boundary."""
    window = Window(TensorType((12, 40, 1), 0, 255), Taps((5, 5), 1, 5, 5, 1))
    roomy = replace(window, spare=window.full_spare)
    assert roomy.full_spare == window.full_spare == 5
    assert roomy.interval_at(2) == 8 * (35 * 2 + 5) < window.interval_at(2)


@dataclass(frozen=True)
class Slow(Window):
    """A window whose consumer looks at each beat for `pace` cycles and takes it in the last."""

    pace: int = 1

    def component(self):
        return _Slow(self, super().component())


class _Slow(wiring.Component):
    def __init__(self, block, window):
        self.block, self.window = block, window
        super().__init__(block.ports())

    def elaborate(self, platform):
        m = Module()
        m.submodules.window = window = self.window
        wiring.connect(m, wiring.flipped(self.i), window.i)
        turn = Signal(range(self.block.pace))
        last = turn == self.block.pace - 1
        with m.If(window.o.valid & (~last | self.o.ready)):
            m.d.sync += turn.eq(0)
            with m.If(~last):
                m.d.sync += turn.eq(turn + 1)
        m.d.comb += [
            self.o.p.eq(window.o.p),
            self.o.valid.eq(window.o.valid & last),
            window.o.ready.eq(self.o.ready & last),
        ]
        return m


@pytest.mark.parametrize("seed", range(30))
def test_schedule_before_a_slow_consumer(seed):
    rng, window = random.Random(seed), random_window(seed + 1000, dilated=seed >= 24)
    pace = rng.choice([2, 3, 4])
    slow = Slow(**{f.name: getattr(window, f.name) for f in fields(window)} | {"pace": pace})
    x = random_raw(np.random.default_rng(seed), slow.input, 3)
    run = run_block(slow, x, seed=seed, deadline=20000)
    np.testing.assert_array_equal(run.outputs[0], slow.evaluate(x), err_msg=f"seed {seed}: {slow}")
    (taken,), emitted = slow.schedule(np.arange(3 * slow.beats_in()), pace)
    late = run.emitted[0] - (emitted + pace - 1)
    assert np.abs(late).max() <= 2 * pace, f"seed {seed}, {late}: {slow}"
    assert np.abs(run.taken[0] - taken).max() <= 2 * pace, f"seed {seed}: {slow}"


@pytest.mark.parametrize("seed", range(140))
def test_needs_is_what_a_beat_waits_for(seed):
    """Beat k comes soon after input needs[k], however late the next input is, and not before it."""
    window = random_window(seed, dilated=seed >= 100)
    needs, late = window.needs(), 10_000
    assert (
        len(needs) == window.beats_out
        and (np.diff(needs) >= 0).all()
        and 0 <= needs[0]
        and needs[-1] < window.beats_in()
    )
    _, emitted = window.schedule(np.arange(window.beats_in()) * late)
    assert (emitted >= needs * late).all() and (emitted < (needs + 1) * late).all(), f"seed {seed}: {window}"


@pytest.mark.parametrize("taps", [Taps((3, 3), 32, 3, 3, 32), Taps((3, 3), 32, 3, 3, 1), Taps((3, 3), 32)])
def test_schedules_are_fast(taps):
    window = Window(TensorType((54, 54, 32), 0, 15), taps, (1, 1), (1, 1, 1, 1))
    arrivals = np.arange(window.beats_in())
    window.schedule(arrivals)
    start = time.process_time()
    window.schedule(arrivals)
    assert time.process_time() - start < 0.2


def test_padding_widens_the_type():
    type_ = TensorType((4, 4, 1), 1, 5, frac=3)
    taps = Taps((2, 2), 1)
    assert Window(type_, taps).result == TensorType((3, 3, 4), 1, 5, 3)
    assert Window(type_, taps, padding=(1, 0, 0, 0)).result == TensorType((4, 3, 4), 0, 5, 3)
    assert Window(type_, taps, padding=(1, 0, 0, 0), pad_value=-1).result.signed


SMALL = TensorType((4, 4, 2), 0, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((Taps((3, 3), 4),), "taps over 4 channels, the input has 2"),
        ((Taps((5, 3), 2),), r"a kernel of \(5, 3\) does not fit into \(4, 4, 2\)"),
        ((Taps((3, 1), 2), (1, 1), (0,) * 4, 0, "auto", 0, False, (2, 1)), r"a kernel of \(5, 1\) does not fit"),
        ((Taps((3, 1), 2), (1, 1), (0,) * 4, 0, "auto", 0, False, (1, 2)), r"a dilation of \(1, 2\) does not suit"),
        ((Taps((1, 2), 2, 1, 2), (1, 1), (0,) * 4, 0, "auto", 0, False, (1, 2)), "a beat holds one column, or the"),
        ((Taps((1, 1), 2),), "changes nothing"),
        ((Taps((3, 3), 2), (0, 1)), "strides must be positive"),
        ((Taps((3, 3), 2), (1, 1), (0, -1, 0, 0)), "padding can't be negative"),
        ((Taps((3, 3), 2), (1, 1), (0, 0, 0, 0), 0, "bram"), "memory is one of auto, distributed, block, not 'bram'"),
        ((Taps((3, 3), 2), (1, 1), (0, 0, 0, 0), 0, "auto", -1), "spare rows can't be negative"),
    ],
)
def test_impossible_windows(arguments, message):
    with pytest.raises(ValueError, match=message):
        Window(SMALL, *arguments)
