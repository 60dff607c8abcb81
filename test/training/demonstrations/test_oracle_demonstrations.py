import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.demonstrations import oracle_episodes
from der_ros.training.demonstrations.files import load_demonstrations


def test_as_many_as_asked_for_each_from_another_start(tmp_path):
    oracle_episodes.record_demonstrations("lap_joint", 2, tmp_path)
    first, second = load_demonstrations(tmp_path, 13, 6)
    assert (first.actions[0] != second.actions[0]).any()  # towards another goal


def test_an_oracle_that_fails_too_often_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(oracle_episodes, "evaluate", lambda *_: None)
    with pytest.raises(ConfigurationError, match="expected 2 successes of the oracle in 20"):
        oracle_episodes.record_demonstrations("lap_joint", 2, tmp_path)
