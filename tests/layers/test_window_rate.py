"""Windows waste no cycles: every pixel is taken as it comes, and padding is free but for rows below delay lines."""

import random

import numpy as np
import pytest

from hwgen.layers.taps import Taps
from hwgen.layers.window import Window
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block


def same(kernel: int, size: int, stride: int) -> tuple[int, int]:
    """Keras's padding (before, behind) of an axis."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def window(height, width, channels, kernel, stride, padded, box, **fields) -> Window:
    rows, columns = (same(kernel, n, stride) if padded else (0, 0) for n in (height, width))
    taps = Taps((kernel, kernel), channels, *box)
    type_ = TensorType((height, width, channels), 0, 15)
    return Window(type_, taps, (stride, stride), (*rows, *columns), **fields)


REFERENCE = {  # the reference network's windows at a reduced size, with the box of a beat that the folding asks for
    "7×7 s2 valid": window(27, 24, 1, 7, 2, False, (7, 7, 1)),
    "7×7 s2 valid, lines": window(27, 24, 1, 7, 2, False, (7, 7, 1), lines=True),
    "3×3 s2 same": window(11, 9, 4, 3, 2, True, (3, 3, 4)),
    "3×3 s2 same, lines": window(11, 9, 4, 3, 2, True, (3, 3, 4), lines=True),
    "3×3 s2 same, even": window(10, 8, 4, 3, 2, True, (3, 3, 4)),
    "3×3 s2 same, columns": window(11, 9, 4, 3, 2, True, (3, 1, 4)),
    "5×5 s1 same": window(12, 10, 2, 5, 1, True, (5, 5, 2)),
    "3×3 s1 same": window(12, 10, 2, 3, 1, True, (3, 3, 2)),
}


def steady(block: Window, seed: int, frames: int = 3):
    """The run, and the cycles from one frame to the next: of the input in the last frame, and of the output."""
    x = random_raw(np.random.default_rng(seed), block.input, frames)
    run = run_block(block, x, seed=seed)
    np.testing.assert_array_equal(run.outputs[0], block.evaluate(x), err_msg=f"seed {seed}: {block}")
    taken, emitted = run.taken[0], run.emitted[0]
    return run, int(taken[-1] - taken[-1 - block.beats_in()]), int(emitted[-1] - emitted[-1 - block.beats_out])


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_networks_windows_take_a_pixel_every_cycle(name):
    block = REFERENCE[name]
    extra = block.raster.tail if block.raster else 0  # columns that push out a frame's end, not the rows'
    if block.strides == (1, 1):
        assert block.padding != (0, 0, 0, 0) and extra <= 2
    below = block.line_plan.passed - block.input.shape[0] if block.lines else 0  # rows that come from no stream
    most = block.beats_in() + extra + below * block.input.shape[1]
    _, taken, emitted = steady(block, 1)
    assert block.beats_in() <= taken <= most, f"{taken} cycles for {block.beats_in()} pixels"
    assert emitted <= most and emitted == block.interval


def random_strided(seed: int) -> Window:
    """Stride 2 or 3 along the rows, a whole window a beat: never more to read than to write."""
    rng = random.Random(seed)
    while True:
        kernel, stride = rng.randint(2, 7), rng.choice([2, 2, 3])
        height, width, channels = rng.randint(6, 18), rng.randint(6, 14), rng.choice([1, 1, 2, 4])
        if kernel < stride or kernel > min(height, width):
            continue
        block = window(height, width, channels, kernel, stride, rng.random() < 0.5, (kernel, kernel, channels))
        if block.with_lines and rng.random() < 0.5:
            # Below the frame there is nothing to do for lines where the rows that pass anyhow cover the padding.
            lines = block.with_lines
            return lines if lines.line_plan.passed == height else block
        return block


@pytest.mark.parametrize("seed", range(40))
def test_strided_windows_take_a_pixel_every_cycle(seed):
    block = random_strided(seed)
    _, taken, emitted = steady(block, seed)
    tail = block.raster.tail if block.raster else 0
    assert max(taken, emitted) <= block.beats_in() + tail, f"seed {seed}: {taken}, {emitted} cycles: {block}"


@pytest.mark.parametrize("seed", range(20))
def test_padding_costs_no_cycles(seed):
    """A padded window takes as long as its output has beats, but for a frame's last columns."""
    rng = random.Random(seed)
    kernel, channels = rng.choice([3, 5]), rng.choice([1, 2, 4])
    box = rng.choice([(kernel, kernel, channels), (kernel, 1, channels), (1, kernel, 1), (1, 1, 1)])
    block = window(rng.randint(kernel, 9), rng.randint(kernel, 9), channels, kernel, 1, True, box)
    _, taken, emitted = steady(block, seed)
    tail = block.raster.tail if block.raster else 0
    assert max(taken, emitted) <= block.beats_out + tail, f"seed {seed}: {taken}, {emitted} cycles: {block}"


@pytest.mark.parametrize("kernel, box", [(5, (5, 1)), (5, (1, 5)), (5, (5, 5)), (3, (3, 1)), (3, (1, 3)), (3, (3, 3))])
def test_whole_columns_rows_and_boxes_are_read_in_one_cycle(kernel, box):
    block = window(9, 8, 2, kernel, 1, True, (*box, 2))
    run, _, emitted = steady(block, 3)
    assert block.lanes_out == box[0] * box[1] * 2
    tail = block.raster.tail if block.raster else 0
    assert emitted <= 9 * 8 * kernel * kernel // (box[0] * box[1]) + tail
    row = run.emitted[0][-block.beats_out // 9 * 2 : -block.beats_out // 9]  # of the last frame, inside
    assert (np.diff(row) == 1).all(), row


@pytest.mark.parametrize("pace", [1, 2, 4])
@pytest.mark.parametrize("kernel", [3, 5])
def test_what_lines_cost(kernel, pace):
    """The rows that complete no window yet: cycles that a slow consumer would have needed for as many columns."""
    ring = window(20, 12, 2, kernel, 1, True, (kernel, kernel, 2))
    lines = ring.with_lines
    assert lines.cost().lut < 0.5 * ring.cost().lut and lines.cost().lutram < 0.5 * ring.cost().lutram
    assert lines.interval_at(pace) <= ring.interval_at(pace) + kernel // 2 * 12 + kernel
    if pace == 1:
        _, taken, emitted = steady(lines, 4)
        assert taken == emitted == lines.interval
