import os
import signal
import time

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.local_engine import WorkerProcesses
from der_ros.training.messages import (
    EvaluationPart,
    EvaluationRequest,
    Fragment,
    PolicySnapshot,
    WorkerFailed,
)
from der_ros.training.observation_filter import FilterStatistics
from der_ros.training.run import TrainingRun

CONFIG = make_config({"env": "Pendulum-v1", "hidden": [4], "learning_starts": 0, "workers": 2})
PARAMETERS = 4 * 3 + 4 + 4 + 1
SNAPSHOT = PolicySnapshot(
    np.zeros(PARAMETERS, np.float32),
    FilterStatistics(np.zeros(3, np.float32), np.ones(3, np.float32), CONFIG.filter_clip),
    7,
)


def until(rollouts, enough, timeout_s=60.0):
    """Receives until ``enough`` says so of all messages so far."""
    messages, deadline = [], time.monotonic() + timeout_s
    while not enough(messages):
        assert time.monotonic() < deadline, f"only got {messages}"
        messages += rollouts.receive(0.1)
    return messages


def workers_of(messages):
    return {message.worker for message in messages if isinstance(message, Fragment)}


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_workers_send_are_replaced_evaluate_and_end():
    with WorkerProcesses(CONFIG, False, PARAMETERS, 3) as rollouts:
        until(rollouts, lambda m: workers_of(m) == {0, 1})
        rollouts.publish(SNAPSHOT)
        until(rollouts, lambda m: any(f.policy_updates == 7 for f in m))
        first = [process.pid for process in rollouts._processes]

        os.kill(first[0], signal.SIGKILL)
        until(rollouts, lambda m: rollouts._processes[0].pid != first[0] and 0 in workers_of(m))
        second = [process.pid for process in rollouts._processes]
        assert second[1] == first[1]

        seeds = (3, 4, 5)
        assert rollouts.evaluate(EvaluationRequest(1, SNAPSHOT, seeds)) == 2
        messages = until(
            rollouts, lambda m: sum(isinstance(part, EvaluationPart) for part in m) == 2
        )
        parts = [m for m in messages if isinstance(m, EvaluationPart)]
        assert sorted(part.report.episodes for part in parts) == [1, 2]
    assert all(gone(pid) for pid in second)


def test_a_learner_that_does_not_receive_holds_the_workers():
    with WorkerProcesses(CONFIG, False, PARAMETERS, 3) as rollouts:
        until(rollouts, lambda m: workers_of(m) == {0, 1})
        pipe = rollouts._pipes[0]
        taken = 0
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:  # read without the answer that a worker waits for
            taken += pipe.poll(0.1) and isinstance(pipe.recv(), Fragment)
        assert taken <= 5


def test_a_worker_that_cannot_start_says_why():
    wrong = make_config({"task": "lap_joint", "clearance_m": 7.0, "workers": 1})
    with WorkerProcesses(wrong, False, PARAMETERS, 13) as rollouts:
        (message,) = until(rollouts, len)
        assert isinstance(message, WorkerFailed)
        assert "clearance" in message.reason


def test_a_run_with_worker_processes_trains(tmp_path):
    options = {"env": "Pendulum-v1", "workers": 1, "hidden": [16], "max_env_steps": 1500}
    options |= {"learning_starts": 200, "batch_size": 32, "update_lag": 50}
    options |= {"evaluation_episodes": 2, "der": False}
    outcome = TrainingRun(make_config(options), tmp_path / "run").run()
    assert outcome.env_steps >= 1500
    assert outcome.updates > 300
    assert outcome.evaluation_episodes == 2


def test_an_error_in_the_environment_ends_the_run_with_a_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="clearance"):
        TrainingRun(make_config({"clearance_m": 7.0, "workers": 1}), tmp_path / "run").run()
