import numpy as np
import pytest
from small_runs import config

from der_ros.errors import CheckpointError
from der_ros.training.checkpoint.file import latest_checkpoint, load_checkpoint, save_checkpoint
from der_ros.training.evaluation.policy_average import PolicyAverage
from der_ros.training.run.resuming import resumed_config
from der_ros.training.run.training_run import TrainingRun

SAMPLES = range(20, 20_001, 20)  # the updates after which the average takes a sample


def averaged(share, policy_at):
    """Return the average after 20,000 updates of the policy ``policy_at(update)``."""
    average = PolicyAverage(share, np.float32(policy_at(0)))
    for update in SAMPLES:
        average.add(np.float32(policy_at(update)), update)
    return average.parameters()


def test_one_policy_is_its_own_average():
    policy = np.linspace(-1.0, 1.0, 7, dtype=np.float32)
    np.testing.assert_array_equal(averaged(0.1, lambda update: policy), policy)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.25])
def test_the_mean_age_is_about_the_share(share):
    # Of weights c / n, c = 1 / share, the mean age of a sample is n / (c + 1).
    (mean,) = averaged(share, lambda update: [update / 20_000])
    assert 1.0 - mean == pytest.approx(1.0 / (1.0 / share + 1.0), abs=0.002)


def test_a_share_of_all_weighs_all_samples_alike():
    policies = np.random.default_rng(3).normal(size=(len(SAMPLES), 4))
    mean = averaged(1.0, lambda update: policies[update // 20 - 1])
    np.testing.assert_allclose(mean, policies.mean(axis=0), atol=1e-5)


def test_the_average_varies_less_than_the_policies():
    policies = np.random.default_rng(4).normal(size=(len(SAMPLES), 1000))
    mean = averaged(0.1, lambda update: policies[update // 20 - 1])
    # Weights c / n give the variance c / (2 n) for independent samples, to first order.
    assert mean.std() == pytest.approx(np.sqrt(10 / (2 * len(SAMPLES))), rel=0.1)


def test_every_twentieth_update_is_a_sample():
    assert [update for update in range(1, 61) if PolicyAverage.due(update)] == [20, 40, 60]


@pytest.mark.parametrize("mean", [np.zeros(3), np.array([0.0, np.nan]), "nothing"])
def test_another_average_is_refused(mean):
    average = PolicyAverage(0.1, np.zeros(2, np.float32))
    with pytest.raises(CheckpointError, match="average of the policy"):
        average.load_state(mean)
    np.testing.assert_array_equal(average.parameters(), 0.0)


def run(folder, **options):
    """Run 400 steps and return the parts of the last checkpoint that hold policies."""
    TrainingRun(config(**options), folder).run()
    loop = load_checkpoint(latest_checkpoint(folder))["loop"]
    return loop["learning"], loop["evaluations"]["best_snapshot"]


def test_a_run_evaluates_the_average(tmp_path):
    learning, evaluated = run(tmp_path, average_share=0.5)
    np.testing.assert_array_equal(evaluated["parameters"], np.float32(learning["average"]))
    assert np.any(evaluated["parameters"] != learning["learner"]["policy"])


def test_without_a_share_the_newest_is_evaluated(tmp_path):
    learning, evaluated = run(tmp_path)
    assert learning["average"] is None
    np.testing.assert_array_equal(evaluated["parameters"], learning["learner"]["policy"])


def test_the_average_does_not_change_the_training(tmp_path):
    with_average, _ = run(tmp_path / "with", average_share=0.5)
    without, _ = run(tmp_path / "without")
    policies = (part["learner"]["policy"] for part in (with_average, without))
    np.testing.assert_array_equal(*policies)


def test_a_run_saved_without_an_average_gets_one(tmp_path):
    run(tmp_path, average_share=0.5)
    path = latest_checkpoint(tmp_path)
    content = load_checkpoint(path)
    del content["loop"]["learning"]["average"]
    save_checkpoint(path, content)
    made, folder = resumed_config(tmp_path, {"max_env_steps": 420})
    TrainingRun(made, folder, resume=folder).run()
    learning = load_checkpoint(latest_checkpoint(tmp_path))["loop"]["learning"]
    assert np.any(learning["average"] != learning["learner"]["policy"])
