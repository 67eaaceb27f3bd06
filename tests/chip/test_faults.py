"""Netlists with cells that nextpnr gives wrong bits: refused by the tools that do, taken by those that don't."""

import random
import re

import pytest

from hwgen.chip.faults import check_fasm, check_log, check_netlist, corrected
from hwgen.errors import ToolFailed
from hwgen.place import Tool

HIMBAECHEL = Tool("nextpnr-himbaechel", "nextpnr-himbaechel 0.11.1-8-g7c0c1c40", True, None)
OLD, NEW = (Tool("nextpnr-xilinx", f"nextpnr-xilinx {version}", False, None) for version in ("0.8.2", "0.9.6"))
TOOLS = (HIMBAECHEL, OLD, NEW)
WIDTHS = {"READ_WIDTH_A": 0, "READ_WIDTH_B": 0, "WRITE_WIDTH_A": 0, "WRITE_WIDTH_B": 0}


def cell(kind, connections=None, **parameters):
    """As in Yosys's JSON: numbers are written in binary, 32 bits or more."""
    binary = {name: value if isinstance(value, str) else f"{value:032b}" for name, value in parameters.items()}
    return {"type": kind, "parameters": binary, "connections": connections or {}}


def netlist(**cells):
    """The cells under test in a block of their own, and a few more that any network has."""
    rng = random.Random(1)
    found = {f"$flatten\\path.\\{name}.$x": one for name, one in cells.items()}
    for k in range(20):
        found[f"$flatten\\path.\\b_sum.$lut{k}"] = cell(
            "LUT6", {"I0": [1000 + k], "O": [1001 + k]}, INIT=rng.getrandbits(63)
        )
        found[f"$flatten\\path.\\b_sum.$ff{k}"] = cell("FDRE", {"D": [1001 + k]}, INIT="x")
    return {"modules": {"top": {"cells": found}, "other": {"cells": {"x": cell("DSP48E1")}}}}


def refused(tool, **cells):
    try:
        check_netlist(netlist(**cells), "top", tool, ["path.b_sum", "path.c_sum", "path.d_sum"])
    except ToolFailed as error:
        return str(error)
    return None


def test_a_netlist_of_ordinary_cells_passes():
    zeros = cell("RAM32M", INIT_A="0" * 64, INIT_B="x" * 64, INIT_C=0)
    wide = cell(
        "RAMB18E1",
        {"DOPADOP": [5]},
        RAM_MODE="SDP",
        INIT_A="x" * 18,
        INIT_00="1" * 256,
        **(WIDTHS | {"READ_WIDTH_A": 36}),
    )
    for tool in TOOLS:
        assert refused(tool, c_sum=zeros, d_sum=wide) is None
        assert refused(tool, c_sum=cell("SRL16E", INIT=0), d_sum=cell("SRLC32E", INIT="x" * 32)) is None


def test_multipliers_are_refused_whatever_the_tool():
    for tool in TOOLS:
        said = refused(tool, c_sum=cell("DSP48E1"), d_sum=cell("DSP48E1"))
        assert said.startswith(f"{tool.version} would make a bitstream that is wrong on the chip: a DSP48E1")
        assert "(in path.c_sum, path.d_sum)" in said and "--toolchain vivado" in said and "\n" not in said


@pytest.mark.parametrize("kind", ["RAM32M", "RAM64M", "RAM32X1D", "RAM64X1D", "SRL16E", "SRLC32E"])
def test_first_contents_of_luts_as_memory(kind):
    name = "INIT_C" if kind.endswith("M") else "INIT"
    for tool in (HIMBAECHEL, OLD):
        assert f"a {kind} whose first contents it ignores (in path.c_sum)" in refused(
            tool, c_sum=cell(kind, **{name: 4})
        )
    assert refused(NEW, c_sum=cell(kind, **{name: 4})) is None


