import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from der_ros.errors import ConfigurationError
from der_ros.replay.sum_tree import SumTree

PRIORITIES = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-6, 1e6, allow_nan=False)), min_size=1, max_size=700
)


def test_finds_the_leaf_of_each_mass_in_a_table():
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


def test_a_mass_rounded_to_the_end_finds_a_filled_leaf():
    tree = SumTree(1000)
    tree.set(np.array([3]), np.array([0.1]))
    assert tree.find(np.array([0.1, 0.1 + 1e-12, 5.0])).tolist() == [3, 3, 3]


def test_sums_do_not_drift():
    rng, tree = np.random.default_rng(0), SumTree(300)
    for _ in range(2000):
        tree.set(rng.integers(0, 300, 32), 10.0 ** rng.uniform(-6, 6, 32))
    tree.set(np.arange(300), np.ones(300))
    assert tree.total == 300.0


SPARSE = st.dictionaries(st.integers(0, 99_999), st.floats(1e-6, 1e6), min_size=1, max_size=200)


@given(SPARSE, st.integers(0, 2**32 - 1))
def test_a_deep_tree_agrees_with_running_sums(priorities, seed):
    values = np.zeros(100_000)
    values[list(priorities)] = list(priorities.values())
    tree = SumTree(len(values))
    tree.set(np.array(list(priorities)), np.array(list(priorities.values())))
    sums = np.concatenate(([0.0], np.cumsum(values)))
    assert tree.total == pytest.approx(sums[-1])
    ends = [0.0, tree.total, np.nextafter(tree.total, np.inf), 2.0 * tree.total]
    masses = np.concatenate((np.random.default_rng(seed).random(64) * tree.total, ends))
    found = tree.find(masses)
    slack = 1e-9 * tree.total
    assert (values[found] > 0.0).all()
    assert (sums[found[:64]] <= masses[:64] + slack).all()
    assert (masses[:64] <= sums[found[:64] + 1] + slack).all()
    for index in (0, 1, 50_001, 100_000):
        assert tree.sum_before(index) == pytest.approx(sums[index])


@given(st.lists(st.tuples(st.integers(0, 39_999), st.integers(1, 3_000)), max_size=20))
def test_sums_made_late_equal_sums_made_at_once(ranges):
    late, at_once = SumTree(40_000), SumTree(40_000)
    for number, (start, count) in enumerate(ranges, start=1):
        stop = min(40_000, start + count)
        late.set_range(slice(start, stop), np.full(stop - start, number / 7))
        at_once.set(np.arange(start, stop), np.full(stop - start, number / 7))
    assert late.total == at_once.total
    masses = np.linspace(0.0, late.total, 50, endpoint=False)
    if ranges:
        assert late.find(masses).tolist() == at_once.find(masses).tolist()


def test_draws_follow_the_priorities_over_many_levels():
    values = np.random.default_rng(0).random(50_000)
    tree = SumTree(50_000)
    tree.set_range(slice(0, 50_000), values)
    found = tree.find((np.arange(1_000_000) + 0.5) * (tree.total / 1_000_000))
    drawn = np.bincount(found, minlength=50_000)
    # Evenly spaced masses hit each leaf in proportion to its share, within one.
    assert np.abs(drawn - values / values.sum() * 1_000_000).max() <= 1.0


def test_refuses_no_capacity():
    with pytest.raises(ConfigurationError, match="at least 1, got 0"):
        SumTree(0)
