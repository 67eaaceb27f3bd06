"""What is said of a chip that was built: in report.json and in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from hwgen.layers.block import Resources


def entry(design, resources: Callable[[Resources], dict]) -> dict:
    """The part of report.json, nothing where no bitstream was made. resources: makes what is reported of them."""
    found = design.chip
    if found is None:
        return {}
    path = found.found.path
    chip = {
        "resources": resources(found.resources),
        "clock_mhz": found.clock_mhz,
        "routed_mhz": found.found.routed_mhz,
        "tools": found.tools,
        "used": {kind: list(amounts) for kind, amounts in found.found.used.items()},
        "path": None if path is None else asdict(path),
        "done_before": list(found.skipped),
    } | ({} if found.power_w is None else {"power_w": found.power_w})
    return {"chip": chip}


def summary(report: dict) -> list[str]:
    """The line about the bitstream, if there is one."""
    if "chip" not in report:
        return []
    chip = report["chip"]
    cells = ", ".join(
        f"{chip['resources'][kind]:,g} {name}"
        for kind, name in (("lut", report["resources"]["lut"]), ("ff", "FF"), ("bram36", "BRAM"), ("dsp", "DSP"))
    )
    text = f"chip: {cells}; runs at {chip['clock_mhz']:g} MHz, {chip['routed_mhz']:g} MHz reached after routing"
    text += f" ({', '.join(chip['tools'].values())})"
    if "power_w" in chip and "vivado" not in report.get("power", {}):
        text += f"; {chip['power_w']:.2g} W by Vivado, of no simulated frames"
    if chip["done_before"]:
        text += f"; done before: {', '.join(chip['done_before'])}"
    return [text]
