"""Runs scripts in a second Python that has qkeras-v3 on Keras 3, which can't share an environment with qkeras 0.9.

The environment variable HWGEN_QKERAS_V3_PYTHON names that Python. Without it such tests skip, except in CI.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

VARIABLE = "HWGEN_QKERAS_V3_PYTHON"
ROOT = Path(__file__).resolve().parent.parent


def keras3_python() -> str:
    """The second Python. Skips the test where there is none."""
    python = os.environ.get(VARIABLE)
    if not python:
        reason = f"{VARIABLE} doesn't name a Python with qkeras-v3"
        pytest.skip(reason)
    return python


def run_keras3(script: str | Path, args=(), tmp_path: Path | None = None, *, timeout: float = 240) -> str:
    """Runs a script (a Path, or its text) with these arguments in the folder tmp_path; returns what it printed.

    hwgen and tests can be imported in it. Raises AssertionError with the script's errors where it fails.
    """
    command = [keras3_python(), *(["-c", script] if isinstance(script, str) else [str(script)]), *map(str, args)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    env.pop("TF_USE_LEGACY_KERAS", None)
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=timeout)
    assert run.returncode == 0, f"{command[:2]} exited with {run.returncode}:\n{run.stderr[-3000:]}"
    return run.stdout
