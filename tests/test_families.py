"""The factors by which costs become those of other families, against what Yosys made of the calibration's blocks."""

import datetime

from benchmarks import alone, families, records, sweep
from hwgen.boards.families import FAMILIES
from hwgen.layers.block import Resources


def test_factors_are_those_that_were_measured_with_a_little_margin():
    """A whole network is a sum of blocks, so the sums are what has to hold; below 0.95 an estimate would promise too much."""
    blocks, data = sweep.blocks(), records.read(families.DATA)
    assert len(set(data.records) & set(blocks)) > 50
    factors = FAMILIES["ecp5"].factors
    for kind, (cost, measured) in families.sums(data, blocks).items():
        used = getattr(factors, kind) * cost / measured
        assert 0.95 < used < (1.25 if kind != "dsp" else 2.1), kind


def test_a_block_synthesized_anew_is_as_it_was_recorded(tmp_path):
    """Another one every day, of those that are quick and whose Verilog is as it was."""
    blocks, data = sweep.blocks(), records.read(families.DATA)
    names = [n for n, one in sorted(data.records.items()) if n in blocks and 20 < one.measured.lut < 300]
    assert len(names) > 15
    for k in range(len(names)):
        name = names[(datetime.date.today().toordinal() + k) % len(names)]
        text = alone.emitted(blocks[name], families.FAMILY)
        if alone.digest(text) == data.records[name].key:
            assert alone.measure(text, tmp_path, families.FAMILY) == data.records[name].measured, name
            return
    raise AssertionError("the Verilog of every recorded block has changed: python -m benchmarks.families")


def test_whole_boards_in_both_terms():
    crab = FAMILIES["ecp5"]
    assert crab.room(crab.estimate(Resources(10, 2, 20, 1, 3, 4))) == Resources(10, 2, 20, 1, 3, 4)
