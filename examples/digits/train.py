"""Trains the example network in QKeras, and writes the model and some held-out frames to try it on.

python examples/digits/train.py                   scikit-learn's digits, 8×8
python examples/digits/train.py --data mnist      MNIST, 28×28; README.md says how to get it

A training that was interrupted goes on at its last epoch when the same command is given again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from checkpoint import check_settings, load
from data import LOADERS

from hwgen.cli import stages
from hwgen.errors import HwgenError, OptionError, OutputError, ToolMissing
from hwgen.output import OutputFolder

EPOCHS = {"digits": 80, "mnist": 40}
FILES = ("digits.h5", "test_frames.npz", "training.json")
INSTALL = "pip install '.[train]'"


def trained(options: argparse.Namespace, folder: Path) -> dict:
    """Trains into `folder`, unless that was done before. Returns training.json: settings, accuracy on the held-out images.

    Raises OutputError where the folder, or the checkpoint beside it, is something else; ToolMissing without QKeras.
    """
    epochs = EPOCHS[options.data] if options.epochs is None else options.epochs
    if epochs < 1:
        raise OptionError(f"--epochs must be at least 1, not {epochs}")
    settings = {"data": options.data, "epochs": epochs, "quantized": not options.float}
    if (record := _finished(folder, settings)) is not None:
        print(f"trained before: {folder}")
        return record
    with OutputFolder(folder):
        pass  # it can be written: better known now than after the training
    _check_qkeras()
    checkpoint = folder.with_name(f"{folder.name}.checkpoint.npz")
    reached = load(checkpoint, settings)
    with stages(quiet=False) as show:
        show("loading images")
        data = LOADERS[options.data](options.mnist)
        show("starting TensorFlow")
        fit = _import_fit()
        model = fit.fit(data, settings, checkpoint, reached, show)
        show("classifying the held-out images")
        with OutputFolder(folder) as output:
            fit.write(model, data, settings, output.path)
            output.commit()
        checkpoint.unlink(missing_ok=True)
    record = _finished(folder, settings)
    print(f"{fit.layers(model)}\n")
    print(f"{data.name}: {record['trained on']:,} images, epochs: {epochs}; written to {folder}")
    print(f"accuracy {record['accuracy']:.2%} on {record['held out']:,} held-out images")
    return record


def _finished(folder: Path, settings: dict) -> dict | None:
    """The record of a training that was finished in this folder; None where none was."""
    file = folder / "training.json"
    if not file.is_file():
        return None
    try:
        record = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise OutputError(f"{file} is not the record of a training; choose another folder with -o") from None
    check_settings(folder, record, settings)
    for name in FILES:
        if not (folder / name).is_file():
            raise OutputError(f"{folder} is a finished training without its {name}; remove the folder to train anew")
    return record


def _check_qkeras() -> None:
    """qkeras-v3 is imported under the same name, on Keras 3: another QKeras than the one that trains here."""
    try:
        version("qkeras")
    except PackageNotFoundError:
        raise ToolMissing(f"training needs QKeras, which isn't installed: {INSTALL}") from None


def _import_fit():
    try:
        import fit
    except ModuleNotFoundError as error:
        raise ToolMissing(f"training needs {error.name}, which isn't installed: {INSTALL}") from None
    return fit


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that training by itself and run.py have in common."""
    parser.add_argument("--data", choices=tuple(EPOCHS), default="digits", help="images (default: %(default)s)")
    parser.add_argument(
        "--mnist", type=Path, default=Path("package"), help="the unpacked npm package (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=int, help=f"how often to see the images (default: {EPOCHS})")


def run(name: str, work: Callable[[], None]) -> int:
    """Does the work. Returns the exit code; an error is one line on standard error, with the exit codes of hwgen."""
    try:
        work()
    except HwgenError as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{name}: interrupted; the same command goes on after the last finished epoch", file=sys.stderr)
        return 130
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--float", action="store_true", help="train without quantizers, to compare")
    parser.add_argument("-o", "--output", type=Path, help="folder (default: build/digits-DATA/training, or /float)")
    options = parser.parse_args()
    default = Path("build") / f"digits-{options.data}" / ("float" if options.float else "training")
    return run("train", lambda: trained(options, options.output or default))


if __name__ == "__main__":
    sys.exit(main())
