import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dying import dies

from der_ros.errors import ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.engine.interface import (
    EvaluationPart,
    EvaluationRequest,
    PolicySnapshot,
    Report,
    Sizes,
    WorkerFailed,
)
from der_ros.training.engine.local import processes
from der_ros.training.engine.local.engine import LocalEngine
from der_ros.training.rollout.observation_filter import FilterStatistics
from der_ros.training.run.training_run import TrainingRun

SMALL = {"env": "Pendulum-v1", "hidden": [4], "learning_starts": 0, "capacity": 10_000}
CONFIG = make_config({**SMALL, "workers": 2})
HERE = Path(__file__).resolve().parent
PARAMETERS = 4 * 3 + 4 + 4 + 1
SNAPSHOT = PolicySnapshot(
    np.zeros(PARAMETERS, np.float32),
    FilterStatistics(np.zeros(3, np.float32), np.ones(3, np.float32), CONFIG.filter_clip),
    7,
    np.zeros(0, np.float32),
)


def local_engine(config, observation_size=3):
    sizes = Sizes(observation_size, 1, PARAMETERS, 0)
    return LocalEngine(config, sizes, lambda raw: np.zeros(raw.size), lambda: False)


def until(rollouts, enough, timeout_s=60.0):
    """Receive until ``enough`` accepts the messages so far."""
    messages, deadline = [], time.monotonic() + timeout_s
    while not enough(messages):
        assert time.monotonic() < deadline, f"only got {messages}"
        messages += rollouts.receive(0.1)
    return messages


def workers_of(messages):
    return {message.worker for message in messages if isinstance(message, Report)}


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_workers_send_are_replaced_evaluate_and_end():
    with local_engine(CONFIG) as engine:
        messages = until(engine, lambda m: workers_of(m) == {0, 1})
        rows = sum(len(shard) for shard in engine.replay.shards)
        steps = sum(report.env_steps for report in messages)
        assert 0 < rows <= steps == 50 * len(messages)
        engine.publish(SNAPSHOT)
        until(engine, lambda m: any(report.policy_updates == 7 for report in m))
        first = engine.workers.process_ids

        os.kill(first[0], signal.SIGKILL)
        until(engine, lambda m: engine.workers.process_ids[0] != first[0] and 0 in workers_of(m))
        second = engine.workers.process_ids
        assert second[1] == first[1]
        assert engine.metrics()["time/workers_replaced"] == 1

        seeds = (3, 4, 5)
        assert engine.evaluate(EvaluationRequest(1, SNAPSHOT, seeds)) == 2
        messages = until(engine, lambda m: sum(isinstance(part, EvaluationPart) for part in m) == 2)
        parts = [m for m in messages if isinstance(m, EvaluationPart)]
        assert sorted(part.report.episodes for part in parts) == [1, 2]
    assert all(gone(pid) for pid in second)


def test_workers_that_die_at_their_start_end_the_run(monkeypatch):
    monkeypatch.setattr(processes, "run_worker", dies)
    with local_engine(CONFIG) as engine:
        (failed, *_) = until(engine, bool)
    assert isinstance(failed, WorkerFailed)
    assert "3 in a row ended before they sent anything, the last with exit code 7" in failed.reason


def test_workers_send_what_they_saw():
    with local_engine(make_config({**SMALL, "workers": 1, "shards": 1})) as engine:
        until(engine, lambda m: len(m) >= 8)  # each slot has been used twice
        drawn = engine.sample(None)
    batch = drawn.batch.transitions
    assert np.hypot(batch.observation[:, 0], batch.observation[:, 1]) == pytest.approx(1, abs=1e-5)
    assert (np.abs(batch.action) <= 1).all()
    assert len(np.unique(batch.observation[:, 2])) > 100
    assert (batch.n_step_return < 0).all()  # of Pendulum
    assert set(np.round(batch.discount.astype(float), 4).tolist()) <= {
        0.9703,
        0.9801,
        0.99,
    }  # shorter at the end


def test_a_learner_that_lags_holds_the_workers():
    with local_engine(CONFIG) as engine:
        until(engine, lambda m: workers_of(m) == {0, 1})
        pipe = engine.workers._pipes[0]
        taken = 0
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:  # read without the answer that the worker awaits
            taken += pipe.poll(0.1) and pipe.recv() is not None
        assert 0 < taken <= 4


def test_all_sent_by_a_worker_is_taken_at_once():
    with local_engine(make_config({**SMALL, "workers": 1})) as engine:
        until(engine, workers_of)
        deadline, messages = time.monotonic() + 60.0, []
        while len(messages) < 2:  # while a learner updates, more than one fragment comes
            assert time.monotonic() < deadline
            time.sleep(0.2)
            messages = engine.receive(0.0)


def test_a_worker_that_cannot_start_says_why():
    wrong = make_config({"task": "lap_joint", "clearance_m": 7.0, "workers": 1})
    with local_engine(wrong, 13) as engine:
        (message,) = until(engine, len)
        assert isinstance(message, WorkerFailed)
        assert "clearance" in message.reason


@pytest.mark.parametrize("first_priority", ["top", "td_error"])
def test_a_run_with_worker_processes_trains(tmp_path, first_priority):
    options = {"env": "Pendulum-v1", "workers": 1, "hidden": [16], "max_env_steps": 1500}
    options |= {"learning_starts": 200, "batch_size": 32, "update_lag": 50}
    options |= {"evaluation_episodes": 2, "der": False, "first_priority": first_priority}
    outcome = TrainingRun(make_config(options), tmp_path / "run").run()
    assert outcome.env_steps >= 1500
    assert outcome.updates > 300
    assert outcome.evaluation_episodes == 2


def test_an_error_in_the_environment_ends_the_run(tmp_path):
    with pytest.raises(ConfigurationError, match="clearance"):
        TrainingRun(make_config({"clearance_m": 7.0, "workers": 1}), tmp_path / "run").run()


LEARNER = """
import sys, time
sys.path[:0] = sys.argv[1:]
from test_local_engine import CONFIG, local_engine, until, workers_of
if __name__ == "__main__":
    with local_engine(CONFIG) as engine:
        until(engine, lambda messages: workers_of(messages) == {0, 1})
        print(*engine.workers.process_ids, flush=True)
        time.sleep(600.0)
"""
# Time for the workers to end after the learner; they may be slow on a busy computer.
GONE_S = 5.0


def test_workers_end_with_a_learner_that_is_killed(tmp_path):
    script = tmp_path / "learner.py"
    script.write_text(LEARNER)
    command = [sys.executable, str(script), *map(str, (HERE, HERE.parents[3]))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as learner:
        try:
            workers = [int(pid) for pid in learner.stdout.readline().split()]
            assert len(workers) == 2
        finally:
            learner.kill()
    deadline = time.monotonic() + GONE_S
    while not all(map(gone, workers)):
        assert time.monotonic() < deadline, workers
        time.sleep(0.02)
