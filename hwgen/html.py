"""report.json as one HTML page to look at: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape

from hwgen import virtual
from hwgen.chip import lines as chip_lines
from hwgen.power import lines as power_lines

KINDS = {"lut": "LUT", "lutram": "LUT as memory", "ff": "flip-flops", "bram36": "block RAM (36 Kb)", "dsp": "DSP"}

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2430; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.fact { background: #f2f4f8; border-radius: .5rem; padding: .6rem 1rem; } .fact b { display: block; font-size: 1.2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px
solid #e3e6ec; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: #e3e6ec; border-radius: .2rem; height: .7rem; min-width: 8rem; }
.bar i { display: block; height:
100%; border-radius: .2rem; background: #3b6fb6; } .bar i.full { background: #c0392b; } small { color: #5c6675; }
"""


def page(report: dict) -> str:
    """The page as text. `report` is what `hwgen.report.build` gives."""
    title = f"{report['model']} on {report['board']}"
    parts = [_facts(report), _board(report), _layers(report)]
    if "place" in report:
        parts.append(_place(report["place"]))
    parts += [_whole_chip(title, report) for title in ("chip", "virtual") if title in report]
    parts += [power_lines.section(report), _ports(report)]
    if report["fifos"]:
        parts.append(_fifos(report))
    body = "\n".join(parts)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f"{head}<h1>{escape(title)}</h1><small>{escape(report['part'])}, hwgen {report['hwgen']}</small>\n{body}</html>\n"


def _best(values: dict) -> tuple[float, str]:
    """(value, how it was had): measured before estimated."""
    kind = next(kind for kind in ("simulated", "synthesized", "estimated") if kind in values)
    return values[kind], kind


def _facts(report: dict) -> str:
    facts = []
    for key, unit in (
        ("frames_per_second", "frames/s"),
        ("interval_cycles", "cycles a frame"),
        ("latency_cycles", "cycles latency"),
    ):
        value, kind = _best(report[key])
        facts.append((f"{value:,.0f}", f"{unit}, {kind}"))
    for kind, words in (("assumed", "assumed"), ("placed", "estimated after placement"), ("routed", "after routing")):
        if kind in report["clock_mhz"]:
            facts.append((f"{report['clock_mhz'][kind]:g} MHz", f"clock, {words}"))
    facts.append((report["bottleneck"], "slowest block"))
    if "exact" in report:
        exact = report["exact"]
        facts.append(
            (f"{exact['mismatches']} of {exact['values']:,}", f"values differ, {exact['frames']} frames simulated")
        )
    for name, value in report.get("accuracy", {}).items():
        if isinstance(value, float):
            facts.append((f"{100 * value:.1f} %", f"accuracy, {name}"))
    cells = "".join(f'<div class="fact"><b>{escape(value)}</b>{escape(text)}</div>' for value, text in facts)
    return f'<div class="facts">{cells}</div><p>Next faster: {escape(report["faster"]["text"])}.</p>'


def _bar(share: float) -> str:
    full = ' class="full"' if share > 1 else ""
    return f'<div class="bar"><i{full} style="width:{min(100, 100 * share):.1f}%"></i></div>'


def _board(report: dict) -> str:
    resources = report["resources"]
    rows = []
    for kind, name in KINDS.items():
        estimated, available = resources["estimated"][kind], resources["board"][kind]
        measured = resources.get("synthesized", {}).get(kind)
        used = estimated if measured is None else measured
        texts = (f"{estimated:,g}", "" if measured is None else f"{measured:,g}", f"{available:,g}")
        cells = "".join(f'<td class="n">{text}' for text in texts)
        rows.append(f"<tr><td>{name}{cells}<td>{_bar(used / available)}")
    head = '<tr><th>resource<th class="n">estimated<th class="n">synthesized<th class="n">board<th>share'
    return f"<h2>Resources</h2><table>{head}{''.join(rows)}</table>"


