import numpy as np
import pytest

from der_ros.errors import CheckpointError, ConfigurationError, DivergedError
from der_ros.replay.shard import Shard, ShardConfig
from der_ros.replay.transitions import Transitions


def rows(*tags):
    """Return transitions that are identified by their return."""
    n = len(tags)
    return Transitions(
        np.full((n, 2), tags and 0.0, np.float32),
        np.zeros((n, 1), np.float32),
        np.array(tags, np.float32),
        np.ones(n, np.float32),
        np.zeros((n, 2), np.float32),
    )


def shard(capacity=8, **options):
    return Shard(ShardConfig(capacity, **options), 2, 1)


def stored(s):
    state = s.state()
    both = np.concatenate((state["zone_rows"], state["ring_rows"]))
    return both[:, 3].tolist()  # after two of the observation and one of the action


def draw(s, count=4000, seed=0):
    return s.sample(count, np.random.default_rng(seed))


def test_each_part_overwrites_its_own_oldest_rows():
    s = shard(capacity=7, zone_size=3)
    s.add(rows(10, 11, 12))
    s.insert(rows(1, 2))
    assert stored(s) == [1, 2, 10, 11, 12]
    s.insert(rows(3, 4))  # removes 1
    assert stored(s) == [4, 2, 3, 10, 11, 12]
    s.add(rows(13, 14))  # removes 10
    assert stored(s) == [4, 2, 3, 14, 11, 12, 13]
    s.insert(rows(5, 6, 7, 8, 9))  # more than the zone holds: it keeps the newest
    assert sorted(stored(s)[:3]) == [7, 8, 9]
    assert (s.zone_filled, s.ring_filled, len(s)) == (3, 4, 7)


def test_mistake_3_permanent_demonstrations_stay():
    s = shard(capacity=10, zone_size=4)
    s.add_demonstration(rows(100, 101))
    for k in range(20):
        s.insert(rows(k))
        s.add(rows(50 + k))
    assert stored(s)[:2] == [100, 101]
    assert sorted(stored(s)[2:4]) == [18, 19]


def test_temporary_demonstrations_age_out():
    s = shard(capacity=10, zone_size=3, permanent_demonstrations=False)
    s.add_demonstration(rows(100, 101))
    s.insert(rows(1, 2))
    assert sorted(stored(s)) == [1, 2, 101]


def test_demonstrations_that_do_not_fit_are_refused():
    with pytest.raises(ConfigurationError, match=r"at most 1 more.*got 2"):
        shard(capacity=10, zone_size=1).add_demonstration(rows(1, 2))


def test_mistake_1_inserted_rows_have_own_priorities():
    s = shard(capacity=4, zone_size=1, alpha=1.0, epsilon=0.0)
    s.add(rows(1, 2, 3), np.array([1.0, 1.0, 1.0]))
    s.insert(rows(9), np.array([1e-9]))
    assert (draw(s).transitions.n_step_return != 9).all()
    s.insert(rows(8), np.array([97.0]))  # overwrites the row that was rarely drawn
    share = np.mean(draw(s).transitions.n_step_return == 8)
    assert share == pytest.approx(0.97, abs=0.001)


def test_top_priority_is_the_largest_seen():
    s = shard(capacity=4, alpha=1.0, epsilon=0.0)
    s.add(rows(1), np.array([-5.0]))
    s.add(rows(2))
    assert s.state()["ring_priority"].tolist() == [5.0, 5.0]


def test_draws_are_in_proportion_to_priority():
    s = shard(capacity=4, alpha=0.5, beta=0.4, epsilon=0.0)
    s.add(rows(0, 1, 2), np.array([1.0, 4.0, 9.0]))  # priorities 1, 2, 3
    batch = draw(s, 6000)
    drawn = batch.transitions.n_step_return
    assert [np.mean(drawn == k) for k in range(3)] == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=2e-3)
    # (N·P)^-β over its largest, which is the rarest row's: (P_i / P_min)^-0.4
    for k, expected in enumerate((1.0, 2**-0.4, 3**-0.4)):
        assert batch.weights[drawn == k] == pytest.approx(expected, rel=1e-6)


