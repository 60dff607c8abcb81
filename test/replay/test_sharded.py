import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.replay.shard import ShardConfig
from der_ros.replay.sharded import ReplayConfig, ShardedReplay, zone_slots
from der_ros.replay.transitions import Episode, n_step_transitions


def episode(tag, steps=4, success=True):
    return Episode(
        np.full((steps + 1, 1), tag, np.float32),
        np.zeros((steps, 1), np.float32),
        np.ones(steps, np.float32),
        True,
        False,
        success,
    )


def replay(seed=0, td_errors=None, **options):
    shard = options.pop("shard", ShardConfig(200, zone_size=10))
    config = ReplayConfig(shards=3, shard=shard, insertion_interval=100, **options)
    return ShardedReplay(config, 1, 1, np.random.default_rng(seed), td_errors)


def zone_tags(shard):
    return shard.state()["zone_rows"][:, 0].tolist()


def test_mistake_10_each_shard_takes_a_whole_episode():
    r = replay()
    assert r.insert_if_due(250) == 0  # due twice, but the pool is empty
    r.add_success(episode(1.0))
    assert r.insert_if_due(299) == 0
    assert r.insert_if_due(300) == 3
    assert [zone_tags(shard) for shard in r.shards] == [[1.0] * 4] * 3
    assert r.insert_if_due(399) == 0
    assert r.insert_if_due(520) == 6
    assert r.insertions == 9
    assert len(r.pool) == 1


def test_driven_steps_go_to_every_zone_at_once():
    r = replay()
    r.add_taught(episode(7.0, steps=3, success=False))
    assert [zone_tags(shard) for shard in r.shards] == [[7.0] * 3] * 3
    assert r.insertions == len(r.pool) == 0


def test_without_a_zone_the_ring_has_the_driven_steps():
    r = replay(shard=ShardConfig(200), der=False)
    r.add_taught(episode(7.0))
    assert len(r) == 0


def test_each_shard_draws_for_itself():
    r = replay(shard=ShardConfig(200, zone_size=4))
    for tag in range(20):
        r.add_success(episode(float(tag)))
    r.insert_if_due(100)
    assert len({tuple(zone_tags(shard)) for shard in r.shards}) > 1


def test_mistake_2_demonstrations_pass_the_same_n_step():
    r = replay(n_step=3, gamma=0.5, structure="all_shots_in_all")
    r.load_demonstrations([episode(5.0)])
    r.add_success(episode(1.0))
    r.insert_if_due(100)
    expected = n_step_transitions(episode(1.0), 3, 0.5)  # what a rollout worker sends
    rows = r.shards[0].state()["zone_rows"]  # one of observation, one of action, return, discount
    for inserted in (rows[:4], rows[4:]):
        assert inserted[:, 2].tolist() == expected.n_step_return.tolist() == [1.75, 1.75, 1.5, 1.0]
        assert inserted[:, 3].tolist() == expected.discount.tolist() == [0.125, 0.0, 0.0, 0.0]


def test_without_der_the_pool_stays_empty():
    r = replay(der=False, structure="all_shots_in_all")
    r.load_demonstrations([episode(5.0), episode(6.0)])
    r.add_success(episode(1.0))
    assert r.insert_if_due(1000) == 0
    assert len(r.pool) == 0
    assert [zone_tags(shard) for shard in r.shards] == [[5.0] * 4 + [6.0] * 4] * 3


def test_fragments_go_to_random_shards_whole():
    r = replay()
    for _ in range(60):
        r.add(n_step_transitions(episode(0.0), 3, 0.5))
    sizes = [len(shard) for shard in r.shards]
    assert sum(sizes) == len(r) == 240
    assert all(size % 4 == 0 and size > 20 for size in sizes)


def test_batches_come_from_one_filled_shard():
    r = replay()
    r.shards[1].add(n_step_transitions(episode(0.0), 3, 0.5))
    assert {id(r.sample(4)[0]) for _ in range(20)} == {id(r.shards[1])}
    r.shards[2].add(n_step_transitions(episode(0.0), 3, 0.5))
    assert len({id(r.sample(4)[0]) for _ in range(50)}) == 2


@pytest.mark.parametrize(("kind", "expected"), [("td_error", 0.25), ("top", 1.0)])
def test_inserted_priority_is_an_option(kind, expected):
    shard = ShardConfig(200, zone_size=10, alpha=1.0, epsilon=0.0)
    r = replay(
        td_errors=lambda rows: np.full(rows.size, -0.25), inserted_priority=kind, shard=shard
    )
    r.add_success(episode(1.0))
    r.insert_if_due(100)
    assert set(r.shards[0].state()["zone_priority"].tolist()) == {expected}


def test_der_needs_room_in_the_zone():
    with pytest.raises(ConfigurationError, match="enlarge the zone"):
        replay(shard=ShardConfig(200, zone_size=0))
    full = replay(shard=ShardConfig(200, zone_size=4), structure="one_shot_in_all")
    with pytest.raises(ConfigurationError, match="room for successes"):
        full.load_demonstrations([episode(1.0)])


@pytest.mark.parametrize(
    ("size", "scope", "slots"),
    [
        (20_000, "total", 3_333),  # the paper's 1 % of 2,000,000 over 6 shards
        (20_000, "shard", 20_000),
        (0.01, "total", 3_333),
        (0.01, "shard", 3_333),
        (0, "total", 0),
        (1, "shard", 1),
    ],
)
def test_the_zone_is_a_count_or_a_fraction(size, scope, slots):
    assert zone_slots(size, scope, 333_333, 6) == slots


@pytest.mark.parametrize(("size", "scope"), [(10.5, "total"), (-1, "total"), (10, "each")])
def test_a_zone_that_is_neither_is_refused(size, scope):
    with pytest.raises(ConfigurationError, match=r"zone s.* expected"):
        zone_slots(size, scope, 100, 2)


def test_the_four_structures_in_the_zones_themselves():  # paper, Fig. 1
    shots = [episode(float(tag)) for tag in (1, 2, 3)]
    options = {"shard": ShardConfig(200, zone_size=20), "der": False}

    def zones(structure):
        r = replay(structure=structure, **options)
        r.load_demonstrations(shots)
        return [zone_tags(shard) for shard in r.shards]

    assert zones("no_demos") == [[], [], []]
    (first, *others) = zones("one_shot_in_all")
    assert len(set(first)) == 1
    assert others == [first, first]
    assert zones("all_shots_in_all") == [[1.0] * 4 + [2.0] * 4 + [3.0] * 4] * 3
    assert sorted(zones("one_shot_each")) == [[1.0] * 4, [2.0] * 4, [3.0] * 4]
