"""Draws held-out images, each with the hardware's answer: as an .svg, made of plain paths.

python examples/digits/picture.py FRAMES.npz OUTPUTS.npy PICTURE.svg

FRAMES are images with labels, OUTPUTS the scores that the simulated hardware gave for them: `python -m hwgen` writes them
to sim/outputs.npy in its output folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from train import run

from hwgen.errors import FrameError, OutputError
from hwgen.frames import load

SHOWN, COLUMNS = 40, 10
SIDE, GAP, CAPTION = 56, 16, 18  # pixels: an image, between two, the text below
GREYS = 16  # levels of a pixel
MARK = "<!-- drawn by examples/digits/picture.py -->"


def choose(right: np.ndarray) -> np.ndarray:
    """Which images to show: those classified wrongly, and the first of the others; SHOWN in all, in their order."""
    return np.sort(np.argsort(right, kind="stable")[:SHOWN])


def svg(images: np.ndarray, labels: np.ndarray, answers: np.ndarray) -> str:
    """The picture. images: (N, rows, columns, 1) from 0 to 15/16; labels and answers: (N,). A wrong answer is red."""
    shown = choose(answers == labels)
    width = COLUMNS * (SIDE + GAP) + GAP
    height = -(-len(shown) // COLUMNS) * (SIDE + CAPTION + GAP) + GAP
    parts = []
    for place, index in enumerate(shown):
        row, column = divmod(place, COLUMNS)
        x, y = GAP + column * (SIDE + GAP), GAP + row * (SIDE + CAPTION + GAP)
        size = SIDE / images.shape[1]
        ink = "".join(
            f'<path stroke-opacity="{level / (GREYS - 1):.2f}" d="{path}"/>' for level, path in _strokes(images[index])
        )
        answer, label = answers[index], labels[index]
        caption = f"{answer}" if answer == label else f"{answer}, is {label}"
        colour = "#1a7f37" if answer == label else "#c0392b"
        parts.append(
            f'<rect x="{x}" y="{y}" width="{SIDE}" height="{SIDE}" fill="#f2f2f2"/>'
            f'<g transform="translate({x} {y}) scale({size:.4g})">{ink}</g>'
            f'<text x="{x + SIDE / 2:g}" y="{y + SIDE + 15}" fill="{colour}">{caption}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{MARK}\n'
        "<style>path{stroke:#111;shape-rendering:crispEdges}text{font:15px sans-serif;text-anchor:middle}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _strokes(image: np.ndarray) -> list[tuple[int, str]]:
    """For every grey level of an image the horizontal strokes, one pixel thick, that paint its pixels."""
    levels = np.rint(image[..., 0] * GREYS).astype(int)
    paths: dict[int, str] = {}
    for row, line in enumerate(levels):
        edges = np.flatnonzero(np.diff(line, prepend=-1, append=-1))
        for start, end in zip(edges, edges[1:]):
            if level := int(line[start]):
                paths[level] = f"{paths.get(level, '')}M{start} {row}.5h{end - start}"
    return sorted(paths.items())


def check_target(target: Path) -> None:
    """OutputError where there is something at `target` that isn't a picture of this script."""
    if not target.exists():
        return
    if not target.is_file() or MARK not in target.read_text(encoding="utf-8", errors="replace"):
        raise OutputError(f"{target} exists and is not a picture of this script; choose another name")


def draw(frames: Path, scores: np.ndarray, target: Path) -> None:
    """Writes the picture. Raises FrameError for frames that don't go with the scores, OutputError for a foreign target."""
    given = load(frames)
    if given.y is None:
        raise FrameError(f"{frames} has no labels 'y'")
    count = len(scores) if scores.ndim == 2 else 0
    if given.x.ndim != 4 or not 0 < count <= len(given.x):
        raise FrameError(f"outputs {scores.shape} aren't scores of the images {given.x.shape} in {frames}")
    text = svg(given.x[:count], given.y[:count], scores.argmax(axis=1))
    try:
        check_target(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"can't write {target}: {error.strerror}") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("frames", "outputs", "picture"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    return run("picture", lambda: draw(options.frames, load(options.outputs).x, options.picture))


if __name__ == "__main__":
    sys.exit(main())
