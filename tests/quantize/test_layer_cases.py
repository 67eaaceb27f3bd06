"""Normalisation and activation layers in every form are QKeras's own, layer by layer."""

import pytest

pytest.importorskip("qkeras")

from tests.keras3 import run_keras3
from tests.quantize.compare_cases import check
from tests.quantize.layer_cases import CASES

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("name", CASES)
def test_equals_qkeras(name):
    check(name)


def test_equals_qkeras_v3():
    script = "import sys; from tests.quantize.compare_cases import main; sys.exit(main(['--every', '3']))"
    assert "failed: none" in run_keras3(script, timeout=600)
