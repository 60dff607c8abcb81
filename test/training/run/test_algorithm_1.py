"""The order of operations in the paper's Alg. 1, observed in the replay of a running training."""

from itertools import pairwise

import numpy as np
import pytest
import reach  # noqa: F401  (registers the environment)

from der_ros.algorithms.base import make_algorithm
from der_ros.replay.shard import Shard
from der_ros.replay.sharded import ShardedReplay
from der_ros.replay.success_pool import SuccessPool
from der_ros.replay.transitions import Episode
from der_ros.training import learner as learner_module
from der_ros.training.config import make_config
from der_ros.training.demonstrations.files import save_episode
from der_ros.training.run.training_run import TrainingRun

SHARDS, FRAGMENT, INTERVAL = 2, 20, 100


def demonstration():
    rows = np.linspace(1.0, 0.1, 7, dtype=np.float32)[:, None].repeat(2, axis=1)
    return Episode(
        rows, np.full((6, 2), -0.5, np.float32), np.ones(6, np.float32), True, False, True
    )


def watch(monkeypatch, events, owner, name, event):
    original = getattr(owner, name)

    def watched(*args, **kwargs):
        result = original(*args, **kwargs)
        events.append(event)
        return result

    monkeypatch.setattr(owner, name, watched)


def run(tmp_path, monkeypatch, **options):
    events = []
    watch(monkeypatch, events, Shard, "add_demonstration", "load")
    watch(monkeypatch, events, ShardedReplay, "add", "add")
    watch(monkeypatch, events, SuccessPool, "add", "success")
    watch(monkeypatch, events, Shard, "insert", "insert")
    watch(monkeypatch, events, ShardedReplay, "sample", "sample")
    watch(monkeypatch, events, Shard, "update_priorities", "priorities")
    save_episode(tmp_path / "shot.npz", demonstration())
    values = {
        "env": "der_ros_test/Reach-v0",
        "workers": 0,
        "hidden": [16],
        "batch_size": 32,
        "shards": SHARDS,
        "capacity": 4000,
        "zone_size": 400,
        "learning_starts": 200,
        "fragment_steps": FRAGMENT,
        "insertion_interval": INTERVAL,
        "updates_per_step": 0.1,
        "replay_structure": "one_shot_in_all",
        "demos": str(tmp_path / "shot.npz"),
        "noise_min": 0.8,
        "max_env_steps": 1600,
        "target_success": 2.0,
        "seed": 3,
        "evaluation_episodes": 1,
    }
    TrainingRun(make_config({**values, **options}), tmp_path / "run").run()
    return events


def test_successes_reach_the_zones_through_the_pool(tmp_path, monkeypatch):
    events = run(tmp_path, monkeypatch)
    assert events[:SHARDS] == ["load"] * SHARDS
    assert events.count("load") == SHARDS
    assert "success" in events
    assert events.index("add") < events.index("success") < events.index("insert")
    inserts = [k for k, event in enumerate(events) if event == "insert"]
    # Every shard takes one each time, at most once per interval.
    assert len(inserts) % SHARDS == 0
    for k in inserts[::SHARDS]:
        assert events[k : k + SHARDS] == ["insert"] * SHARDS
    steps = [FRAGMENT * events[:k].count("add") for k in inserts[::SHARDS]]
    assert all(later - sooner >= INTERVAL for sooner, later in pairwise(steps))


def test_a_batch_gets_its_priorities_before_the_next(tmp_path, monkeypatch):
    events = run(tmp_path, monkeypatch)
    trained = [event for event in events if event in ("sample", "priorities")]
    assert trained == ["sample", "priorities"] * (len(trained) // 2)
    assert len(trained) > 100
    first = events.index("sample")
    assert FRAGMENT * events[:first].count("add") >= 200  # learning_starts


def test_without_der_no_success_reaches_pool_or_zone(tmp_path, monkeypatch):
    events = run(tmp_path, monkeypatch, der=False)
    assert {"load", "add", "sample", "priorities"} == set(events)


def test_mistake_2_demonstrations_pass_the_same_filter(tmp_path, monkeypatch):
    drawn, learned = [], []

    def recorded(into, function):
        def call(*args, **kwargs):
            result = function(*args, **kwargs)
            into.append((args, result))
            return result

        return call

    def watched_algorithm(*args):
        algorithm = make_algorithm(*args)
        algorithm.update = recorded(learned, algorithm.update)
        return algorithm

    monkeypatch.setattr(ShardedReplay, "sample", recorded(drawn, ShardedReplay.sample))
    monkeypatch.setattr(learner_module, "make_algorithm", watched_algorithm)
    run(tmp_path, monkeypatch, zone_share=0.5, der=False)  # the zone holds only human rows
    for (_, (shard, batch)), ((seen, *_), _) in list(zip(drawn, learned, strict=True))[-10:]:
        human = batch.indices < shard.config.zone_size
        for name in ("observation", "next_observation"):
            raw, filtered = getattr(batch.transitions, name), getattr(seen, name)
            for column in range(2):
                # The filter fitted to the agents' rows predicts the filtered human rows.
                line = np.polyfit(raw[~human, column], filtered[~human, column], 1)
                expected = np.polyval(line, raw[human, column])
                assert filtered[human, column] == pytest.approx(expected, abs=1e-3)
                assert not np.allclose(filtered[human, column], raw[human, column], atol=1e-2)
