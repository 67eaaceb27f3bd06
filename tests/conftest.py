"""Settings that every test needs before TensorFlow is imported."""

import importlib.util
import os

import pytest

from tests.skips import refused

# QKeras 0.9 is on Keras 2; where TensorFlow brings Keras 3, that is the package tf_keras.
if importlib.util.find_spec("tf_keras"):
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# Two cores are shared by the tests' processes.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# In CI the truth may not be missing: a test that skips for want of QKeras would pass unnoticed.
if os.environ.get("CI") == "true" and not importlib.util.find_spec("qkeras"):
    raise RuntimeError("qkeras isn't installed: the tests compare with it; pip install '.[test]'")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Fails what is skipped in CI, unless CI can't have what it needs."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail") and refused(reason := str(report.longrepr[2])):
        report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped in CI: {reason}"
