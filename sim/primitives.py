"""Simulation models of the primitives that hwgen's Verilog has instances of."""

from __future__ import annotations

from pathlib import Path

MODELS = {"xc7": Path(__file__).with_name("xc7_primitives.v")}


def primitives(family: str) -> tuple[Path, ...]:
    """The Verilog files to simulate a design for this family with."""
    return (MODELS[family],) if family in MODELS else ()
