"""The host driver against a chip in software: values, batches, queues, errors, and what it says when it hangs."""

import ast
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.boards.shell import driver, registers
from hwgen.boards.shell.driver import (
    Accelerator,
    BufferTooSmall,
    DriverError,
    FrameFailed,
    FramesError,
    NotLoaded,
    WrongModel,
)
from hwgen.boards.shell.identity import Identity, Port
from hwgen.errors import FrameError
from hwgen.quantize import frames_to_raw, raw_to_real
from hwgen.tensor import TensorType
from tests.graphs import GraphBuilder
from tests.shell.chip_model import ADDRESS, ChipModel

HASH = bytes(range(16))
PIXELS = TensorType((4, 3, 2), 0, 255, frac=8)
SCORES = TensorType((1, 1, 5), -2048, 2047, frac=3)


def one(frames):
    """Five sums of a frame's values, from the definition."""
    x = frames[0].reshape(-1)
    return [np.array([(x[k:] * (1 if k % 2 else -1)).sum() % 4096 - 2048 for k in range(5)]).reshape(1, 1, 5)]


def chip(compute=one, inputs=(PIXELS,), outputs=(SCORES,), **settings) -> ChipModel:
    ports = tuple(Port(type_, 1, 3) for type_ in outputs)
    identity = Identity(tuple(Port(type_, 1) for type_ in inputs), ports, (4, 9), 125_000_000, HASH, dma=True)
    return ChipModel(identity, compute, **settings)


def frames_of(type_: TensorType, count: int, seed: int) -> np.ndarray:
    raw = np.random.default_rng(seed).integers(type_.lo, type_.hi, (count, *type_.shape), endpoint=True)
    return np.ldexp(raw.astype(float), -type_.frac)


def test_the_map_in_the_driver_is_that_of_the_hardware():
    assert (driver.MAGIC, driver.MAJOR, driver.WINDOW) == (registers.MAGIC, registers.VERSION[0], registers.WINDOW)
    assert driver.REGISTERS == {one.name: one.offset for one in registers.GLOBAL}
    for bank in registers.BANKS:
        offsets = {one.name: one.offset for one in bank.registers}
        assert driver.BANKS[bank.name] == (bank.offset, bank.stride, offsets)
        assert set(driver.DMA_ONLY) == {one.name for one in bank.registers if one.dma}
    every = [*registers.GLOBAL, *(one for bank in registers.BANKS for one in bank.registers)]
    fields = {one.name: {part.name: (part.low, part.width) for part in one.bits} for one in every if one.bits}
    assert driver.FIELDS == fields
    assert set(driver.MEANING) == set(fields["ERRORS"])


