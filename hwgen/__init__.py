"""hwgen: from a QKeras model to bit-exact streaming hardware for small FPGAs."""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

# In a checkout hwgen.layers, hwgen.boards and hwgen.sim lie beside this folder; pyproject.toml maps them in the wheel.
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "layers").is_dir():
    __path__.append(str(_root))

__all__ = ["check", "compile", "pareto", "__version__"]


def __getattr__(name: str):
    # `hwgen --help` must not pay for importing the compiler.
    if name == "compile":
        from hwgen.api import compile

        return compile
    if name == "pareto":
        from hwgen.api import pareto

        return pareto
    if name == "check":
        from hwgen.checking import check

        return check
    raise AttributeError(f"module 'hwgen' has no attribute {name!r}")
