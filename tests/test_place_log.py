"""What is made of nextpnr's log."""

import re

import pytest

from hwgen.place_log import Path, parse
from tests.fake_nextpnr import BLOCKS, FREQUENCY, PLACING, log


def test_the_clock_after_placement_and_after_routing_are_told_apart():
    found = parse(log(121.64, 163.2), BLOCKS)
    assert (found.placed_mhz, found.routed_mhz) == (121.64, 163.2)
    assert (found.failure, found.error) == (None, None)


@pytest.mark.parametrize("level", ["Warning: ", "ERROR: "])
def test_a_clock_that_is_missed_is_a_result(level):
    found = parse(log(121.64, 140.37).replace("Warning: ", level), BLOCKS)
    assert (found.placed_mhz, found.routed_mhz, found.failure, found.error) == (121.64, 140.37, None, None)


def test_the_slowest_path_names_its_blocks():
    path = parse(log(121, 140), BLOCKS).path
    assert path == Path("b_sum", "b_sum_window", logic_ns=0.57, routing_ns=1.08, levels=1)
    assert parse(log(121, 140), ["b"]).path.start == "between blocks", "a block's name is whole"


def test_the_slowest_of_several_clocks_counts():
    two = log(121, 140) + "Info: " + FREQUENCY.replace("'clock'", "'other'").format(99, "FAIL")
    assert parse(two, BLOCKS).routed_mhz == 99


def test_what_is_used_of_the_chip():
    assert parse(log(150, 150)).used == {"SLICE_LUTX": (11563, 35200), "CARRY4": (824, 4400)}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            r"Unable to find legal placement for cell '$flatten\network.\b_sum.$split$3' of type 'CARRY4' after 9 attempts",
            "a cell of type CARRY4 in b_sum found no place; it takes 824 of 4,400 carry chains",
        ),
        (
            "Unable to find legal placement for all cells, design is probably at utilisation limit.",
            r"the design is too dense; it takes 11,563 of 35,200 LUTs \(SLICE_LUTX\)",
        ),
    ],
)
def test_a_placement_that_fails_is_a_result_that_says_of_what(line, reason):
    found = parse(PLACING + f"ERROR: {line}\n", BLOCKS)
    assert re.search(f"^no legal placement was found: .*{reason}", found.failure), found.failure
    assert (found.placed_mhz, found.routed_mhz, found.path) == (None, None, None)


def test_a_routing_that_fails_is_a_result():
    text = log(121, 140).split("Info: Critical path")[0] + "ERROR: Failed to route arc 0.0 of net 'x', from A to B.\n"
    found = parse(text, BLOCKS)
    assert found.failure == "routing failed: Failed to route arc 0.0 of net 'x', from A to B."
    assert (found.placed_mhz, found.routed_mhz) == (121, None)


def test_any_other_error_is_no_result():
    found = parse(PLACING + "ERROR: Unable to read chipdb x.bin\n" + log(150, 150), BLOCKS)
    assert (found.error, found.failure, found.routed_mhz) == ("Unable to read chipdb x.bin", None, None)
