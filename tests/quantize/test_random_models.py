"""Random QKeras models: the integer model equals QKeras, layer by layer.

HWGEN_RANDOM_MODELS=1000 compares that many (200 otherwise), HWGEN_RANDOM_SEED=5000 starts there.
"""

import os

import pytest

pytest.importorskip("qkeras")

from tests.keras3 import run_keras3
from tests.qkeras_truth import compare, fits_float32
from tests.random_models import random_model

COUNT = int(os.environ.get("HWGEN_RANDOM_MODELS", "200"))
FIRST = int(os.environ.get("HWGEN_RANDOM_SEED", "0"))

# Keras warns of QKeras: of an initializer that it uses twice, of a constraint that it serializes.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_equals_qkeras(seed):
    exact = seed % 2 == 0
    result = compare(random_model(seed, exact=exact))
    if exact:
        # Nothing but sums beyond float32's 24 bits may have needed anything but QKeras itself as the truth.
        assert not [name for name in result.rational if fits_float32(result.graph, name)]


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 5))
def test_small_models(seed):
    sample = random_model(seed, small=True)
    compare(sample)
    assert max(node.type.pixels for node in compare(sample).graph.nodes) <= 100
    assert (random_model(seed, small=True).frames == sample.frames).all()


def test_equals_qkeras_v3():
    script = "import sys; from tests.random_models import main; sys.exit(main(['--count', '30', '--seed', '3000']))"
    assert "failed: none" in run_keras3(script)