def _layers(report: dict) -> str:
    interval = _best(report["interval_cycles"])[0]
    rows = []
    for layer in report["layers"]:
        cycles = layer["interval_cycles"]["estimated"]
        cost, kind = layer["resources"].get("synthesized"), "synthesized"
        if cost is None:
            cost, kind = layer["resources"]["estimated"], "estimated"
        numbers = "".join(f'<td class="n">{cost[k]:,g}' for k in ("lut", "ff", "bram36", "dsp"))
        shape = "×".join(map(str, layer["shape"]))
        blocks = "; ".join(f"{b['name']}: {b['block']}" for b in layer["blocks"])
        rows.append(
            f'<tr title="{escape(blocks)}"><td>{escape(layer["name"])}<td>{shape}<td>{escape(layer["output_type"])}'
            f'<td>{escape(layer["folding"])}<td class="n">{cycles:,}<td>{_bar(cycles / interval)}{numbers}'
        )
    head = (
        "<tr><th>layer<th>output<th>type<th>values a cycle<th class=n>cycles a frame<th>busy"
        f'<th class="n">LUT<th class="n">FF<th class="n">BRAM<th class="n">DSP</tr><caption><small>resources {kind}; '
        "point at a row for its blocks</small></caption>"
    )
    return f"<h2>Layers</h2><table>{head}{''.join(rows)}</table>"


def _ports(report: dict) -> str:
    rows = []
    for port in report["ports"]:
        shape = "×".join(map(str, port["shape"]))
        last = "the greatest value's index" if port.get("top1") else ""
        rows.append(
            f"<tr><td>{port['name']}<td>{escape(port['layer'])}<td>{shape}<td>{escape(port['type'])}"
            f'<td class="n">{port["bytes"]}<td class="n">{port["lanes"]}<td>{last}'
        )
    head = (
        '<tr><th>port<th>input or output<th>frame<th>type<th class="n">bytes a value<th class="n">values a beat'
        "<th>TUSER with TLAST"
    )
    return f"<h2>Ports</h2><table>{head}{''.join(rows)}</table>"


def _fifos(report: dict) -> str:
    rows = []
    for fifo in report["fifos"]:
        highest, bound = fifo.get("highest"), fifo["bound"]
        share = "" if highest is None else _bar(highest / fifo["depth"])
        seen = "" if highest is None else f"{highest:,}"
        numbers = (
            f"{bound['pace']:,}",
            "" if "dependence" not in bound else f"{bound['dependence']:,}",
            f"{fifo['depth']:,}",
            seen,
        )
        cells = "".join(f'<td class="n">{text}' for text in numbers)
        rows.append(f"<tr><td>{escape(fifo['name'])}<td>{fifo['bits']} bits, {fifo['memory']}{cells}<td>{share}")
    head = (
        '<tr><th>FIFO<th>a beat<th class="n">bound of pace<th class="n">bound of dependence<th class="n">depth'
        '<th class="n">highest fill seen<th>'
    )
    return f"<h2>FIFOs</h2><table>{head}{''.join(rows)}</table>"


def _place(place: dict) -> str:
    """What place and route said: why it failed or where the slowest path is, and what of the chip is used."""
    facts = [f"{place['tool']}, target {place['target_mhz']:g} MHz"]
    if place["failure"] is not None:
        facts.append(place["failure"])
    return f"<h2>Place and route</h2>{_routed(facts, place)}"


def _routed(facts: list[str], place: dict) -> str:
    """facts, the slowest path, and the cells that are used."""
    if path := place["path"]:
        facts = [
            *facts,
            f"slowest path from {path['start']} to {path['end']}: {path['logic_ns']:g} ns in {path['levels']} cells, "
            f"{path['routing_ns']:g} ns in wires",
        ]
    rows = [
        f'<tr><td>{escape(kind)}<td class="n">{used:,}<td class="n">{there:,}<td>{_bar(used / there)}'
        for kind, (used, there) in place["used"].items()
    ]
    head = '<tr><th>cells<th class="n">used<th class="n">there are<th>share'
    return f"<p>{escape('; '.join(facts))}</p><table>{head}{''.join(rows)}</table>"


def _whole_chip(kind: str, report: dict) -> str:
    """The chip with its shell: the bitstream, or the virtual board."""
    lines = (chip_lines if kind == "chip" else virtual).summary(report)
    facts = [line.removeprefix("chip: ").removeprefix("virtual board: ") for line in lines]
    if kind == "chip":
        return f"<h2>Bitstream</h2>{_routed(facts, report['chip'])}"
    return f"<h2>Virtual board</h2><p>{escape('; '.join(facts))}</p>"
