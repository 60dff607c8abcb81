import sys

import pytest

from der_ros.errors import ConfigurationError
from der_ros.training.study.design import PEERS, StudyRun
from der_ros.training.study.peer_trial import PeerTrial
from der_ros.training.study.run_record import read_record, write_record
from der_ros.training.study.trial import run_trial


@pytest.fixture
def short(monkeypatch):
    """Shorten evaluations to one episode."""
    monkeypatch.setitem(
        sys.modules["der_ros.training.study.design"]._EVERY_RUN, "evaluation_episodes", 1
    )


@pytest.mark.parametrize("arm", ["sb3_td3_small", "sb3_sac_small"])
def test_a_peer_learns_and_leaves_a_record_like_ours(tmp_path, short, arm):
    run = StudyRun("peers", "lap_joint", "no_demos", arm, 1, 150)
    record = read_record(write_record(tmp_path, run_trial(run)))
    assert record.data["env_steps"] == 150
    assert record.data["updates"] == 50  # by default one per step, from step 100 on
    assert record.data["final"]["episodes"] == 1
    assert 0 < sum(record.data["curve"]["episodes"]) < 50


def test_its_networks_are_those_asked_for():
    run = StudyRun("peers", "lap_joint", "no_demos", "sb3_td3_small", 1, 150)
    trial = PeerTrial(run.config(), PEERS[run.arm])
    shapes = [tuple(p.shape) for p in trial.model.policy.actor.parameters()]
    assert shapes == [(128, 13), (128,), (128, 128), (128,), (6, 128), (6,)]


def test_without_stable_baselines_it_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    monkeypatch.setitem(sys.modules, "stable_baselines3.common.vec_env", None)
    run = StudyRun("peers", "lap_joint", "no_demos", "sb3_sac", 1, 150)
    with pytest.raises(ConfigurationError, match=r"requirements/benchmarks\.txt"):
        PeerTrial(run.config(), PEERS[run.arm])
