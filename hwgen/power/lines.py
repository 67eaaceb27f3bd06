"""What is said of the estimated power: in report.json, in the terminal, and in the HTML report."""

from __future__ import annotations

from dataclasses import asdict, fields
from html import escape

from hwgen.power import energies, measure
from hwgen.power.energies import PJ, Range
from hwgen.power.estimate import Parts

PARTS = {"registers": "flip-flops and their nets", "luts": "LUTs and their nets", "clock": "clock", "bram": "block RAM"}
BETWEEN = "between blocks"
ASSUMPTIONS = (
    "a LUT's output changes as often as the nets of its block do on average",
    "flip-flops that synthesis left out change as often as the others of their block",
    "glitches are not simulated and not counted",
    "the network alone: no shell, DMA, I/O, PLL or processor",
)


def entry(design) -> dict:
    """The part of report.json, nothing where no activity was recorded or the simulation wasn't of the whole network."""
    if design.recorded is None:
        return {}
    found = measure.of(design)
    names = {instance: node for node, instance in design.compiled.emitted.instances.items()}
    rate = found.frames_per_second
    power = {
        "estimate": True,
        "dynamic_w": _range(found.watts),
        "mj_an_image": _range(found.mj),
        "clock_mhz": found.clock_mhz,
        "frames": found.frames,
        "changes_a_net_and_cycle": _digits(found.toggle_rate),
        "counts": found.counts,
        "parts_w": {f.name: _range(getattr(found.parts, f.name) * (rate / PJ)) for f in fields(Parts)},
        "blocks": [
            {"name": names.get(instance, BETWEEN), "dynamic_w": _range(parts.total * (rate / PJ))}
            for instance, parts in found.blocks.items()
            if parts.total.high > 0
        ],
        "not_counted": {"dsp": found.dsp} if found.dsp else {},
        "static_w": energies.STATIC.get(design.board.part),
        "published": energies.PUBLISHED,
        "assumptions": list(ASSUMPTIONS),
    }
    if design.chip is not None and design.chip.power_w is not None:
        power["vivado"] = {"chip_w": design.chip.power_w, "mj_an_image": _digits(design.chip.power_w / rate * 1e3)}
    return {"power": power}


def _digits(value: float) -> float:
    """Four digits: more would say that it is known better than it is."""
    return float(f"{value:.4g}")


def _range(value: Range) -> dict[str, float]:
    return {kind: _digits(amount) for kind, amount in asdict(value).items()}


def summary(report: dict) -> list[str]:
    """The line about power, if there is one."""
    if "power" not in report:
        return []
    power = report["power"]
    watts, mj = power["dynamic_w"], power["mj_an_image"]
    text = f"estimated {watts['mid']:.2g} W dynamic ({watts['low']:.2g} to {watts['high']:.2g})"
    text += f" = {mj['mid']:.2g} mJ an image"
    if power["not_counted"]:
        text += f", without {power['not_counted']['dsp']:g} DSP"
    if "vivado" in power:
        vivado = power["vivado"]
        text = f"{vivado['chip_w']:.2g} W of the chip, by Vivado = {vivado['mj_an_image']:.2g} mJ an image ({text})"
    return [f"power: {text}; published for the reference: {power['published']['mj_an_image']} mJ"]


def section(report: dict) -> str:
    """The part of the HTML page, with the blocks that take most first."""
    if "power" not in report:
        return ""
    power = report["power"]
    total = power["dynamic_w"]["mid"] or 1
    rows = [_row(PARTS[name], watts, total) for name, watts in power["parts_w"].items()] + [
        _row(block["name"], block["dynamic_w"], total)
        for block in sorted(power["blocks"], key=lambda block: -block["dynamic_w"]["mid"])
    ]
    notes = [f"An {summary(report)[0].removeprefix('power: ')}"]
    if "vivado" in power:
        notes = [summary(report)[0].removeprefix("power: ")]
    notes.append(f"{power['frames']} frames at {power['clock_mhz']:g} MHz, LUTs and flip-flops {power['counts']}")
    if power["static_w"] is not None:
        notes.append(f"the chip takes {power['static_w']:g} W more while nothing switches")
    notes += power["assumptions"]
    head = '<tr><th>part or block<th class="n">mW<th class="n">low<th class="n">high<th>share'
    return f"<h2>Dynamic power, estimated</h2><p>{escape('; '.join(notes))}.</p><table>{head}{''.join(rows)}</table>"


def _row(name: str, watts: dict[str, float], total: float) -> str:
    numbers = "".join(f'<td class="n">{1e3 * watts[kind]:,.3g}' for kind in ("mid", "low", "high"))
    bar = f'<div class="bar"><i style="width:{min(100, 100 * watts["mid"] / total):.1f}%"></i></div>'
    return f"<tr><td>{escape(name)}{numbers}<td>{bar}"
