"""--check: the same verdict as compiling, on all layers at once."""

import io
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hwgen
from hwgen.__main__ import main
from hwgen.check_table import table
from hwgen.checking import check_network
from hwgen.errors import ModelError, OptionError
from hwgen.passes.lower import lower
from hwgen.quantize import quantize
from hwgen.read import read
from tests.quantize.networks import RELU4, chain, conv, dense, layer
from tests.quantize.test_refusals import NORM, REFUSED

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "examples/digits/digits.h5"
PIXELS = "ufixed<8,0>"


def test_an_exact_model_is_said_to_be_what_it_becomes():
    found = hwgen.check(str(MODEL))
    integer = quantize(read(MODEL))
    hardware = lower(integer)
    assert found.exact and found.model == "digits" and not found.problems
    for row in found.rows:
        assert row.exact is True and row.output == integer[row.layer].type.fixed
        assert row.shape == integer.frame_shape[row.layer]
        blocks = [type(node.op).__name__ for node in hardware.nodes if node.layer == row.layer]
        assert row.hardware.partition(";")[0] == (" + ".join(blocks) or "no logic")
    assert [row.layer for row in found.rows] == [layer.name for layer in read(MODEL).layers]
    pixels = "ufixed<4,0>"
    cells = {row.layer: row for row in found.rows}
    assert cells["a"].weights == "binary" and cells["first"].weights == "fixed<4,2>" and cells["first"].input == pixels
    assert cells["softmax"].hardware == "no logic; softmax on the host"
    assert cells["b"].weights == "binary, × scale"
    assert not any(row.rounds for row in found.rows)  # its scales are powers of two


@pytest.mark.parametrize("name", REFUSED)
def test_what_compiling_refuses_is_among_the_problems(name):
    *layers, _ = REFUSED[name]
    network = chain((4, 4, 2), *layers)
    with pytest.raises(ModelError) as refused:
        lower(quantize(network, PIXELS))
    found = check_network(network, PIXELS)
    assert str(refused.value) in map(str, found.problems) and not found.exact
    named = {problem.layer for problem in found.problems}
    assert named == {row.layer for row in found.rows if row.exact is False}


def several():
    kernel = np.full((1, 1, 2, 2), 0.5)
    return chain(
        (4, 4, 2),
        layer("Conv2D", "float", weights={"kernel": kernel}, strides=(1, 1), padding="same", use_bias=False),
        layer("Activation", "curve", activation="tanh"),
        conv(kernel, name="good"),
        conv(kernel, name="two", kernel_quantizer="bernoulli()", activation="gelu"),
        layer("LayerNormalization", "norm"),
        conv(np.full((5, 5, 2, 2), 0.5), name="large"),
        conv(kernel, name="behind", kernel_quantizer="nothing(3)"),
        layer("Lambda", "code"),
        layer("QActivation", "last", activation="softplus"),
        layer("Flatten", "flat"),
    )


def test_every_problem_is_found():
    found = check_network(several(), PIXELS)
    assert [(p.layer, p.reason.split()[0]) for p in found.problems] == [
        ("float", "Conv2D"),
        ("curve", "tanh"),
        ("two", "bernoulli"),
        ("two", "gelu"),
        ("norm", "layers"),
        ("large", "a"),
        ("behind", "'nothing'"),
        ("code", "layers"),
        ("last", "softplus"),
    ]
    assert all(problem.change for problem in found.problems)
    rows = {row.layer: row for row in found.rows}
    assert rows["input"].exact is True
    assert rows["good"].exact is None and rows["good"].because == "float" and rows["good"].shape == (4, 4, 2)
    assert rows["flat"].exact is None and rows["flat"].shape is None


def test_reading_goes_on_without_unknown_options():
    kernel = np.full((3, 3, 2, 2), 0.5)
    odd = conv(kernel, name="odd", padding="same", blur=3, activation="gelu")
    found = check_network(chain((4, 4, 2), odd, conv(kernel, padding="same")), PIXELS)
    assert [(p.layer, p.reason.split()[0]) for p in found.problems] == [("odd", "gelu"), ("odd", "has")]
    assert [row.exact for row in found.rows] == [True, False, None] and found.rows[2].shape == (4, 4, 2)


def test_what_has_no_hardware_is_found_too():
    """Values too wide for hardware, on two branches; what reads them is looked at all the same."""
    wide = {"moving_mean": [0.1, 0.3], "moving_variance": [0.7, 0.123], "gamma": [1e-9, 1.7], "beta": [1e9 / 3, 0.1]}
    network = chain(
        (4, 4, 2),
        layer("BatchNormalization", "a", ["input"], weights=NORM | wide, axis=[3]),
        layer("BatchNormalization", "b", ["input"], weights=NORM | wide, axis=[3]),
        layer("Concatenate", "both", ["input", "input"]),
        outputs=["a", "b", "both"],
    )
    with pytest.raises(ModelError, match="hardware carries at most"):
        lower(quantize(network, PIXELS))
    found = check_network(network, PIXELS)
    assert [(p.layer, "hardware carries at most" in p.reason) for p in found.problems] == [("a", True), ("b", True)]
    assert [row.exact for row in found.rows] == [True, False, False, True]


def test_a_scale_before_a_quantizer_is_part_of_it():
    norm = layer("BatchNormalization", "norm", weights=NORM | {"gamma": [0.3, 0.7]}, axis=[3])
    found = check_network(chain((4, 4, 2), norm, layer("QActivation", "act", activation=RELU4)), PIXELS)
    assert found.exact and [row.hardware for row in found.rows] == ["Source", "in act", "Threshold"]
    assert [row.rounds for row in found.rows] == [False, True, False]  # QKeras multiplies by 0.3 in float32


def test_an_input_whose_type_nobody_says():
    found = check_network(chain((2,), dense(np.full((2, 2), 0.5), name="d")))
    assert [problem.layer for problem in found.problems] == ["input"] and "--input-type" in found.problems[0].change
    assert [row.exact for row in found.rows] == [False, None] and found.rows[1].weights == "ufixed<1,0>"
    assert check_network(chain((2,), dense(np.full((2, 2), 0.5))), "fixed<8,1>").exact
    with pytest.raises(OptionError):
        check_network(chain((2,), dense(np.full((2, 2), 0.5))), "int8")


def test_names_are_no_markup():
    from rich.console import Console

    network = chain((2,), layer("QActivation", "[/red][bold]", activation=RELU4))
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(table(check_network(network)))
    assert "[/red][bold]" in console.export_text()


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert main([str(MODEL), "--check", "--board", "pynq-z2", "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "Window + Neuron" in printed and "exact: every layer" in printed
    written = json.loads((tmp_path / "out" / "check.json").read_text())
    assert written["exact"] and written["rows"][2]["weights"] == "fixed<4,2>" and written["problems"] == []
    assert main([str(MODEL), "--check", "--board", "nothing"]) == 2
    assert main([str(MODEL), "--check", "--synthesize"]) == 2
    assert "--check builds nothing: leave --synthesize away" in capsys.readouterr().err


def test_it_is_quick_and_imports_neither_keras_nor_a_solver():
    code = (
        "import sys; from hwgen.__main__ import main; "
        f"code = main([{str(MODEL)!r}, '--check', '-q']); "
        "sys.exit(code or repr({'tensorflow', 'keras', 'tf_keras', 'qkeras', 'ortools'} & set(sys.modules)) != 'set()')"
    )
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 1.5  # of the processor, start of Python included