def test_the_file_is_python_3_6():
    source = Path(driver.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    imported = {
        name.name.split(".")[0]
        for node in ast.parse(source).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    assert imported == {
        *("argparse", "glob", "json", "mmap", "numpy", "os", "select", "struct", "sys", "time"),
    }, "numpy and the standard library alone"


@pytest.mark.parametrize("count", [0, 1, 17, 100])
@pytest.mark.parametrize("step", [1, 40])
def test_batches_of_any_size(count, step):
    machine = chip(step=step)
    accelerator = Accelerator(machine)
    assert accelerator.hash == HASH.hex() and accelerator.clock_hz == 125_000_000
    frames = frames_of(PIXELS, count, count)
    raw = (frames * 256).astype(np.int64)
    expected = [one([frame])[0].reshape(5) for frame in raw]
    expected = np.array(expected, dtype=np.int64).reshape(count, 5)
    for _ in range(2):  # without anything between
        np.testing.assert_array_equal(accelerator.run(frames, raw=True), expected)
        scores = accelerator.run(frames)
        assert scores.dtype == np.float64 and scores.shape == (count, 5)
        np.testing.assert_array_equal(scores, expected / 8)
        np.testing.assert_array_equal(accelerator.run(frames, top1=True), expected.argmax(axis=1))
    if count:
        assert accelerator.top1 == [expected[-1].argmax()]
    assert sum(value == 2 for name, value in machine.log if name == "CONTROL") == (count > 0), (
        "one reset, at the beginning"
    )
    accelerator.close()
    assert machine.closed


def test_the_queues_are_kept_full():
    machine = chip(step=60)  # a frame takes 60 accesses, so that the host is faster
    accelerator = Accelerator(machine)
    accelerator.run(frames_of(PIXELS, 100, 0))
    assert machine.dry <= 8, f"the network had room {machine.dry} times and no frame"
    done = []
    accelerator.run(frames_of(PIXELS, 100, 1), progress=done.append)
    assert done == sorted(done) and done[-1] == 100


@pytest.mark.parametrize("slots", [1, 2, 3, 20])
def test_a_small_buffer_is_used_again_and_again(slots):
    machine = chip(size=slots * 128)
    frames = frames_of(PIXELS, 50, slots)
    expected = [one([frame])[0].reshape(5) for frame in (frames * 256).astype(np.int64)]
    np.testing.assert_array_equal(Accelerator(machine).run(frames, raw=True), expected)


def test_several_inputs_and_outputs_of_every_size_of_value():
    rng = random.Random(seed := random.randrange(1 << 30))
    print(f"seed {seed}")
    inputs = [TensorType((1, 3, 2), -(1 << w - 1), (1 << w - 1) - 1, frac=rng.randrange(-3, 9)) for w in (5, 12, 31)]
    outputs = [
        TensorType((1, 1, 6), -(1 << 40), (1 << 40) - 1, frac=4, divisor=9),
        TensorType((2, 3, 1), 0, 255, frac=-2),
    ]

    def compute(frames):
        a, b, c = (frame.reshape(-1) for frame in frames)
        return [(a * 1000 + b * 70 - c).reshape(1, 1, 6), ((a ^ b ^ c) & 255).reshape(2, 3, 1)]

    machine = chip(compute, inputs, outputs)
    accelerator = Accelerator(machine)
    given = [frames_of(type_, 23, seed + k) for k, type_ in enumerate(inputs)]
    raws = [np.ldexp(array, type_.frac).astype(np.int64) for array, type_ in zip(given, inputs)]
    expected = [compute([raw[n] for raw in raws]) for n in range(23)]
    for k, (raw, real) in enumerate(zip(accelerator.run(given, raw=True), accelerator.run(given))):
        wanted = np.array([found[k] for found in expected])
        np.testing.assert_array_equal(raw.reshape(wanted.shape), wanted)
        np.testing.assert_array_equal(real.reshape(wanted.shape), raw_to_real(outputs[k], wanted))
    by_name = dict(zip(("input0", "input1", "input2"), given))
    np.testing.assert_array_equal(accelerator.run(by_name)[1], accelerator.run(tuple(given))[1])
    with pytest.raises(FramesError, match="an array for each of the model's inputs"):
        accelerator.run(given[:2])
    with pytest.raises(FramesError, match="the model's inputs are"):
        accelerator.run(dict(list(by_name.items())[:2]))
    with pytest.raises(FramesError, match="different numbers of frames: \\[23, 22, 23\\]"):
        accelerator.run([given[0], given[1][1:], given[2]])


def test_values_are_taken_exactly_or_refused_as_by_hwgen():
    rng = np.random.default_rng(seed := random.randrange(1 << 30))
    print(f"seed {seed}")
    for _ in range(60):
        width, frac, signed = int(rng.integers(1, 33)), int(rng.integers(-4, 34)), bool(rng.integers(2))
        lo = -(1 << width - 1) if signed else 0
        type_ = TensorType((1, 2, 3), lo, lo + (1 << width) - 1, frac)
        graph = replace(GraphBuilder("n", type_).graph("input"), frame_shape={"input": type_.shape})
        channel = Accelerator(chip(inputs=(type_,))).inputs[0]
        assert channel.type == type_.fixed
        raw = rng.integers(type_.lo - 1, type_.hi + 1, (2, 1, 2, 3), endpoint=True)
        odd = rng.choice([0, 0, 0, 0.5, np.nan, np.inf], (2, 1, 2, 3), p=[0.4, 0.3, 0.2, 0.05, 0.03, 0.02])
        frames = np.ldexp(raw + odd, -frac)
        try:
            expected = frames_to_raw(graph, frames)
        except FrameError as error:
            with pytest.raises(FramesError) as refused:
                channel.raw(frames)
            assert str(refused.value).replace("input0", "input") == str(error)
        else:
            np.testing.assert_array_equal(channel.raw(frames), expected)


@pytest.mark.parametrize(
    "frames, message",
    [
        (np.full((2, 4, 3, 2), 1 / 512), "frame 0 has 0.001953125 at \\(0, 0, 0\\).*multiples of 0.00390625 from 0 to"),
        (np.zeros((2, 4, 3)), "shape \\(frames, 4, 3, 2\\), these have \\(2, 4, 3\\)"),
        (np.zeros(()), "shape \\(frames, 4, 3, 2\\)"),
        (np.array(["a"]), "aren't real numbers"),
    ],
)
def test_frames_that_the_chip_cannot_take(frames, message):
    machine = chip()
    with pytest.raises(FramesError, match=message):
        Accelerator(machine).run(frames)
    assert not machine.log, "the chip was touched"


def test_the_models_own_shapes_names_and_ranges():
    model = {"model": "m", "hash": HASH.hex(), "inputs": [{"name": "image", "shape": [24], "lo": 0, "hi": 200}]}
    model["outputs"] = [{"name": "softmax", "shape": [5]}]
    accelerator = Accelerator(chip(), model)
    assert accelerator.inputs[0].name == "image"
    frames = frames_of(replace(PIXELS, hi=200), 3, 0)
    expected = Accelerator(chip()).run(frames)
    np.testing.assert_array_equal(accelerator.run({"image": frames.reshape(3, 24)}), expected)
    with pytest.raises(FramesError, match="shape \\(frames, 24\\)"):
        accelerator.run(frames)
    with pytest.raises(FramesError, match="from 0 to 0.78125"):
        accelerator.run(np.full((1, 24), 201 / 256))


def test_a_chip_of_another_model_or_none():
    other = {"model": "other", "hash": "00" * 16, "inputs": [], "outputs": []}
    with pytest.raises(WrongModel, match=f"its hash is {HASH.hex()}, that of 'other' is 0000"):
        Accelerator(chip(), other)
    machine = chip()
    machine.values["MAGIC"] = 0xDEADBEEF
    with pytest.raises(NotLoaded, match="no chip of hwgen: its first register reads 0xdeadbeef"):
        Accelerator.open(machine=machine)
    assert machine.closed
    machine = chip()
    machine.values["VERSION"] = 2 << 16
    with pytest.raises(NotLoaded, match="registers of version 2, this driver is for 1"):
        Accelerator(machine)
    with pytest.raises(DriverError, match="isn't a model's .json"):
        Accelerator(chip(), {"hash": ""})


def test_memory_that_is_missing_or_in_the_wrong_place():
    machine = chip(size=100)
    with pytest.raises(BufferTooSmall, match="has 100 bytes; a frame and its scores take 128, 8192 are good"):
        Accelerator(machine).run(frames_of(PIXELS, 1, 0))
    machine.buffer = None
    with pytest.raises(BufferTooSmall, match="load u-dma-buf with 128 bytes or more"):
        Accelerator(machine).run(frames_of(PIXELS, 1, 0))
    with pytest.raises(BufferTooSmall, match="at 0x10000004: not a multiple of 8"):
        Accelerator(chip(address=ADDRESS + 4)).run(frames_of(PIXELS, 1, 0))


def test_an_error_on_the_bus_names_the_frame():
    machine = chip(size=128 * 8)
    accelerator = Accelerator(machine)
    frames = frames_of(PIXELS, 20, 0)
    machine.rotten = range(ADDRESS + 64 * 5, ADDRESS + 64 * 5 + 1)  # the sixth place for frames
    with pytest.raises(FrameFailed, match="frame 5, at 'input0': READ_DECERR: there is no memory") as failed:
        accelerator.run(frames)
    assert failed.value.frame == 5
    machine.rotten = range(ADDRESS + 64 * (8 + 2), ADDRESS + 64 * (8 + 2) + 1)
    with pytest.raises(FrameFailed, match="frame 2, at 'output0': WRITE_DECERR") as failed:
        accelerator.run(frames)
    machine.rotten = range(0)
    assert accelerator.run(frames).shape == (20, 5), "the chip was reset, and goes on"
    machine.values["ERRORS"] = 1 << 6
    with pytest.raises(FrameFailed, match="INPUT_TLAST: frames and beats of an input are out of step") as failed:
        accelerator.run(frames)
    assert failed.value.frame is None


def test_a_serial_line_has_no_engines():
    identity = replace(chip().identity, dma=False)
    machine = ChipModel(identity, one)
    calls = []

    def transfer(data, sizes):
        calls.append(sizes)
        raw = np.frombuffer(data[0], np.uint8).astype(np.int64).reshape(-1, *PIXELS.shape)
        return [np.array([one([frame])[0] for frame in raw]).astype("<i2").tobytes()]

    machine.transfer = transfer
    frames = frames_of(PIXELS, 7, 3)
    np.testing.assert_array_equal(Accelerator(machine).run(frames), Accelerator(chip()).run(frames))
    assert calls == [[70]]
    assert "PUSH" not in Accelerator(machine).status()["INPUT0"]
