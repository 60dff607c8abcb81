"""Each algorithm solves a classic environment, by its usual threshold."""

import pytest

from der_ros.training.config import load_config
from der_ros.training.metrics.log import read_metrics
from der_ros.training.run.training_run import TrainingRun


def evaluated(tmp_path, env, algorithm, **options):
    """Return the last evaluation's mean return over 100 episodes, and the last metrics."""
    given = {"env": env, "algorithm": algorithm, "workers": 0, "max_minutes": 60.0, **options}
    TrainingRun(load_config("gym", given), tmp_path / "run").run()
    lines = read_metrics(tmp_path / "run" / "metrics.jsonl")
    returns = [
        line["rollout/evaluation_return"] for line in lines if "rollout/evaluation_return" in line
    ]
    return returns[-1], lines[-1]


@pytest.mark.slow
def test_dqn_with_der_solves_cart_pole(tmp_path):
    mean, last = evaluated(tmp_path, "CartPole-v1", "dqn", der=True)
    assert mean >= 475.0
    assert last["der/pool_added"] > 0
    assert last["der/insertions"] > 0


# Gymnasium has no threshold for the pendulum. Random actions reach about -1200. A controller that
# always swings it up and holds it reaches about -150; one that fails in a tenth of the episodes
# stays below -200.
@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ddpg", "td3", "sac"])
def test_continuous_learners_swing_the_pendulum_up(tmp_path, algorithm):
    mean, _ = evaluated(tmp_path, "Pendulum-v1", algorithm)
    assert mean >= -200.0
