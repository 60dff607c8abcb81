"""A run on Ray with killed workers; Ray starts once for the file, on loopback."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ray.exceptions import RayActorError

from der_ros.errors import ConfigurationError
from der_ros.replay.transitions import Episode
from der_ros.training.checkpoint.file import latest_checkpoint, load_checkpoint
from der_ros.training.config import make_config
from der_ros.training.engine.interface import (
    EvaluationPart,
    EvaluationRequest,
    PolicySnapshot,
    Report,
    Sizes,
)
from der_ros.training.engine.ray.engine import RayEngine, _check_temporary_folder
from der_ros.training.engine.ray.workers import RayWorkers
from der_ros.training.metrics.log import read_metrics
from der_ros.training.rollout.observation_filter import FilterStatistics
from der_ros.training.run.resuming import resumed_config
from der_ros.training.run.training_run import TrainingRun

# Ray leaves files and sockets to the garbage collector, and warns of changes in its future.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OPTIONS = {
    "env": "Pendulum-v1",
    "success_return": 0.0,
    "engine": "ray",
    "hidden": [8],
    "learning_starts": 100,
}
OPTIONS |= {"capacity": 10_000, "zone_size": 1000, "shards": 2, "batch_size": 32}
OPTIONS |= {"evaluation_episodes": 2, "replay_structure": "one_shot_in_all", "demos": "given"}
PARAMETERS = 8 * 3 + 8 + 8 + 1
SNAPSHOT = PolicySnapshot(
    np.zeros(PARAMETERS, np.float32),
    FilterStatistics(np.zeros(3, np.float32), np.ones(3, np.float32), 10.0),
    7,
    np.zeros(0, np.float32),
)
SHOT = Episode(
    np.ones((11, 3), np.float32),
    np.ones((10, 1), np.float32),
    np.ones(10, np.float32),
    True,
    False,
    True,
)


def engine(**options):
    made = RayEngine(
        make_config({**OPTIONS, **options}),
        Sizes(3, 1, PARAMETERS, 0),
        lambda raw: np.zeros(raw.size),
    )
    made.load_demonstrations([SHOT])
    return made


def until(made, enough, timeout_s=90.0):
    messages, deadline = [], time.monotonic() + timeout_s
    while not enough(messages):
        assert time.monotonic() < deadline, f"only got {messages}"
        messages += made.receive(0.1)
    return messages


def sampled(made, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while (drawn := made.sample(None)) is None:
        made.receive(0.0)
        assert time.monotonic() < deadline
    return drawn


def workers_of(messages):
    return {message.worker for message in messages if isinstance(message, Report)}


def test_workers_and_shards_are_replaced_and_evaluate():
    with engine(workers=2) as made:
        until(made, lambda m: workers_of(m) == {0, 1})
        made.publish(SNAPSHOT)
        until(made, lambda m: any(r.policy_updates == 7 for r in m if isinstance(r, Report)))
        drawn = sampled(made)
        assert drawn.batch.transitions.observation.shape == (32, 3)
        made.write_back(drawn, np.ones(32))

        first = made.workers.process_ids
        os.kill(first[0], signal.SIGKILL)
        until(made, lambda m: made.workers.process_ids[0] != first[0] and 0 in workers_of(m))
        assert made.workers.process_ids[1] == first[1]
        assert made.metrics()["time/workers_replaced"] == 1

        import ray

        old = made.replay.shards
        ray.kill(old[1])
        deadline = time.monotonic() + 60.0
        while made.replay.shards == old:
            made.receive(0.05)
            made.sample(None)
            assert time.monotonic() < deadline
        made.write_back(drawn._replace(shard=1), np.ones(32))  # of the dead shard: ignored
        assert made.replay.shards[0] == old[0]
        # The demonstration is back once the new shard has received it.
        until(made, lambda _: made.metrics()["der/zone_transitions"] == 20)

        assert made.evaluate(EvaluationRequest(1, SNAPSHOT, (3, 4, 5))) == 2
        messages = until(made, lambda m: sum(isinstance(p, EvaluationPart) for p in m) == 2)
        parts = [m for m in messages if isinstance(m, EvaluationPart)]
        assert sorted(part.report.episodes for part in parts) == [1, 2]

        made.replay.pool.add.remote(SHOT._replace(success=False))
        expected = "^success pool: expected a whole episode that succeeded$"
        with pytest.raises(ConfigurationError, match=expected):
            until(made, lambda _: not made.metrics())


def test_a_ray_run_is_resumed_on_ray_and_in_processes(tmp_path):
    options = {**OPTIONS, "workers": 1, "max_env_steps": 600, "update_lag": 50}
    options |= {"replay_structure": "no_demos", "demos": ""}
    outcome = TrainingRun(make_config(options), tmp_path).run()
    assert outcome.env_steps >= 600
    assert outcome.updates >= 100
    assert outcome.evaluation_episodes == 2
    assert read_metrics(tmp_path / "metrics.jsonl")[-1]["replay/transitions"] > 500
    for name, steps in (("ray", 900), ("local", 1200)):
        made, folder = resumed_config(tmp_path, {"max_env_steps": steps, "engine": name})
        assert TrainingRun(made, folder, resume=folder).run().env_steps >= steps
        assert read_metrics(folder / "metrics.jsonl")[-1]["replay/transitions"] > steps - 100
    content = load_checkpoint(latest_checkpoint(tmp_path))
    assert content["loop"]["engine"]["replay"]["shards"].keys() == {"0", "1"}


def test_more_workers_than_processors_are_reported(monkeypatch, caplog):
    import ray

    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    assert engine(workers=2)._workers() == 2
    assert caplog.text == ""
    assert engine(workers=3)._workers() == 3
    assert "expected at most 2, the CPUs of the Ray cluster, got 3" in caplog.text
    assert engine(workers=-1)._workers() == 1


def test_a_ray_worker_that_dies_at_starts_ends_the_run(monkeypatch):
    rollouts = RayWorkers(make_config(OPTIONS), 1, 0)
    monkeypatch.setattr(rollouts, "_start", lambda worker: None)
    monkeypatch.setattr("ray.get", lambda reference: (_ for _ in ()).throw(RayActorError()))
    answers = []
    for number in range(3):
        rollouts._started = [1]
        rollouts._await(0, number)
        answers.append(rollouts._take(number))
    assert answers[:2] == [None, None]
    assert "3 in a row ended before they sent anything" in answers[2].reason


def test_without_ray_the_run_says_how_to_get_it(tmp_path):
    hidden = "import sys; sys.modules['ray'] = None\n"
    code = (
        "from der_ros.training.run.training_run import TrainingRun\n"
        "from der_ros.training.config import make_config\n"
        "from pathlib import Path\n"
        f"config = make_config({{'env': 'Pendulum-v1', 'der': False, 'engine': 'ray'}})\n"
        f"TrainingRun(config, Path({str(tmp_path / 'run')!r})).run()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", hidden + code], capture_output=True, text=True, check=False
    )
    assert "ConfigurationError" in result.stderr
    assert "requirements/ray.txt" in result.stderr


def test_no_cluster_at_the_address_is_said():
    with pytest.raises(ConfigurationError, match="ray start"), engine(ray_address="127.0.0.1:1"):
        pass


@pytest.mark.slow
def test_training_goes_on_without_a_lost_node(monkeypatch):
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, **store})
    try:
        other = cluster.add_node(num_cpus=2, object_store_memory=80 * 2**20)
        with engine(ray_address=cluster.address, workers=3) as made:
            until(made, lambda m: workers_of(m) == {0, 1, 2}, 180.0)
            sampled(made)
            cluster.remove_node(other, allow_graceful=False)
            replaced = lambda _: made.metrics()["time/workers_replaced"] > 0  # noqa: E731
            until(made, replaced, 180.0)
            assert len(workers_of(until(made, lambda m: len(workers_of(m)) >= 2, 120.0))) >= 2
            drawn = sampled(made, 120.0)
            made.write_back(drawn, np.ones(32))
    finally:
        cluster.shutdown()


def test_a_long_temporary_folder_is_refused(monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", f"/tmp/{'a' * 60}")
    with pytest.raises(ConfigurationError, match=r"at most 35 bytes.*set TMPDIR to a shorter one"):
        _check_temporary_folder()
