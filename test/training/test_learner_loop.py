import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.config import make_config
from der_ros.training.engine.interface import WorkerFailed
from der_ros.training.learner import Learner, LearnerLoop

CONFIG = make_config({"hidden": [8], "workers": 1})


class FailedWorker:
    """Engine whose only worker has failed for good."""

    def receive(self, timeout_s):
        return [WorkerFailed(0, "no memory left")]


@pytest.mark.parametrize("method", ["turn", "finish_evaluation"])
def test_a_worker_that_failed_ends_the_run(method):
    loop = LearnerLoop(CONFIG, Learner(CONFIG, 13, 6), FailedWorker())
    with pytest.raises(ConfigurationError, match="rollout worker 0: no memory left"):
        getattr(loop, method)()
