"""QKeras's own results for lists of cases, from either flavour."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

FLAVOURS = ("0.9", "v3")


def _installed() -> str | None:
    for package, flavour in (("qkeras-v3", "v3"), ("qkeras", "0.9")):
        try:
            metadata.version(package)
            return flavour
        except metadata.PackageNotFoundError:
            pass
    return None


@functools.cache
def interpreter(flavour: str) -> str:
    """A Python that has this QKeras; skips the test where there is none."""
    if _installed() == flavour:
        return sys.executable
    other = os.environ.get("HWGEN_QKERAS_V3_PYTHON") if flavour == "v3" else None
    if not other:
        reason = f"needs QKeras {flavour}" + (": set HWGEN_QKERAS_V3_PYTHON" if flavour == "v3" else "")
        pytest.skip(reason)
    return other


def qkeras_results(flavour: str, cases: list) -> tuple[list, list]:
    """(results, configs) of QKeras for [(name, parameters, x), ...]; parameters None: the name is a string to parse."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "cases.npz", Path(folder) / "results.npz"
        listed = json.dumps([[name, parameters] for name, parameters, _ in cases])
        np.savez(source, cases=listed, **{f"x{k}": case[2] for k, case in enumerate(cases)})
        script = Path(__file__).with_name("qkeras_results.py")
        done = subprocess.run(
            [interpreter(flavour), str(script), str(source), str(target)], capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr[-3000:]
        with np.load(target) as found:
            return [found[f"y{k}"] for k in range(len(cases))], json.loads(str(found["configs"]))
