import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.errors import ConfigurationError
from der_ros.replay.sum_tree import SumTree

PRIORITIES = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-6, 1e6, allow_nan=False)), min_size=1, max_size=700
)


def test_finds_the_leaf_that_holds_each_mass_of_a_hand_made_table():
    tree = SumTree(5)
    tree.set(np.arange(5), np.array([1.0, 2.0, 0.0, 4.0, 3.0]))
    masses = np.array([0.0, 0.99, 1.0, 2.99, 3.0, 6.99, 7.0, 9.99])
    assert tree.total == 10.0
    assert tree.find(masses).tolist() == [0, 0, 1, 1, 3, 3, 4, 4]
    assert [tree.sum_before(i) for i in range(6)] == [0.0, 1.0, 3.0, 3.0, 7.0, 10.0]


def test_the_last_of_repeated_indices_wins():
    tree = SumTree(8)
    tree.set(np.array([3, 3, 1]), np.array([5.0, 2.0, 1.0]))
    assert tree.values.tolist() == [0, 1, 0, 2, 0, 0, 0, 0]
    assert tree.total == 3.0


@given(PRIORITIES, st.integers(0, 2**32 - 1))
def test_agrees_with_running_sums(priorities, seed):
    values = np.array(priorities)
    tree = SumTree(len(values))
    tree.set(np.arange(len(values)), values)
    assert tree.total == pytest.approx(values.sum())
    assert tree.sum_before(len(values) // 2) == pytest.approx(values[: len(values) // 2].sum())
    if values.sum() > 0.0:
        masses = np.random.default_rng(seed).random(64) * tree.total
        found = tree.find(masses)
        assert (values[found] > 0.0).all()
        sums = np.concatenate(([0.0], np.cumsum(values)))
        slack = 1e-9 * tree.total
        assert (sums[found] <= masses + slack).all()
        assert (masses <= sums[found + 1] + slack).all()


@given(PRIORITIES, st.data())
def test_a_range_is_written_like_its_single_leaves(priorities, data):
    capacity = len(priorities)
    start = data.draw(st.integers(0, capacity - 1))
    values = np.array(priorities[: capacity - start])
    by_range, by_index = SumTree(capacity), SumTree(capacity)
    for tree in (by_range, by_index):
        tree.set(np.arange(capacity), np.full(capacity, 0.5))
    by_range.set_range(slice(start, start + len(values)), values)
    by_index.set(np.arange(start, start + len(values)), values)
    assert (by_range.values == by_index.values).all()
    assert by_range.total == by_index.total


def test_a_mass_that_rounding_puts_at_the_end_finds_a_filled_leaf():
    tree = SumTree(1000)
    tree.set(np.array([3]), np.array([0.1]))
    assert tree.find(np.array([0.1, 0.1 + 1e-12, 5.0])).tolist() == [3, 3, 3]


def test_sums_do_not_drift():
    rng, tree = np.random.default_rng(0), SumTree(300)
    for _ in range(2000):
        tree.set(rng.integers(0, 300, 32), 10.0 ** rng.uniform(-6, 6, 32))
    tree.set(np.arange(300), np.ones(300))
    assert tree.total == 300.0


def test_refuses_no_capacity():
    with pytest.raises(ConfigurationError, match="at least 1, got 0"):
        SumTree(0)
