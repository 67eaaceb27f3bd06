"""The PLL's dividers, against the data sheet's limits and what Project Trellis's own calculator says."""

import random
import re
import subprocess

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, Signal

from hwgen.chip.pll import pll
from hwgen.errors import OptionError


def test_every_clock_that_is_made_is_exact_and_within_the_limits():
    rng, made = random.Random(1), 0
    for source in (25.0, 48.0, 100.0, 12.0):
        for wanted in (50, 60, 75, 100, 62.5, *(rng.randrange(10, 300) for _ in range(60))):
            try:
                found = pll(source, wanted)
            except OptionError as error:
                near = [float(mhz) for mhz in re.findall(r"nearest: ([\d.]+) and ([\d.]+) MHz", str(error))[0]]
                assert near[0] < wanted < near[1] and all(mhz == source or pll(source, mhz) for mhz in near)
                continue
            if found is None:
                assert source == wanted
                continue
            made += 1
            assert source * found.feedback / found.input == wanted
            assert 400 <= wanted * found.output <= 800 and source / found.input >= 3.125
            assert all(1 <= n <= 128 for n in (found.input, found.feedback, found.output))
    assert made > 20


def test_every_clock_of_a_plle2_is_exact_and_within_the_data_sheet():
    """Xilinx DS181, speed grade -1: VCO 800 to 1600 MHz, detector 19 to 450, output 6.25 to 800; UG472: the dividers."""
    rng, made = random.Random(2), 0
    for source in (100.0, 125.0, 48.0, 25.0):
        for wanted in (50, 75, 100, 125, 150, 62.5, 4, 900, *(rng.randrange(5, 300) for _ in range(30))):
            try:
                found = pll(source, wanted, "xc7")
            except OptionError as error:
                near = [float(mhz) for mhz in re.findall(r"[\d.]+(?= and| MHz .--clock)", str(error))]
                assert near and wanted not in near
                continue
            if found is None:
                assert source == wanted
                continue
            made += 1
            vco = source * found.feedback / found.input
            assert vco / found.output == pytest.approx(wanted, abs=1e-9) and 800 <= vco <= 1600
            assert 19 <= source / found.input <= 450 and 6.25 <= wanted <= 800
            assert 1 <= found.input <= 56 and 2 <= found.feedback <= 64 and 1 <= found.output <= 128
    assert made > 20
    with pytest.raises(OptionError, match="the PLL can't take 12 MHz"):
        pll(12.0, 50, "xc7")


def test_the_ports_of_a_plle2():
    m = Module()
    ports = [Signal(name=name) for name in ("pin", "clock", "locked")]
    m.submodules.pll = pll(100.0, 150, "xc7").instance(*ports)
    text = verilog.convert(m, ports=ports, emit_src=False)
    for name, value in {"CLKFBOUT_MULT": "32'd15", "CLKOUT0_DIVIDE": "32'd10", "DIVCLK_DIVIDE": "32'd1"}.items():
        assert f".{name}({value})" in text
    for name, value in {
        "CLKIN1": "pin",
        "CLKOUT0": "clock",
        "LOCKED": "locked",
        "CLKINSEL": "1'h1",
        "PWRDWN": "1'h0",
    }.items():
        assert f".{name}({value})" in text
    assert re.search(r"\.CLKFBIN\(([^)]+)\)", text)[1] == re.search(r"\.CLKFBOUT\(([^)]+)\)", text)[1]
    assert ".CLKIN1_PERIOD(10.0" in text


def test_a_clock_that_can_not_be_made():
    with pytest.raises(
        OptionError, match=r"the PLL can't make 66.6 MHz of 25 MHz; nearest: 65.625 and 68.75 MHz \(--clock\)"
    ):
        pll(25.0, 66.6)


def test_against_ecppll(tmp_path):
    """The same clock from other people's calculator is the same PLL."""
    for source, wanted in ((25, 50), (25, 75), (25, 100)):
        subprocess.run(
            ["yowasp-ecppll", "-i", str(source), "-o", str(wanted), "-f", "pll.v"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
            timeout=120,
        )
        text = (tmp_path / "pll.v").read_text()
        m = Module()
        ports = [Signal(name=name) for name in ("pin", "clock", "locked")]
        m.submodules.pll = pll(source, wanted).instance(*ports)
        ours = verilog.convert(m, ports=ports, emit_src=False)
        for name, value in re.findall(r"\.([A-Z_]+)\((\d+|\"[A-Z]+\")\)", text):
            if name[:-1] != "OUTDIVIDER_MUX" and name != "CLKOP_CPHASE":  # the phase has no say: CLKOP is the feedback
                found = re.search(rf"\.{name}\((?:32'd|1'h)?([^)]+)\)", ours)[1]
                assert found == value or int(found) == int(value), name
        for name, value in re.findall(r"\(\* ([A-Z_]+)=(\"[\d.]+\") \*\)", text):
            assert f"(* {name} = {value} *)" in ours or f"{name} = {value}" in ours, name
        for name, value in re.findall(r"\.([A-Z0-9]+)\(1'b([01])\)", text):
            assert f".{name}(1'h{value})" in ours, name
