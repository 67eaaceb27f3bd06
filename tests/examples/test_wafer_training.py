"""Training on wafer maps: a killed training goes on where it was, other plans are refused, scripts say what is missing."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "wafer"
DEADLINE = 240  # seconds

RESUME = """
import sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path

if __name__ == "__main__":  # the processes that draw maps import this file too, and need none of these
    import numpy as np
    from training import Plan, load_weights, train

    folder = Path(sys.argv[1])
    plan = Plan(seed=1, wafers=12, batch=4, round=4, rate=1e-3, warm_up=0.1)
    told = []
    whole = list(train("float", plan, folder / "whole.npz", lambda completed: told.append(completed)))
    assert [seen for seen, _, _ in whole] == [4, 8, 12] == told, (whole, told)

    broken = train("float", plan, folder / "broken.npz", lambda completed: None)
    assert next(broken)[0] == 4
    broken.close()  # as if killed in the second round
    rest = list(train("float", plan, folder / "broken.npz", lambda completed: None))
    assert [seen for seen, _, _ in rest] == [8, 12], rest
    for one, other in zip(load_weights(folder / "whole.npz"), load_weights(folder / "broken.npz")):
        assert np.allclose(one, other, atol=1e-5), np.abs(one - other).max()
    moved = sum(np.abs(w).sum() for w in load_weights(folder / "whole.npz")[1::2])
    assert moved > 0, "no bias was trained"
    assert list(train("float", plan, folder / "whole.npz", lambda completed: None)) == []
"""


def qkeras_on_keras_2() -> bool:
    try:
        version("qkeras")
    except PackageNotFoundError:
        return False
    return True


needs_qkeras = pytest.mark.skipif(not qkeras_on_keras_2(), reason="QKeras on Keras 2 is not installed")


def run(*command, folder=None):
    command = [sys.executable, *map(str, command)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, cwd=folder)


@needs_qkeras
def test_a_broken_training_goes_on_and_ends_as_a_whole_one(tmp_path):
    script = tmp_path / "resume.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(EXAMPLE)!r})\n{RESUME}")
    done = run(script, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


@needs_qkeras
def test_a_state_of_another_plan_is_refused(tmp_path):
    state = tmp_path / "float.npz"
    np.savez(state, plan="another", done=1)
    done = run(EXAMPLE / "train.py", "float", "--wafers", 4, "--batch", 4, "-o", tmp_path)
    assert done.returncode == 1 and "was trained otherwise" in done.stderr and "Traceback" not in done.stderr
    with np.load(state) as kept:
        assert str(kept["plan"]) == "another"


def test_wrong_arguments_are_one_line(tmp_path):
    done = run(EXAMPLE / "train.py", "3-bit")
    assert done.returncode == 2 and "no variant '3-bit'; there are float, 4-bit, 2-bit, heterogeneous" in done.stderr
    done = run(EXAMPLE / "train.py", "--wafers", 0)
    assert done.returncode == 2 and "--wafers and --batch must be at least 1" in done.stderr


@needs_qkeras
@pytest.mark.parametrize(("script", "change"), [("evaluate.py", "train.py"), ("tflite.py", "train.py float")])
def test_without_a_trained_network_scripts_say_so(tmp_path, script, change):
    done = run(EXAMPLE / script, "--trained", tmp_path)
    assert done.returncode == 1 and change in done.stderr and "Traceback" not in done.stderr