def test_without_any_priority_all_rows_are_drawn_alike():
    s = shard(capacity=8, zone_size=2, zone_share=0.5, alpha=1.0, epsilon=0.0)
    s.insert(rows(5), np.zeros(1))
    s.add(rows(6, 7, 8), np.zeros(3))
    batch = draw(s, 4000)
    drawn = batch.transitions.n_step_return
    assert [np.mean(drawn == k) for k in (5, 6, 7, 8)] == pytest.approx([0.25] * 4, abs=0.03)
    assert (batch.weights == 1.0).all()


def test_a_fixed_share_comes_from_the_zone():
    s = shard(capacity=100, zone_size=2, zone_share=0.5, alpha=1.0, beta=1.0, epsilon=0.0)
    s.add(rows(*range(10, 18)), np.full(8, 1000.0))
    assert (draw(s, 64).indices >= 2).all()  # the zone is still empty
    s.insert(rows(1, 2), np.array([1e-3, 3e-3]))
    batch = draw(s, 4000)
    assert np.count_nonzero(batch.indices < 2) == 2000
    assert np.mean(batch.indices == 1) == pytest.approx(0.375, abs=1e-3)
    # P: 1/8, 3/8 in the zone and 1/16 in the ring; weights 1/(N·P) over their largest
    assert batch.weights[batch.indices == 0] == pytest.approx(0.5, rel=1e-6)
    assert batch.weights[batch.indices == 1] == pytest.approx(1 / 6, rel=1e-6)
    assert batch.weights[batch.indices >= 2] == pytest.approx(1.0, rel=1e-6)


def test_sampling_never_changes_storage():
    s = shard(capacity=6, zone_size=2, zone_share=0.5)
    s.insert(rows(1, 2))
    s.add(rows(3, 4, 5))
    before = {name: array.copy() for name, array in s.state().items()}
    batch = draw(s, 32)
    for column in batch.transitions:
        column[...] = -1.0  # a learner may overwrite its batch
    for name, array in s.state().items():
        assert (array == before[name]).all(), name


def test_priorities_of_overwritten_rows_are_ignored():
    s = shard(capacity=3, alpha=1.0, epsilon=0.0)
    s.add(rows(0, 1, 2), np.array([1.0, 1.0, 1.0]))
    batch = draw(s, 3)
    assert sorted(batch.indices.tolist()) == [0, 1, 2]
    s.add(rows(7), np.array([5.0]))  # overwrites row 0
    ignored = s.update_priorities(batch.indices, batch.drawn_at, np.array([2.0, 2.0, 2.0]))
    assert (ignored, s.ignored_updates) == (1, 1)
    assert s.state()["ring_priority"].tolist() == [5.0, 2.0, 2.0]


def test_state_goes_round_and_foreign_state_is_refused():
    s = shard(capacity=9, zone_size=3)
    s.add_demonstration(rows(100))
    for k in range(8):
        s.add(rows(k), np.array([k + 1.0]))
        s.insert(rows(50 + k), np.array([2.0]))
    state = {name: array.copy() for name, array in s.state().items()}
    again = shard(capacity=9, zone_size=3)
    again.load_state(state)
    for other in (s, again):  # both continue in the same way
        other.add(rows(77), np.array([0.5]))
        other.insert(rows(78))
    for name, array in s.state().items():
        assert (array == again.state()[name]).all(), name
    assert draw(s, 50).indices.tolist() == draw(again, 50).indices.tolist()
    with pytest.raises(CheckpointError, match="same capacity"):
        shard(capacity=4, zone_size=1).load_state(state)


@pytest.mark.parametrize(
    ("part", "value", "text"),
    [
        ("zone_rows", np.nan, "transitions of the zone: expected finite"),
        ("ring_rows", np.inf, "transitions of the ring: expected finite"),
        ("ring_priority", np.nan, "priorities of the ring: expected finite"),
        ("zone_priority", -1.0, "priorities of the zone: expected finite numbers of at least 0"),
        ("top", np.nan, "top priority"),
        ("counters", -1, "counters"),
    ],
)
def test_a_state_with_numbers_of_no_use_is_refused(part, value, text):
    s = shard(capacity=9, zone_size=3)
    s.add(rows(1))
    s.insert(rows(2))
    state = {name: array.copy() for name, array in s.state().items()}
    state[part].flat[0] = value
    with pytest.raises(CheckpointError, match=f"^checkpoint: {text}.*earlier checkpoint$"):
        shard(capacity=9, zone_size=3).load_state(state)


