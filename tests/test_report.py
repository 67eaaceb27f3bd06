"""The report: its keys, its table and its page, without and with measured numbers."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

import hwgen
from hwgen import html, report, summary
from hwgen.layers.block import Resources
from hwgen.layers.fifo import Fifo

MODEL = Path(__file__).resolve().parent.parent / "examples/digits/digits.h5"


@pytest.fixture(scope="module")
def design():
    return hwgen.compile(MODEL)


def test_layers_sum_to_the_whole(design):
    found = report.build(design)
    for kind in ("lut", "ff"):
        total = sum(layer["resources"]["estimated"][kind] for layer in found["layers"])
        assert abs(total - found["resources"]["estimated"][kind]) <= len(found["layers"])  # rounding


def test_every_layer_of_the_model_with_hardware_is_there(design):
    names = [layer["name"] for layer in report.build(design)["layers"]]
    for name in ("first", "first_relu", "a", "b", "c", "d", "inception", "pool", "mix", "scores"):
        assert name in names


def test_the_table_fits_80_columns_and_the_page_escapes(design):
    console = Console(width=80, record=True, file=open("/dev/null", "w"))
    with console.file:
        console.print(summary.table(report.build(design)))
    text = console.export_text()
    assert "first_relu " in text and "estimated" in text, "no name is folded"
    found = report.build(design) | {"model": "<script>"}
    assert "<script>" not in html.page(found)


def test_bitstream_and_virtual_board_are_on_the_page_and_in_the_terminal(design):
    chip = {"resources": {"lut": 812, "ff": 2, "bram36": 0.5, "dsp": 0}, "clock_mhz": 125.0, "routed_mhz": 127.0}
    chip |= {"tools": {"nextpnr": "nextpnr 1"}, "used": {"SLICE": [3, 40]}, "done_before": []}
    chip |= {"path": {"start": "a<", "end": "b", "logic_ns": 1.0, "routing_ns": 2.0, "levels": 3}}
    board = {"frames": 7, "values": 70, "interval_cycles": 784.0, "frames_per_second": 5.0, "clock_mhz": 125.0}
    board |= {"starved_cycles": {"image": 4}, "blocked_cycles": {"scores": 0}, "simulator": "V 5"}
    found = report.build(design) | {"chip": chip, "virtual": board | {"simulated_cycles_per_second": 9}}
    page, lines = html.page(found), "\n".join(summary.lines(found))
    for text in ("812 LUT6", "127 MHz reached after routing", "7 frames through driver", "784 cycles a frame"):
        assert text in page and text in lines, text
    assert "Bitstream" in page and "from a&lt; to b: 1 ns in 3 cells" in page
    assert "Bitstream" not in html.page(report.build(design))


def test_measured_values_stand_beside_the_estimates(design):
    graph, instances = design.compiled.hardware, design.compiled.emitted.instances
    blocks = {instances[node.name]: Resources(lut=3, ff=2) for node in graph.nodes}
    fifos = [node for node in graph.nodes if isinstance(node.op, Fifo)]
    design.synthesized = SimpleNamespace(total=Resources(lut=700, ff=500), blocks=blocks)
    design.simulated = SimpleNamespace(
        simulator="S",
        interval_cycles=800,
        latency_cycles=1500,
        frames=3,
        compared=9,
        mismatched=0,
        fills={node.name: node.op.depth - k for k, node in enumerate(fifos)},
        first_in=[10],
        last_seen={"first": [900, 1700]},
    )
    found = report.build(design)
    design.synthesized = design.simulated = None
    json.dumps(found)
    first = next(layer for layer in found["layers"] if layer["name"] == "first")
    assert (first["latency_cycles"]["simulated"], first["interval_cycles"]["simulated"]) == (890, 800)
    assert found["resources"]["synthesized"]["lut"] == 700
    assert found["interval_cycles"]["simulated"] == 800 != found["interval_cycles"]["estimated"]
    assert found["exact"] == {"frames": 3, "values": 9, "mismatches": 0}
    first = next(layer for layer in found["layers"] if layer["name"] == "first")
    assert first["resources"]["synthesized"]["lut"] == 3 * len(first["blocks"])
    assert "700" in html.page(found)
    assert [fifo["highest"] for fifo in found["fifos"]] == [n.op.depth - k for k, n in enumerate(fifos)]
    (line,) = [line for line in summary.lines(found) if line.startswith("FIFOs")]
    assert f"highest fill: {fifos[0].name} {fifos[0].op.depth} of {fifos[0].op.depth}, " in line
    page = html.page(found)
    for fifo in found["fifos"]:
        assert f'<td class="n">{fifo["depth"]:,}<td class="n">{fifo["highest"]:,}<td>' in page, fifo["name"]


def test_every_fifo_stands_there_with_its_depth_and_what_it_is_sized_by(design):
    found = report.build(design)
    fifos = {node.name: node for node in design.compiled.hardware.nodes if isinstance(node.op, Fifo)}
    assert [fifo["name"] for fifo in found["fifos"]] == list(fifos)
    consumers = {ref.node: node for node in design.compiled.hardware.nodes for ref in node.inputs}
    for fifo in found["fifos"]:
        block = fifos[fifo["name"]].op
        assert (fifo["depth"], fifo["bits"], fifo["memory"]) == (block.depth, block.bits, block.style)
        assert ("dependence" in fifo["bound"]) == (len(consumers[fifo["name"]].inputs) > 1)
        assert max(fifo["bound"].values()) <= fifo["depth"]
        assert "highest" not in fifo, "nothing was simulated"
    (line,) = [line for line in summary.lines(found) if line.startswith("FIFOs")]
    assert line.startswith(f"FIFOs: {len(fifos)} with room for ") and "fill" not in line
    page = html.page(found)
    for fifo in found["fifos"]:
        assert f"<tr><td>{fifo['name']}<td>{fifo['bits']} bits, {fifo['memory']}<td" in page
