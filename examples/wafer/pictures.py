"""Draws a map of each class: python examples/wafer/pictures.py writes examples/wafer/classes.png (pip install '.[bench]')."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from data import CLASSES, NAMES, wafer

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.colors import ListedColormap

SEED, COLUMNS = 5, 10
COLOURS = ListedColormap(["white", "#b9cfe0", "#a3123a"])  # off the wafer, good, failed


def main() -> None:
    rows = -(-len(CLASSES) // COLUMNS)
    figure, axes = pyplot.subplots(rows, COLUMNS, figsize=(15, 1.75 * rows))
    for axis in axes.flat:
        axis.axis("off")
    for number, axis in zip(range(len(CLASSES)), axes.flat):
        image, label = wafer(SEED, number)
        axis.imshow(image, cmap=COLOURS, vmin=0, vmax=15, interpolation="nearest")
        axis.set_title(NAMES[label].replace(" + ", "\n", 1), fontsize=7)
    figure.tight_layout()
    figure.savefig(Path(__file__).with_name("classes.png"), dpi=75, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
