import numpy as np
import pytest

from der_ros.errors import CheckpointError
from der_ros.training.rollout.observation_filter import ObservationFilter, moments


def drawn(rows, seed=0):
    return np.random.default_rng(seed).normal((1, -50, 0), (2, 30, 0), (rows, 3)).astype("f4")


def test_agrees_with_numpy_however_the_rows_come_in():
    values, counted = drawn(1000), ObservationFilter(3, 10.0, 1e-3)
    for start, stop in ((0, 1), (1, 1), (1, 700), (700, 1000)):
        counted.count_in(moments(values[start:stop]))
    statistics = counted.statistics()
    assert statistics.mean == pytest.approx(values.mean(axis=0), rel=1e-4)
    assert statistics.std[:2] == pytest.approx(values.std(axis=0, ddof=1)[:2], rel=1e-4)
    assert statistics.std[2] == pytest.approx(1e-3)  # constant: the floor


def test_filters_and_clips():
    counted = ObservationFilter(3, 2.0, 1e-3)
    counted.count_in(moments(np.array([[0, 0, 0], [2, 2, 0]], np.float32)))
    got = counted.statistics()(np.array([1.0, 100.0, -1.0], np.float32))
    assert got.dtype == np.float32
    assert got.tolist() == [0.0, 2.0, -2.0]


def test_state_goes_round():
    one, two = ObservationFilter(3, 10.0, 1e-3), ObservationFilter(3, 10.0, 1e-3)
    one.count_in(moments(drawn(10)))
    two.load_state(one.state())
    for each in (one, two):
        each.count_in(moments(drawn(10, seed=1)))
    for mine, theirs in zip(one.statistics()[:2], two.statistics()[:2], strict=True):
        assert (mine == theirs).all()
    with pytest.raises(CheckpointError, match="expected a filter"):
        ObservationFilter(4, 10.0, 1e-3).load_state(one.state())


def test_a_checkpoint_with_one_count_is_read():
    one, two = ObservationFilter(3, 10.0, 1e-3), ObservationFilter(3, 10.0, 1e-3)
    one.count_in(moments(drawn(10)))
    two.load_state({**one.state(), "count": np.array(10, np.int64)})
    for each in (one, two):
        each.count_in(moments(drawn(10, seed=1)))
    assert (one.statistics().std == two.statistics().std).all()


@pytest.mark.parametrize(
    ("part", "value"), [("mean", np.nan), ("squares", np.inf), ("squares", -1.0), ("count", -1)]
)
def test_a_saved_filter_that_is_none_is_refused(part, value):
    counted = ObservationFilter(3, 10.0, 1e-3)
    counted.count_in(moments(drawn(10)))
    state = counted.state()
    state[part].flat[0] = value
    with pytest.raises(CheckpointError, match=f"{part} of the filter: expected finite"):
        ObservationFilter(3, 10.0, 1e-3).load_state(state)
