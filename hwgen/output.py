"""The output folder: written whole or not at all, and never over something that isn't ours."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from hwgen.errors import OutputError

MANIFEST = ".hwgen.json"


class OutputFolder:
    """Collects files in a hidden folder beside the target; `commit` puts it in the target's place in one move.

    Use as a context manager: leaving it without commit removes what was collected and leaves the target as it was.
    Raises OutputError where the target exists and holds anything that an earlier run of hwgen didn't write.
    """

    def __init__(self, target: Path):
        self.target = Path(target)
        check_ours(self.target)

    def __enter__(self) -> OutputFolder:
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix=f".{self.target.name}.", dir=self.target.parent))
            self.path.chmod(0o755)
        except OSError as error:
            raise OutputError(
                f"can't write to {self.target.parent}: {error.strerror}; choose another folder with -o"
            ) from None
        return self

    def __exit__(self, *exc_info) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def commit(self) -> Path:
        """Replaces the target. Returns its path."""
        files = sorted(str(p.relative_to(self.path)) for p in self.path.rglob("*") if p.is_file())
        (self.path / MANIFEST).write_text(
            json.dumps({"written by": "hwgen", "files": files}, indent=1), encoding="utf-8"
        )
        check_ours(self.target)
        old = None
        if self.target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{self.target.name}.old.", dir=self.target.parent))
            os.rename(self.target, old / "old")
        try:
            os.rename(self.path, self.target)
        except OSError:
            if old is not None:
                os.rename(old / "old", self.target)
            raise
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
        return self.target


def check_ours(target: Path) -> None:
    """OutputError where `target` is a file, or a folder with files that hwgen didn't write there."""
    if not target.exists():
        return
    if not target.is_dir() or target.is_symlink():
        raise OutputError(f"{target} exists and is not a folder; choose another with -o")
    found = {str(p.relative_to(target)) for p in target.rglob("*") if not p.is_dir()}
    if not found:
        return
    try:
        ours = set(json.loads((target / MANIFEST).read_text(encoding="utf-8"))["files"]) | {MANIFEST}
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    foreign = sorted(found - ours)
    if foreign:
        raise OutputError(
            f"{target} holds files that hwgen did not write ({foreign[0]}{', ...' if len(foreign) > 1 else ''}); "
            "move them away or choose another folder with -o"
        )
