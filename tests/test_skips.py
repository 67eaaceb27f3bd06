"""A test that is skipped in CI fails there, but for what CI can't have."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest
def test_body():
    pytest.skip("a tool is missing")
@pytest.mark.skipif(True, reason="another is")
def test_mark():
    pass
@pytest.fixture
def truth():
    pytest.skip("no truth")
def test_fixture(truth):
    pass
def test_accepted():
    pytest.skip("nextpnr for Xilinx is not installed; get it")
@pytest.mark.xfail
def test_expected():
    assert False
"""


@pytest.mark.parametrize(
    "ci, counts", [("true", "1 failed, 1 skipped, 1 xfailed, 2 errors"), ("", "4 skipped, 1 xfailed")]
)
def test_skips(tmp_path, monkeypatch, ci, counts):
    (tmp_path / "test_it.py").write_text(TESTS)
    root = Path(__file__).resolve().parent.parent
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_runtest_makereport  # noqa: F401\n")
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONPATH", str(root))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert counts in done.stdout, done.stdout + done.stderr
