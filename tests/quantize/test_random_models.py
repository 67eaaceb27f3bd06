"""Random QKeras models: the integer model equals QKeras, layer by layer.

HWGEN_RANDOM_MODELS=1000 compares that many (100 otherwise), HWGEN_RANDOM_SEED=5000 starts there.
"""

import json
import os

import numpy as np
import pytest

pytest.importorskip("qkeras")

from hwgen.quantize import READERS, linear
from hwgen.read import read
from tests.keras3 import run_keras3
from tests.qkeras_truth import compare, keras
from tests.random_models import compared, main, random_model

COUNT = int(os.environ.get("HWGEN_RANDOM_MODELS", "100"))
FIRST = int(os.environ.get("HWGEN_RANDOM_SEED", "0"))

# Keras warns of QKeras: of an initializer that it uses twice, of a constraint that it serializes.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_equals_qkeras(seed):
    compared(seed)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 5))
def test_small_models(seed):
    sample = random_model(seed, small=True)
    assert max(node.type.pixels for node in compare(sample).graph.nodes) <= 150
    again = random_model(seed, small=True)
    assert all(np.array_equal(again.frames[name], frames) for name, frames in sample.frames.items())
    assert [layer.class_name for layer in read(again.model).layers] == [
        layer.class_name for layer in read(sample.model).layers
    ]


# Not drawn: ones that another stands for, and those that QKeras 0.9 on Keras 2 doesn't have or can't save.
ALIKE = {"ThresholdedReLU", "SpatialDropout1D", "AlphaDropout", "GaussianDropout", "ActivityRegularization", "Identity"}


def kinds(model):
    """The classes of a model's layers, and of those of models in it."""
    for layer in model.layers:
        yield type(layer).__name__
        yield from kinds(layer) if isinstance(layer, keras.Model) else ()


def test_every_layer_is_drawn():
    missing = {kind for kind, reader in READERS.items() if reader is not linear.refuse_float} - ALIKE
    missing -= {"QDenseBatchnorm", "Multiply"}  # of qkeras-v3 only; refused
    for seed in range(200):
        missing -= set(kinds(random_model(seed).model))
        if not missing:
            break
    assert not missing


def test_a_long_run_goes_on_where_it_was(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps({"seed": 1, "failure": "AssertionError: wrong"}) + "\n")
    assert main(["--count", "3", "--small", "--log", str(log)]) == 1
    text = capsys.readouterr().out
    assert "3 models, failed: 1\n" in text and "seed 1: AssertionError: wrong" in text
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["seed"] for line in lines] == [1, 0, 2]
    assert f"layers equal to QKeras's float32: {lines[1]['exact'] + lines[2]['exact']:,};" in text
    assert main(["--seed", "2", "--count", "1", "--log", str(log)]) == 0
    assert log.read_text().count("\n") == 3


def test_equals_qkeras_v3():
    script = "import sys; from tests.random_models import main; sys.exit(main(['--count', '30', '--seed', '3000']))"
    assert "failed: none" in run_keras3(script)
