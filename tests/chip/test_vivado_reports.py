"""Vivado's periods and reports: every number that is put in comes out, and what isn't a report is refused by its file's name."""

import random
import re

import pytest

from hwgen.chip import vivado_reports as read
from hwgen.chip.vivado_tcl import period_ns
from hwgen.errors import ToolFailed
from tests import vivado_reports as form


def write(tmp_path, text):
    file = tmp_path / "some.rpt"
    file.write_text(text)
    return file


@pytest.mark.parametrize("seed", range(5))
def test_numbers(tmp_path, seed):
    rng = random.Random(seed)
    numbers = {"lut": rng.randrange(1000, 17600), "lutram": rng.randrange(1000), "ff": rng.randrange(35200)}
    numbers |= {"dsp": rng.randrange(80), "carry4": rng.randrange(4400)}
    bram = rng.randrange(120) / 2
    version, star = rng.choice(["2016.3", "2020.2", "2021.2", "2024.1"]), rng.choice(["", "*"])
    file = write(tmp_path, form.utilization(**numbers, bram=f"{bram:g}", version=version, star=star))
    assert vars(read.resources(file)) == numbers | {"bram36": bram}
    used = read.used(file)
    assert used["Slice LUTs"] == (numbers["lut"], 17600) and used["DSPs"] == (numbers["dsp"], 80)
    assert used["Slice"] == (3333, 4400) and used["LUT as Memory"] == (numbers["lutram"], 6000)
    wns, whs, wpws = (round(rng.uniform(-3, 3), 3) for _ in range(3))
    assert read.timing(write(tmp_path, form.timing(f"{wns:.3f}", f"{whs:.3f}", f"{wpws:.3f}"))) == read.Timing(
        wns, whs, wpws
    )
    total, dynamic, static = (round(rng.uniform(0, 9), 3) for _ in range(3))
    text = form.power(f"{total:.3f}", f"{dynamic:.3f}", f"{static:.3f}", "Medium")
    assert read.power(write(tmp_path, text)) == read.Power(total, dynamic, static, "Medium")
    hot = form.power(f"{total:.3f} (Junction temp exceeded!)", f"{dynamic:.3f}", f"{static:.3f}")
    assert read.power(write(tmp_path, hot)).total == total
    logic, route, levels = round(rng.uniform(0, 9), 3), round(rng.uniform(0, 9), 3), rng.randrange(5, 30)
    text = form.path(
        "shell/network/emitted/a_b/x_reg[3]/C", "shell/link/ram/RAMA/WADR0", f"{logic:.3f}", f"{route:.3f}", levels
    )
    names = ["shell.network.emitted.a", "shell.network.emitted.a_b", "shell.link"]
    found = read.path(write(tmp_path, text), names)
    assert (found.start, found.end, found.levels) == ("shell.network.emitted.a_b", "shell.link", levels)
    assert (found.logic_ns, found.routing_ns) == (logic, route)


def test_chips_that_are_not_right(tmp_path):
    read.check_routed(write(tmp_path, form.route_status()))
    for text, said in (
        (form.route_status(whole=30120), "3 of 30123 nets aren't routed whole, 0 have errors; see"),
        (form.route_status(errors=2), "0 of 30123 nets aren't routed whole, 2 have errors"),
        (form.route_status(routable=0, whole=0), "0 of 0 nets"),
    ):
        with pytest.raises(ToolFailed, match=said):
            read.check_routed(write(tmp_path, text))
    warning = ("ZPS7-1", "Warning", "PS7 block required", 1)
    read.check_rules(write(tmp_path, form.drc(warning)))
    read.check_rules(write(tmp_path, form.drc(warning).replace("Violations found", "Checks found")))
    worse = (warning, ("UCIO-1", "Error", "Unconstrained Logical Port", 3))
    for version in ("2015.4", "2023.2"):
        with pytest.raises(ToolFailed, match=r"found errors: UCIO-1 \(Unconstrained .*, 3 times\); see .*some.rpt"):
            read.check_rules(write(tmp_path, form.drc(*worse, version=version)))
    cut = form.drc(*worse, version="2015.4")
    with pytest.raises(ToolFailed, match="some.rpt says that rules are broken 4 times, but not all of which"):
        read.check_rules(write(tmp_path, cut[: cut.index("UCIO-1#2")]))
    with pytest.raises(ToolFailed, match="no path is timed, by .*some.rpt: the clock of chip.xdc was not found"):
        read.timing(write(tmp_path, form.timing("NA", "NA", "NA")))


def test_periods_are_never_longer_than_the_clocks():
    assert [period_ns(mhz) for mhz in (100, 125, 150, 111.111, 66.7)] == [10, 8, 6.666, 9.0, 14.992]
    for mhz in range(50, 301):
        assert 0 <= 1000 / mhz - period_ns(mhz) < 0.001


READERS = {
    read.resources: form.utilization(),
    read.timing: form.timing(),
    (lambda file: read.path(file, [])): form.path(),
    read.check_routed: form.route_status(),
    read.check_rules: form.drc(),
    read.power: form.power(),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_report(tmp_path, reader):
    good = READERS[reader]
    reader(write(tmp_path, good))
    for bad in ("", "text\n", good[: len(good) // 3], re.sub(r"\d", "?", good)):
        with pytest.raises(ToolFailed, match="some.rpt"):
            reader(write(tmp_path, bad))
    with pytest.raises(ToolFailed, match="none.rpt can't be read"):
        reader(tmp_path / "none.rpt")
    other = next(text for text in READERS.values() if text != good)
    with pytest.raises(ToolFailed, match="some.rpt"):
        reader(write(tmp_path, other))