def test_block_ram_of_widths_1_and_9():
    parity = {"DOADO": list(range(10, 42)), "DOPADOP": [42, 43, 44, 45], "DOPBDOP": [46, 47, 48, 49]}
    nine = cell("RAMB36E1", parity, **(WIDTHS | {"READ_WIDTH_A": 9, "WRITE_WIDTH_B": 9}))
    for tool in (HIMBAECHEL, OLD):
        assert refused(tool, c_sum=nine) is None  # nobody reads the parity
        reader = cell("LUT2", {"I0": [42], "O": [50]})
        assert "a RAMB36E1 of width 9, of which it loses the parity (in path.c_sum)" in refused(
            tool, c_sum=nine, d_sum=reader
        )
        one = cell("RAMB36E1", **(WIDTHS | {"READ_WIDTH_B": 1}))
        assert "a RAMB36E1 of width 1, of which it loses bits (in path.c_sum)" in refused(tool, c_sum=one)
        small = cell("RAMB18E1", parity, **(WIDTHS | {"READ_WIDTH_A": 9}))
        assert refused(tool, c_sum=small, d_sum=reader) is None  # of 18 Kb they are right
        for width in (2, 4, 18, 36, 72):
            assert (
                refused(tool, c_sum=cell("RAMB36E1", parity, **(WIDTHS | {"READ_WIDTH_A": width})), d_sum=reader)
                is None
            )
    assert refused(NEW, c_sum=nine, d_sum=cell("LUT2", {"I0": [42]})) is None


def test_outputs_of_block_ram_that_begin_with_ones():
    for tool in TOOLS:
        for name in ("INIT_A", "INIT_B", "SRVAL_A", "SRVAL_B"):
            assert "a RAMB18E1 whose outputs begin with other values" in refused(
                tool, c_sum=cell("RAMB18E1", **{name: 1})
            )


def test_versions():
    def of(version, himbaechel=False):
        return corrected(Tool("x", f"nextpnr-x {version}", himbaechel, None))

    assert [of(v) for v in ("0.9.6", "0.9.6-3-gabc", "0.10.0", "1.0.0")] == [True] * 4
    assert [of(v) for v in ("0.9.5", "0.8.2", "unknown", "0.9")] == [False] * 4
    assert not of("1.0.0", himbaechel=True)


# --- what nextpnr wrote -------------------------------------------------------------------------------------------
WIDE = {"RAMB18_Y0": ["READ_WIDTH_B_18"], "RAMB18_Y1": ["READ_WIDTH_A_18", "READ_WIDTH_B_18"]}


def fasm(half, features, tile="BRAM_R_X37Y90"):
    lines = [f"{tile}.{half}.{name}" for name in (*features, "IN_USE", "INIT_00[255:0] = 256'b1")]
    return "CLBLM_L_X0Y1.SLICEM_X0.ALUT.INIT[63:0] = 64'b10\n" + "\n".join(lines) + "\n# routing\n"


@pytest.mark.parametrize("half", WIDE)
def test_a_wide_block_ram_needs_the_widths_of_both_ports(half):
    reads, writes = [*WIDE[half], "SDP_READ_WIDTH_36"], ["WRITE_WIDTH_A_18", "WRITE_WIDTH_B_18", "SDP_WRITE_WIDTH_36"]
    check_fasm(fasm(half, reads + writes), HIMBAECHEL)
    check_fasm(fasm(half, ["READ_WIDTH_A_9", "WRITE_WIDTH_B_9"]), HIMBAECHEL)
    for lacking in (*WIDE[half], "WRITE_WIDTH_A_18", "WRITE_WIDTH_B_18"):
        text = fasm(half, [name for name in reads + writes if name != lacking])
        text += fasm({"RAMB18_Y0": "RAMB18_Y1", "RAMB18_Y1": "RAMB18_Y0"}[half], reads + writes)  # isn't this half's
        with pytest.raises(
            ToolFailed, match=re.escape(f"at BRAM_R_X37Y90.{half} is 36 bits wide, but {lacking} isn't set")
        ):
            check_fasm(text, HIMBAECHEL)


def test_warnings_after_which_something_is_missing():
    log = (
        "Info: Packing\nWarning: ignoring unsupported XDC option '-add' (on line 3)\nInfo: Program finished normally.\n"
    )
    check_log(log, HIMBAECHEL)
    for warning, said in (
        (
            "Warning: Unprocessed route-thru CLBLM_R.A.B",
            "wrong on the chip: a wire goes .*'Unprocessed route-thru CLBLM_R.A.B'",
        ),
        (
            "Warning: found set_property with no cells matching '[get_ports rx]' (on line 5)",
            "a pin of the board isn't one .*rx",
        ),
    ):
        with pytest.raises(ToolFailed, match=said):
            check_log(f"{log}{warning}\n!", HIMBAECHEL)
