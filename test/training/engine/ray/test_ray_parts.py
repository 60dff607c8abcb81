"""Parts of the Ray engine without a cluster: the actors are only recorded."""

import numpy as np
import pytest

from der_ros.errors import ConfigurationError, DivergedError
from der_ros.replay.transitions import Episode, n_step_transitions
from der_ros.training.config import make_config
from der_ros.training.engine.interface import Drawn, Sizes
from der_ros.training.engine.ray import replay as ray_replay
from der_ros.training.engine.ray.actors import PoolActor, ShardActor, WorkerActor
from der_ros.training.engine.ray.replay import RayReplay
from der_ros.training.rollout.worker import Job

# Ray leaves files and sockets to the garbage collector, and warns of changes in its future.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

CONFIG = make_config(
    {"env": "Pendulum-v1", "success_return": 0.0, "engine": "ray", "hidden": [8], "shards": 3}
    | {"capacity": 10_000, "zone_size": 1000, "workers": 3}
)


def draws(rng):
    return tuple(rng.integers(2**63, size=4))


def test_every_part_draws_its_own_random_numbers(monkeypatch):
    seeds = []

    class Remote:
        """In place of an actor's class; ``entropy`` is its last argument."""

        def remote(self, *arguments):
            seeds.append(arguments[-1])

    monkeypatch.setattr(ray_replay.ray, "remote", lambda **_: lambda kind: Remote())
    replay = RayReplay(CONFIG, Sizes(3, 1, 41, 0), lambda rows: np.zeros(rows.size), lambda: None)
    for _ in range(3):
        replay._make_shard()
    replay._make_pool()
    streams = [draws(replay._rng)]
    streams += [draws(np.random.default_rng(np.random.SeedSequence(seed))) for seed in seeds]
    for number in range(3):
        worker = WorkerActor(Job(CONFIG, number, 3, 0, 0))
        assert worker.start() is None
        streams.append(draws(worker._rng))
        streams.append(draws(worker._worker._rng))
    assert len(set(streams)) == len(streams) == 11


def episode(success):
    return Episode(
        *(np.zeros(shape, np.float32) for shape in ((3, 3), (2, 1), 2)), True, False, success
    )


def test_an_error_that_no_caller_reads_is_kept():
    replay = CONFIG.replay()
    pool, shard = PoolActor(replay, (3, 1), (0,)), ShardActor(replay, (3, 1), 0, (0,))
    pool.add(episode(success=True))
    assert pool.counts().episodes == 1
    for _ in range(2):
        pool.add(episode(success=False))
    shard.add(n_step_transitions(episode(True), 1, 0.9), np.array([0.5, np.nan]))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="whole episode that succeeded"):
            pool.counts()
        with pytest.raises(DivergedError, match="smaller learning_rate"):
            shard.counts()


def test_an_error_of_a_replacing_shard_is_kept():
    shard = ShardActor(CONFIG.replay(), (3, 1), 0, (0,))
    with pytest.raises(DivergedError, match="smaller learning_rate"):
        shard.load_demonstrations([(episode(True), np.array([0.5, np.nan]))])
    with pytest.raises(DivergedError, match="smaller learning_rate"):
        shard.counts()


def test_diverged_td_errors_end_a_run_on_ray():
    replay = RayReplay(CONFIG, Sizes(3, 1, 41, 0), lambda rows: np.zeros(rows.size), lambda: None)
    replay._actors = {0: None}
    with pytest.raises(DivergedError, match="smaller learning_rate"):
        replay.write_back(Drawn(0, None, 0.0, 0.0), np.array([0.5, np.nan]))
