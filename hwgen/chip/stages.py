"""Stages of a long run that are done once: a run that was broken off goes on where it was.

Each stage has a key, a hash of all that it depends on: contents of its input files, options, versions of tools. A stage whose
key and outputs are as they were is not run again. Outputs are made beside their place, and moved there when they are whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

STAMP = "stamps.json"


class Stages:
    """The stages in a working folder, which may have been there before."""

    def __init__(self, folder: Path):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.skipped: list[str] = []
        try:
            self._stamps = json.loads((self.folder / STAMP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._stamps = {}

    def text(self, name: str, content: str) -> Path:
        """A file with this text."""
        path = self.folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            _move(content.encode(), path)
        return path

    def run(
        self,
        name: str,
        inputs: Iterable[Path],
        settings: Iterable[str],
        outputs: Iterable[str],
        make: Callable[[Path], None],
    ) -> list[Path]:
        """The outputs of a stage. make: writes files of their names into the folder that it is given."""
        paths = [self.folder / output for output in outputs]
        key = hashlib.sha256(json.dumps([name, *settings, *map(_digest, inputs)]).encode()).hexdigest()
        known = self._stamps.get(name, {})
        if known.get("key") == key and known.get("outputs") == [_digest(path) for path in paths]:
            self.skipped.append(name)
            return paths
        partial = self.folder / f"{name}.partial"
        partial.mkdir(exist_ok=True)
        make(partial)
        for path in paths:
            os.replace(partial / path.name, path)
        shutil.rmtree(partial)
        self._stamps[name] = {"key": key, "outputs": [_digest(path) for path in paths]}
        _move(json.dumps(self._stamps, indent=1).encode(), self.folder / STAMP)
        return paths


def _digest(path: Path) -> str | None:
    """Of a file's content; None where there is no such file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _move(content: bytes, path: Path) -> None:
    """Writes a file, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)
