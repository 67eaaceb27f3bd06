"""Whole chips of 7 series by the open flow: a serial line's by tools that pretend, a netlist and a bitstream by real ones."""

import json
import re
from collections import Counter
from types import SimpleNamespace

import pytest

from hwgen.boards import BOARDS
from hwgen.boards.shell.zynq import PORT_REGISTERS, whole
from hwgen.chip import xc7
from hwgen.chip.bitfile import parse
from hwgen.chip.chip import Chip
from hwgen.chip.faults import check_netlist
from hwgen.chip.uart_top import uart_chip
from hwgen.errors import OptionError, ToolMissing
from hwgen.netlist import block_of
from hwgen.place import Tool
from hwgen.synth import run_worker
from tests.chip.test_bitfile import made, words
from tests.chip.test_xc7 import database, pretend
from tests.graphs import inception
from tests.shell.loop import looped_shell
from tests.test_end_to_end import hardware

ARTY, ZYBO = BOARDS["arty-a7-35t"], BOARDS["zybo"]


def made_bit(part):
    return made(words(100, 1), part=part)


def test_a_chip_with_a_serial_line(tmp_path, monkeypatch):
    """Pins and clock of an Artix-7 board go through buffers; its clock is the oscillator's."""
    integer = inception(3, (5, 4, 2))
    compiled = SimpleNamespace(integer=integer, hardware=hardware(integer, 300))
    whole = uart_chip(compiled, ARTY, 100.0)
    top = whole.text[whole.text.index(f"module {whole.top}(") :]
    for cell, port in (("IBUF", "clk"), ("IBUF", "rx"), ("OBUF", "tx")):
        assert re.search(rf"{cell} \w+ \([^;]*\.{'O' if port == 'tx' else 'I'}\({port}\)", top)
    assert len(re.findall(r"\bBUFG \w+ \(", top)) == 1 and "PLLE2_ADV" not in top
    text = xc7.constraints(whole, ARTY)
    for port, site in (("clk", "E3"), ("rx", "A9"), ("tx", "D10")):  # Digilent's XDC file of the board
        assert f"set_property PACKAGE_PIN {site} [get_ports {port}]\n" in text
        assert f"set_property IOSTANDARD LVCMOS33 [get_ports {port}]\n" in text
    pretend(tmp_path, monkeypatch, bit=made_bit("xc7a35tcsg324-1"))
    database(tmp_path / "database", "xc7a35tcsg324-1", "artix7")
    found = xc7.build(whole, ARTY, [], tmp_path / "work", lambda stage, part=None: None)
    assert found.others == () and found.bit.read_bytes() == made_bit("xc7a35tcsg324-1")
    faster = uart_chip(compiled, ARTY, 125.0)
    assert "PLLE2_ADV" in faster.text
    with pytest.raises(OptionError, match="arty-a7-35t: by open tools it runs at its oscillator's 100 MHz alone"):
        xc7.build(faster, ARTY, [], tmp_path / "work", lambda stage, part=None: None)


@pytest.fixture(scope="module")
def looped():
    """The chip of a network of a few lines."""
    made = whole(looped_shell([(7, 3)]))
    parts = (*(f"shell.emitted.{part}" for part in ("control", "dma", "slave")), *PORT_REGISTERS)
    return Chip(made.top, made.text, "loop", "shell.emitted.network.emitted", parts, made.identity, 100.0, "clk")


def test_a_real_netlist_has_what_nextpnr_can_place(looped, tmp_path):
    """By Yosys itself: the cells are those of the tools, and each is in a part of the chip."""
    (tmp_path / "chip.v").write_text(looped.text)
    job = {"family": "xc7", "file": str(tmp_path / "chip.v"), "top": looped.top, "network": looped.network}
    job |= {"parts": looped.parts} | {name: str(tmp_path / f"{name}.json") for name in ("stats", "netlist")}
    (tmp_path / "job.json").write_text(json.dumps(job))
    run_worker("hwgen.chip.worker", tmp_path / "job.json", tmp_path / "log", lambda stage, part: None)
    netlist = json.loads((tmp_path / "netlist.json").read_text())
    cells = netlist["modules"][looped.top]["cells"]
    kinds = {cell["type"] for cell in cells.values()}
    assert {"PS7", "BUFG", "FDRE", "RAM32M"} <= kinds and not kinds & {"LUT6_2", "RAM32X1S", "RAM64X1S", "$scopeinfo"}
    names = [*looped.parts, looped.path]
    where = Counter(block_of(name, names) for name in cells)
    assert set(names) <= set(where) and where["between blocks"] < 0.02 * len(cells), where
    check_netlist(netlist, looped.top, Tool("nextpnr-himbaechel", "nextpnr-himbaechel 0.11.1", True, None), names)


def test_a_real_bitstream(looped, tmp_path):
    """By all the real tools, where they are (CI has none: skipped): a chip that says it is a xc7z010."""
    try:
        xc7.check(ZYBO)
    except ToolMissing as missing:
        pytest.skip(str(missing))
    found = xc7.build(looped, ZYBO, [], tmp_path, lambda stage, part=None: None)
    bit = parse(found.bit.read_bytes())
    at = bit.data.index(bytes.fromhex("30018001"))  # a packet of one word for IDCODE (Xilinx UG470)
    assert bit.data[at + 4 : at + 8] == bytes.fromhex("03722093") and len(bit.data) == 2_083_740
    assert found.others[0].read_bytes()[:4] == bit.data[3::-1] and found.found.routed_mhz >= 100
    known = {*looped.parts, looped.path}
    assert {found.found.path.start, found.found.path.end} <= known
