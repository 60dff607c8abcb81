import numpy as np

from der_ros.training.engine.interface import EpisodeSummary, Report
from der_ros.training.rollout.observation_filter import moments
from der_ros.training.study.curve import BINS, CurveRecorder


def report(*episodes):
    return Report(0, 50, episodes, moments(np.zeros((1, 2), np.float32)), 0, 0.0)


def test_episodes_count_in_the_bin_where_they_end():
    curve = CurveRecorder(BINS * 100)
    curve.take_in(report(EpisodeSummary(-4.0, 10, False, True)), 100)
    two = EpisodeSummary(2.0, 5, True, True), EpisodeSummary(1.0, 5, True, False)
    curve.take_in(report(*two), 101)
    curve.take_in(report(EpisodeSummary(-1.0, 5, False, False)), 200)
    data = curve.as_data()
    assert data["bin_steps"] == 100
    assert data["episodes"][:3] == [1, 3, 0]
    assert data["successes"][:3] == [0, 2, 0]
    assert data["greedy_episodes"][:3] == [1, 1, 0]
    assert data["greedy_successes"][:3] == [0, 1, 0]
    assert data["mean_return"][:3] == [-4.0, 0.6667, 0.0]
    assert (curve.first_success, curve.successes) == (101, 2)


def test_steps_beyond_the_budget_count_in_the_last_bin():
    curve = CurveRecorder(BINS * 100)
    curve.take_in(report(EpisodeSummary(1.0, 5, True, False)), BINS * 100 + 30)
    assert curve.as_data()["episodes"] == [0] * (BINS - 1) + [1]
