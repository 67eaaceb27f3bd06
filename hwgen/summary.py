"""What a run found out, for the terminal: a table of layers, and the lines under it."""

from __future__ import annotations

from hwgen import virtual
from hwgen.chip import limits
from hwgen.chip import lines as chip_lines
from hwgen.power import lines as power_lines

SHOWN = ("lut", "ff", "bram36", "dsp")  # in the table
FULLEST = 3  # FIFOs that are named


def table(report: dict):
    """A rich table: one row a layer, the sums, and the board's share."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    kind = "synthesized" if "synthesized" in report["resources"] else "estimated"
    title = f"{report['model']} on {report['board']} ({report['part']})"
    result = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    result.add_column("layer", overflow="fold", min_width=len("share of board"))
    for heading in ("output", "type"):
        result.add_column(heading, overflow="fold")
    for heading in ("a cycle", "cycles", report["resources"]["lut"].replace("LUT6", "LUT"), "FF", "BRAM", "DSP"):
        result.add_column(heading, justify="right", no_wrap=True)

    def numbers(entry: dict, kind: str) -> list[str]:
        return [f"{entry[kind][resource]:g}" for resource in SHOWN]

    for layer in report["layers"]:
        shape = "×".join(map(str, layer["shape"]))
        row = [layer["name"], shape, layer["output_type"], layer["folding"]]
        result.add_row(*row, str(layer["interval_cycles"]["estimated"]), *numbers(layer["resources"], kind))
    result.add_section()
    result.add_row(kind, "", "", "", "", *numbers(report["resources"], kind))
    if kind != "estimated":
        result.add_row("estimated", "", "", "", "", *numbers(report["resources"], "estimated"))
    used, board = report["resources"][kind], report["resources"]["board"]
    shares = [f"{100 * used[resource] / board[resource]:.0f} %" for resource in SHOWN]
    result.add_row("share of board", "", "", "", "", *shares)
    return result


def lines(report: dict) -> list[str]:
    """The lines under the table: rate, latency, exactness, accuracy."""
    found = []
    for key, name in (("interval_cycles", "interval"), ("latency_cycles", "latency")):
        values = report[key]
        assumed = report["clock_mhz"]["assumed"]
        seconds = {kind: cycles / assumed for kind, cycles in values.items()}
        parts = [f"{values[kind]:,} cycles {kind}" for kind in ("simulated", "estimated") if kind in values]
        text = f"{name}: " + ", ".join(parts)
        best = seconds.get("simulated", seconds["estimated"])
        if name == "interval":
            text += (
                f" = {1e6 / best:,.0f} frames/s at an assumed {assumed:g} MHz (slowest block: {report['bottleneck']})"
            )
        else:
            text += f" = {best:,.1f} µs"
        found.append(text)
    found.insert(1, f"next faster: {report['faster']['text']}")
    if len(report["ports"]) > 2:
        found.append("ports: " + ", ".join(f"{port['name']} {port['layer']}" for port in report["ports"]))
    if "place" in report:
        found.append(_clock(report))
    found += limits.summary(report) + chip_lines.summary(report)
    if "exact" in report:
        exact = report["exact"]
        found.append(
            f"exact: {exact['frames']} frames, {exact['values']:,} values compared on every stream, "
            f"{exact['mismatches']} mismatches ({report['simulator']})"
        )
    found += virtual.summary(report) + power_lines.summary(report) + _fullest(report)
    if "accuracy" in report:
        accuracy = report["accuracy"]
        parts = [f"{name} {100 * value:.1f} %" for name, value in accuracy.items() if isinstance(value, float)]
        if parts:
            found.append(f"accuracy: {', '.join(parts)} on {accuracy['frames']} labelled frames")
        for name in (name for name in accuracy if name.endswith("outputs equal")):
            found.append(f"{name} to the model's own: {accuracy[name]} of {accuracy['frames']} frames")
    return found


def _fullest(report: dict) -> list[str]:
    """The line about the FIFOs: what they hold in all, and the fullest of them once a simulation has seen them."""
    fifos = report["fifos"]
    if not fifos:
        return []
    kbits = sum(fifo["depth"] * fifo["bits"] for fifo in fifos) / 1024
    text = f"FIFOs: {len(fifos)} with room for {kbits:,.1f} Kbit"
    seen = [fifo for fifo in fifos if fifo.get("highest") is not None]
    if seen:
        seen.sort(key=lambda fifo: (-fifo["highest"] / fifo["depth"], -fifo["depth"]))
        most = ", ".join(f"{fifo['name']} {fifo['highest']} of {fifo['depth']}" for fifo in seen[:FULLEST])
        text += f"; highest fill: {most}" + (
            f", {len(seen) - FULLEST} more in the report" if len(seen) > FULLEST else ""
        )
    return [text]


def _clock(report: dict) -> str:
    """The line about the clock of a network that was placed."""
    clock, place = report["clock_mhz"], report["place"]
    target = f"target {place['target_mhz']:g} MHz"
    if place["failure"] is not None:
        estimate = f", {clock['placed']:g} MHz estimated after placement" if "placed" in clock else ""
        return f"clock: {clock['assumed']:g} MHz is assumed{estimate}; {place['failure']} ({place['tool']}, {target})"
    text = f"clock: {clock['routed']:g} MHz reached after routing ({place['tool']}, {target})"
    text += f" = {report['frames_per_second']['at routed clock']:,.0f} frames/s"
    if path := place["path"]:
        where = path["start"] if path["start"] == path["end"] else f"{path['start']} to {path['end']}"
        text += f"; slowest path: {where}, {path['logic_ns']:g} ns logic, {path['routing_ns']:g} ns routing"
    return text