def test_priorities_chances_and_weights_by_hand():
    s = shard(capacity=8, alpha=0.5, beta=0.5, epsilon=0.25)
    s.add(rows(0, 1, 2), np.array([0.0, -2.0, 3.75]))
    # (|δ| + 1/4)^(1/2) = 1/2, 3/2, 2; P = 1/8, 3/8, 4/8; w = (3 P)^(-1/2) over its largest
    assert s.state()["ring_priority"].tolist() == [0.5, 1.5, 2.0]
    batch = draw(s, 800)
    assert np.bincount(batch.indices).tolist() == [100, 300, 400]  # stratified: exactly
    for index, weight in enumerate((1.0, 3**-0.5, 4**-0.5)):
        assert batch.weights[batch.indices == index] == pytest.approx(weight, rel=1e-6)
    annealed = s.sample(8, np.random.default_rng(0), beta=1.0)
    assert np.unique(annealed.weights) == pytest.approx([1 / 4, 1 / 3, 1], rel=1e-6)
    s.update_priorities(np.array([0]), s.written, np.array([15.75]))
    assert s.state()["ring_priority"].tolist() == [4.0, 1.5, 2.0]


def test_a_batch_of_one_with_a_share_from_the_zone():
    s = shard(capacity=8, zone_size=2, zone_share=0.5)
    s.insert(rows(1))
    s.add(rows(2))
    assert draw(s, 1).weights.tolist() == [1.0]


def test_ages_count_rows_written_to_the_same_part():
    s = shard(capacity=7, zone_size=3)
    s.add_demonstration(rows(100))
    s.insert(rows(1, 2, 3))  # over 2 slots: 3 is in slot 1, 2 in slot 2
    s.add(rows(10, 11, 12, 13, 14))  # over 4 slots: 14 is in slot 3
    batch = draw(s, 7)
    for slot, age in enumerate((3, 0, 1, 0, 3, 2, 1)):
        one = batch._replace(indices=np.array([slot]))
        assert s.staleness(one) == age, slot
    assert s.zone_age == pytest.approx(4 / 3)
    assert shard().zone_age == 0.0


def test_permanent_rows_never_count_as_overwritten():
    s = shard(capacity=7, zone_size=3)
    s.add_demonstration(rows(100, 101))
    s.insert(rows(1))
    s.add(rows(10))
    batch = draw(s, 64)
    for k in range(3):
        s.insert(rows(k))
        s.add(rows(k))
    ignored = s.update_priorities(batch.indices, batch.drawn_at, np.full(64, 2.0))
    assert ignored == np.count_nonzero(batch.indices == 2) > 0
    assert s.ignored_updates == ignored


def test_a_state_frozen_earlier_is_of_that_moment():
    s = shard(capacity=6, zone_size=2)
    s.insert(rows(1, 2))
    s.add(rows(10, 11))
    before, frozen = s.state(), s.frozen_state()
    s.insert(rows(3))
    s.add(rows(12, 13, 14, 15))
    s.update_priorities(np.arange(6), s.written, np.full(6, 9.0))
    for name, value in frozen.items():
        array = value() if callable(value) else value
        assert np.array_equal(array, before[name]), name


@pytest.mark.parametrize(
    "options",
    [
        {"zone_size": 8},
        {"zone_share": 1.0},
        {"zone_size": -1},
        {"alpha": -0.1},
        {"beta": 1.1},
        {"epsilon": -1.0},
    ],
)
def test_refuses_what_cannot_work(options):
    with pytest.raises(ConfigurationError, match="expected"):
        shard(capacity=8, **options)


def test_an_empty_shard_cannot_be_drawn_from():
    with pytest.raises(ConfigurationError, match="empty"):
        draw(shard())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_error_that_is_not_finite_stops_training(bad):
    s = shard()
    s.add(rows(1, 2))
    batch = draw(s, 2)
    before = s.state()
    with pytest.raises(DivergedError, match="smaller learning_rate"):
        s.update_priorities(batch.indices, batch.drawn_at, np.array([0.5, bad]))
    with pytest.raises(DivergedError):
        s.add(rows(3), np.array([bad]))
    after = s.state()
    assert all(np.array_equal(before[name], after[name]) for name in before)
