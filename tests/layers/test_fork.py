import numpy as np
import pytest

from hwgen.layers.fork import Fork
from hwgen.tensor import TensorType
from tests.harness import random_raw, run_block
from tests.layers.check import check_block


@pytest.mark.parametrize("seed", range(6))
def test_fork(seed):
    rng = np.random.default_rng(seed)
    type_ = TensorType((2, int(rng.integers(1, 5)), 6), -int(rng.integers(1, 99)), 40)
    block = Fork(type_, lanes=(1, 2, 6)[seed % 3], fan_out=2 + seed % 4)
    check_block(block, seed, lambda x: x)


def test_branches_take_at_their_own_pace():
    block = Fork(TensorType((4, 5, 2), 0, 9), lanes=1, fan_out=3)
    x = random_raw(np.random.default_rng(0), block.input, 2)
    run = run_block(block, x, seed=3, stall_out=0.5)
    assert len({tuple(times) for times in run.emitted}) == 3
    for times in run.emitted:
        assert (times <= run.taken[0]).all() and (times[1:] > run.taken[0][:-1]).all()


def test_one_output_is_refused():
    with pytest.raises(ValueError, match="at least 2 outputs, not 1"):
        Fork(TensorType((4, 5, 2), 0, 9), lanes=1, fan_out=1)
