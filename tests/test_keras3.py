"""The second Python: never skipped silently in CI, and its failures are seen."""

import pytest

from tests.keras3 import VARIABLE, keras3_python, run_keras3
from tests.skips import refused


def test_missing_in_ci_fails(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception, match=VARIABLE) as skipped:
        keras3_python()
    assert refused(str(skipped.value))


def test_errors_and_output_of_scripts(tmp_path):
    script = "import sys, os; print(sys.argv[1], os.path.basename(os.getcwd()))"
    assert run_keras3(script, [3], tmp_path).split() == ["3", tmp_path.name]
    with pytest.raises(AssertionError, match="no such thing"):
        run_keras3("raise ValueError('no such thing')")
