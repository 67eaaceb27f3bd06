"""Damaged files: every outcome is a network or a ModelError, and none takes long.

HWGEN_FUZZ sets how many files are tried for each format, with seeds from 0 on.
"""

import io
import os
import random
import re
import time
import zipfile

import pytest

from hwgen.errors import ModelError
from hwgen.network import Network
from hwgen.read import read

COUNT = int(os.environ.get("HWGEN_FUZZ", "250"))
DEADLINE = 10  # seconds for one file


def damage(data: bytes, rng: random.Random) -> bytes:
    """Cut short, or with a few bytes changed."""
    if rng.random() < 0.1:
        return data[: rng.randrange(len(data))]
    result = bytearray(data)
    for _ in range(rng.choice([1, 1, 3, 20])):
        k = rng.randrange(len(data))
        while not data[k] and rng.random() < 0.5:  # most of a file is zeros that nobody reads
            k = rng.randrange(len(data))
        result[k] = rng.choice([0, 1, 8, 127, 255, rng.randrange(256), result[k] ^ (1 << rng.randrange(8))])
    return bytes(result)


def damage_member(data: bytes, rng: random.Random) -> bytes:
    """A .keras file whose checksums are right, around a damaged member."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        chosen = rng.choice(["config.json", "model.weights.h5", "model.weights.h5"])
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, damage(content, rng) if name == chosen else content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("flavour", "file", "change"),
    [
        ("0.9", "branches.h5", damage),
        ("0.9", "sequential.keras", damage),
        ("0.9", "branches.keras", damage_member),
        ("v3", "nested.h5", damage),
        ("v3", "nested.keras", damage_member),
        ("0.9", "branches.json", damage),
        ("v3", "nested.json", damage),
        ("0.9", "branches-weights.h5", damage),
        ("v3", "nested.weights.h5", damage),
    ],
)
def test_damaged_files(written, tmp_path, flavour, file, change):
    folder = written(flavour)
    whole = (folder / file).read_bytes()
    name = re.match("[a-z]+", file)[0]

    def files(damaged):
        """The damaged file with the sound one that it takes."""
        if file.endswith(".json"):
            return damaged, folder / f"{name}.weights.h5"
        return (folder / f"{name}.json", damaged) if "weights" in file else (damaged,)

    path = tmp_path / "damaged"
    outcomes = set()
    for seed in range(COUNT):
        path.write_bytes(change(whole, random.Random(seed)))
        start = time.monotonic()
        try:
            outcome = read(*files(path))
        except ModelError as problem:
            assert "\n" not in str(problem), f"seed {seed}"
            outcome = problem
        except BaseException as problem:
            raise AssertionError(f"seed {seed}: {type(problem).__name__}: {problem}") from problem
        assert time.monotonic() - start < DEADLINE, f"seed {seed}"
        outcomes.add(type(outcome))
    assert outcomes == {Network, ModelError}
