"""How nextpnr for Xilinx is found, run and ended; with a program that answers like it (`tests.fake_nextpnr`)."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hwgen import place
from hwgen.boards import BOARDS
from hwgen.errors import OptionError, ToolFailed, ToolMissing
from tests import fake_nextpnr
from tests.fake_nextpnr import BLOCKS, PLACING, ROUTING, log

ZYBO = BOARDS["zybo"]


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    fake_nextpnr.install_none(tmp_path / "bin", monkeypatch)


def fake(tmp_path, **options) -> place.Tool:
    fake_nextpnr.install(tmp_path / "bin", "nextpnr-himbaechel", **{"uarch": "xilinx", **options})
    return place.find(ZYBO)


def run(tmp_path, *, limit_s=60.0, progress=None, **options) -> place.PlaceResult:
    tool = fake(tmp_path, **options)
    return place.place(
        tool, tmp_path / "netlist.json", ZYBO, 150.0, tmp_path, BLOCKS, limit_s=limit_s, progress=progress
    )


# --- running it ---------------------------------------------------------------------------------------------------


def test_how_each_tool_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place.place(fake(tmp_path, log=log(150, 150)), Path("netlist.json"), ZYBO, 125.5, Path("bin"))
    arguments = (tmp_path / "bin" / "arguments.txt").read_text().split("\n")
    assert arguments[arguments.index("--freq") + 1] == "125.5"
    assert arguments[arguments.index("--device") + 1] == "xc7z010clg400-1" and "--chipdb" not in arguments
    assert Path(arguments[arguments.index("--json") + 1]) == tmp_path / "netlist.json"
    constraints = arguments[arguments.index("-o") + 1].removeprefix("xdc=")
    assert "PACKAGE_PIN K17 [get_ports clk]" in Path(constraints).read_text()

    database = tmp_path / "xc7z010clg400.bin"
    database.touch()
    monkeypatch.setenv("HWGEN_CHIPDB", str(tmp_path))
    fake_nextpnr.install(tmp_path / "bin", "nextpnr-xilinx", log=log(150, 150))
    tool = place.find(ZYBO)
    assert not tool.himbaechel and tool.chipdb == database
    place.place(tool, tmp_path / "netlist.json", ZYBO, 150, tmp_path)
    arguments = (tmp_path / "bin" / "arguments.txt").read_text().split("\n")
    assert arguments[arguments.index("--chipdb") + 1] == str(database) and "--device" not in arguments
    assert Path(arguments[arguments.index("--xdc") + 1]).exists()


def test_what_it_found_is_the_result(tmp_path):
    result = run(tmp_path, log=log(121.64, 140.37))
    assert (result.tool, result.target_mhz) == ("nextpnr-himbaechel test-1", 150)
    assert (result.found.routed_mhz, result.found.path.end) == (140.37, "b_sum_window")
    assert result.log.read_text().startswith(PLACING)


def test_a_placement_that_fails_is_a_result(tmp_path):
    text = PLACING + "ERROR: Unable to find legal placement for all cells, design is probably at utilisation limit.\n"
    found = run(tmp_path, log=text, then="sys.exit(255)").found
    assert found.failure.startswith("no legal placement was found") and found.routed_mhz is None


def test_progress_is_told_stage_by_stage_while_it_runs(tmp_path):
    seen = []
    then = f"print({ROUTING!r} + {log(150, 150)!r}.split('router2...')[1], flush=True)"
    run(tmp_path, log=PLACING, then=f"time.sleep(1)\n{then}", progress=lambda s: seen.append((s, time.monotonic())))
    names = [name.removeprefix("nextpnr: ") for name, _ in seen]
    assert list(dict.fromkeys(names)) == ["packing", "placing", "refining the placement", "routing"]
    at = {name: when for name, when in seen}
    assert at["nextpnr: routing"] - at["nextpnr: placing"] > 0.5, "the log was read only at the end"


def test_a_crash_is_one_line(tmp_path):
    with pytest.raises(ToolFailed) as error:
        run(tmp_path, log=PLACING, then="os.kill(os.getpid(), signal.SIGSEGV)")
    wanted = "nextpnr-himbaechel test-1 crashed (SIGSEGV); the last line of its log: Info: Running simulated annealing"
    assert str(error.value).startswith(wanted) and "\n" not in str(error.value)


def test_a_crash_after_routing_is_not_taken_for_a_result(tmp_path):
    with pytest.raises(ToolFailed, match="crashed"):
        run(tmp_path, log=log(150, 150), then="os.kill(os.getpid(), signal.SIGABRT)")


@pytest.mark.parametrize(
    ("text", "then", "message"),
    [
        ("ERROR: Unable to read chipdb x.bin\n", "sys.exit(255)", "stopped: Unable to read chipdb x.bin"),
        (PLACING, "sys.exit(3)", r"ended without a clock \(code 3\); the last line of its log: Info: Running"),
        ("", "pass", r"ended without a clock \(code 0\); it said nothing"),
    ],
)
def test_a_run_without_a_result_is_one_line(text, then, message, tmp_path):
    with pytest.raises(ToolFailed, match=message) as error:
        run(tmp_path, log=text, then=then)
    assert "\n" not in str(error.value)


def test_a_run_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    then = (
        "import subprocess\n"
        f"child = subprocess.Popen([{sys.executable!r}, '-c', 'import time; time.sleep(120)'])\n"
        "Path(__file__).with_name('child').write_text(str(child.pid))\n"
        "time.sleep(120)"
    )
    start = time.monotonic()
    with pytest.raises(ToolFailed, match="did not end within 8 s; the last line of its log: Info: Running simulated"):
        run(tmp_path, log=PLACING, then=then, limit_s=8)
    assert time.monotonic() - start < 40
    status = Path("/proc") / (tmp_path / "bin" / "child").read_text() / "stat"
    for _ in range(50):
        if not status.exists() or status.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("what it started still runs")


# --- finding it ---------------------------------------------------------------------------------------------------
def test_not_installed_says_how_to_get_it():
    with pytest.raises(
        ToolMissing, match="not installed; install openXC7's nextpnr-xilinx .* name it in NEXTPNR_XILINX"
    ):
        place.find(ZYBO)


def test_a_nextpnr_for_other_chips_is_none(tmp_path):
    with pytest.raises(ToolMissing, match="nextpnr for Xilinx is not installed"):
        fake(tmp_path, uarch="gowin example")


def test_a_tool_that_is_named_but_not_there(monkeypatch):
    monkeypatch.setenv("NEXTPNR_XILINX", "/nowhere/nextpnr")
    with pytest.raises(ToolMissing, match="NEXTPNR_XILINX names '/nowhere/nextpnr', which is no program"):
        place.find(ZYBO)


def test_the_tool_that_is_named_goes_before_the_path(tmp_path, monkeypatch):
    fake(tmp_path)
    (tmp_path / "other").mkdir()
    named = fake_nextpnr.install(tmp_path / "other", "my-nextpnr", uarch="xilinx")
    monkeypatch.setenv("NEXTPNR_XILINX", str(named))
    assert place.find(ZYBO).command == str(named)


def test_a_chip_database_that_is_missing_is_named(tmp_path, monkeypatch):
    fake_nextpnr.install(tmp_path / "bin", "nextpnr-xilinx")
    with pytest.raises(
        ToolMissing, match=r"needs the chip database of xc7z010clg400-1: set HWGEN_CHIPDB .* xc7z010clg400.bin"
    ):
        place.find(ZYBO)
    monkeypatch.setenv("HWGEN_CHIPDB", str(tmp_path))
    with pytest.raises(
        ToolMissing, match="no chip database for xc7z010clg400-1 in HWGEN_CHIPDB .*: none of .*xc7z010.bin"
    ):
        place.find(ZYBO)


def test_the_chip_database_of_another_chip_is_refused(tmp_path, monkeypatch):
    database = tmp_path / "chipdb-xc7z010.bin"
    database.touch()
    monkeypatch.setenv("HWGEN_CHIPDB", str(database))
    assert fake(tmp_path).chipdb == database
    with pytest.raises(ToolMissing, match="isn't the chip database of xc7z020clg400-1"):
        place.find(BOARDS["pynq-z2"])


def test_boards_that_can_not_be_placed_for(tmp_path):
    fake(tmp_path)
    with pytest.raises(OptionError, match="lattice: .* not for ecp5"):
        place.find(replace(ZYBO, name="lattice", part="LFE5U-25F-6BG256C", family="ecp5"))
    with pytest.raises(OptionError, match="mine has no clock_pin"):
        place.find(replace(ZYBO, name="mine", clock_pin=None))
