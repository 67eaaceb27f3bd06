"""Keeps the object files of Verilator's runtime, which are half of a build and the same for every design.

They lie in the user's cache folder ($XDG_CACHE_HOME or ~/.cache, then hwgen/verilator), in a folder named after
everything that they depend on. Where that can't be written nothing is kept, and builds take longer.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def runtime_folder(depends_on: object) -> Path:
    """Where the objects are kept that depend on this (compiler, flags, versions)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "hwgen", "verilator", hashlib.sha256(repr(depends_on).encode()).hexdigest()[:16])


def restore_runtime(folder: Path, build: Path) -> None:
    """Copies kept objects into a build that is about to be made; being new, they are not made again."""
    for kept in folder.glob("*.o"):
        shutil.copyfile(kept, build / kept.name)


def keep_runtime(folder: Path, build: Path) -> None:
    """Keeps the objects of a finished build. All or nothing, also where two builds finish at once."""
    if folder.is_dir():
        return
    with suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for made in build.glob("verilated*.o"):
                shutil.copyfile(made, place / made.name)
            place.rename(folder)
        finally:
            shutil.rmtree(place, ignore_errors=True)
