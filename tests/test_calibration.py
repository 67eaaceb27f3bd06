"""Estimated costs against the recorded results of synthesis, and those against synthesis itself.

A block's LUTs within 25 % (or 12 of them), its block RAMs and DSPs exactly; the reference network's LUTs within 15 %.
"""

import os
import random

import pytest

import hwgen
from benchmarks import alone, calibration, records, sweep, wafer
from benchmarks.measure import BOARD
from hwgen.errors import OutputError
from hwgen.layers.block import Resources

BLOCKS, DATA = sweep.blocks(), records.read(records.DATA)
# Blocks whose other resources may be further off than a quarter: DSP slices take registers in, Yosys finds carry chains
# shorter than the sums are wide, or makes sums of multiplexers of them.
LOOSE = {
    "scale -1073741824..1073741824 times 14 bits, 16 constants, 1 lanes",
    "scale 0..15 times 3 bits, 16 constants, 2 lanes",
    "scale by 4 powers of two, 4 lanes",
    "add 1 times (11,), 4 lanes",
    "neuron serial 1×1×40→8, 40 × 4 a cycle, weights -1..1, inputs 0..3, auto",
}
SMALL, HOW_MANY = 250, 4  # LUTs of the blocks that are synthesized anew, and how many are


def test_the_sweep_has_every_kind_of_block():
    kinds = {type(block) for block in BLOCKS.values()}
    # None of a test's.
    subclasses = {s for s in _subclasses(hwgen.layers.block.Block) if s.__module__.startswith("hwgen.")}
    described = {subclass for subclass in subclasses if not subclass.__abstractmethods__}
    missing = {kind.__name__ for kind in described - kinds}
    assert missing <= {"View"}, "blocks that are never synthesized"
    assert set(DATA.records) == set(BLOCKS), "run python -m benchmarks.calibration"


def _subclasses(kind):
    return {kind, *(below for child in kind.__subclasses__() for below in _subclasses(child))}


@pytest.mark.parametrize("name", BLOCKS)
def test_estimates(name):
    found = records.errors(BLOCKS[name].cost(), DATA.records[name].measured)
    for error in found:
        if error.kind in records.HELD or name not in LOOSE:
            assert error.holds, f"{name}: {error}"
    assert name not in LOOSE or not all(error.holds for error in found), "is no longer off"


@pytest.mark.parametrize("kind", ["ff", "carry4", "lutram"])
def test_flip_flops_and_carry_chains_on_the_whole(kind):
    """Of many blocks together, as networks are, errors average out."""
    pairs = [(getattr(BLOCKS[name].cost(), kind), getattr(r.measured, kind)) for name, r in DATA.records.items()]
    estimated, measured = map(sum, zip(*pairs))
    assert estimated == pytest.approx(measured, rel=0.1)


def test_records_are_what_synthesis_gives_today(tmp_path):
    seed = int(os.environ.get("HWGEN_SEED", random.SystemRandom().randrange(2**32)))
    print(f"HWGEN_SEED={seed}")
    small = sorted(name for name, record in DATA.records.items() if record.measured.lut <= SMALL)
    for name in random.Random(seed).sample(small, HOW_MANY):
        print(name)
        made = alone.measure(alone.emitted(BLOCKS[name]), tmp_path / "alone")
        assert made == DATA.records[name].measured, f"{name}: run python -m benchmarks.calibration (seed {seed})"


# --- the reference network ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    made = wafer.make(tmp_path_factory.mktemp("network"), 1.0, 1)
    return hwgen.compile(made.path, BOARD).compiled


def test_the_reference_network(compiled):
    """As it is folded today, against what was synthesized; blocks that are the same as then one by one too."""
    again = "run python -m benchmarks.calibration --network"
    assert calibration.TOTAL in DATA.network, again
    whole = DATA.network[calibration.TOTAL]
    assert whole.key == calibration.network_key(1.0, wafer.SIDE, 1), again
    assert compiled.cost.lut == pytest.approx(whole.measured.lut, rel=records.NETWORK), again
    same = Resources()
    for node in compiled.hardware.nodes:
        record = DATA.network.get(node.name)
        if record is not None and record.key == alone.key(node.op):
            same += record.measured
            for error in records.errors(node.op.cost(), record.measured):
                assert error.kind not in records.HELD or error.holds, f"{node.name}: {error}"
    assert same.lut > 0.5 * whole.measured.lut, f"most of the network is built otherwise now: {again}"


# --- the script -----------------------------------------------------------------------------------------------------


def test_errors():
    def holds(kind, estimated, measured):
        return records.Error(kind, estimated, measured).holds

    assert holds("lut", 75, 100) and not holds("lut", 74, 100) and holds("lut", 0, 12) and not holds("lut", 0, 13)
    assert holds("bram36", 2.5, 2.5) and not holds("bram36", 2.5, 3) and not holds("dsp", 1, 0)


def test_the_data_survives_a_file(tmp_path):
    DATA.write(tmp_path / "again.json")
    assert records.read(tmp_path / "again.json") == DATA
    assert (tmp_path / "again.json").read_text() == records.DATA.read_text()
    assert all(len(line) < 400 for line in records.DATA.read_text().splitlines())


@pytest.mark.parametrize("text", ["", "{}", '{"yosys": "0", "blocks": [{"name": "a"}], "network": []}'])
def test_a_file_that_is_no_data(text, tmp_path):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(OutputError, match=r"bad.json isn't a file of calibration data .*delete it"):
        records.read(tmp_path / "bad.json")


def test_the_command_goes_on_where_it_was(tmp_path, capsys, monkeypatch):
    data, calls = tmp_path / "data.json", []

    def measure(text, folder):
        calls.append(text)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return Resources(lut=8, ff=10)

    monkeypatch.setattr(alone, "measure", measure)
    arguments = ["--only", "fork", "--data", str(data)]
    with pytest.raises(KeyboardInterrupt):
        calibration.main(arguments)
    assert len(records.read(data).records) == 1
    assert calibration.main(arguments) == 0
    assert len(calls) == 3 and calls[1] == calls[2]  # the first block isn't measured again
    assert calibration.main(arguments) == 0 and len(calls) == 3
    assert calibration.main([*arguments, "--anew"]) == 0 and len(calls) == 5
    assert "| fork | 2 |" in capsys.readouterr().out


def test_an_estimate_that_is_off_is_an_error(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(alone, "measure", lambda text, folder: Resources(lut=100))
    assert calibration.main(["--only", "fork 2", "--data", str(tmp_path / "data.json")]) == 1
    assert "error: 1 estimates are too far off: fork 2 outputs" in capsys.readouterr().err


def test_options(capsys):
    assert calibration.main(["--only", "nonsense"]) == 2
    assert capsys.readouterr().err == "error: no block has 'nonsense' in its name\n"
