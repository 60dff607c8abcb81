"""Evaluation of telegrams, answers and stalls in the robot-side benchmarks."""

import bench_latency
import numpy as np
import pytest
from bench_latency import Corrections, until_newer

from support import simulated_devices
from support.histogram import Histogram, plot
from support.rsi_minutes import Minutes, _minute, _stood_still_s
from support.simulated_devices import Cycles, _matched


def test_a_telegram_gets_its_first_answer():
    sent = np.array([[12, 1.0, 0.1], [24, 2.0, 0.2], [36, 3.0, 0.3]])
    answered = np.array([[36, 3.5, 7.0], [12, 1.2, 5.0], [12, 1.9, 6.0]])
    cycles = _matched(sent, answered)
    np.testing.assert_allclose(cycles.answer_s, (0.2, np.inf, 0.5))
    np.testing.assert_allclose(cycles.correction_mm, (5.0, np.nan, 7.0))
    np.testing.assert_allclose(cycles.woke_late_s, (0.1, 0.2, 0.3))


@pytest.mark.parametrize("offset_n", [0.0, 50.0])
def test_a_force_tells_when_it_was_felt(monkeypatch, offset_n):
    axis = np.array((0.6, 0.0, -0.8))
    force = simulated_devices.ClockForce(axis, 0.5, 40.0, offset_n)
    for now in (1000.001, 1000.2, 1000.26, 1000.499):
        monkeypatch.setattr(simulated_devices.time, "monotonic", lambda now=now: now)
        told = np.array([force.told_by(force().force)])
        seen = np.array([now + 0.3])
        assert bench_latency.made_at(told, seen, 0.5)[0] == pytest.approx(now)


def test_a_record_waits_for_its_correction():
    # Corrections used the records of 0 s and 0.1 s. One of 0.05 s takes effect at 0.13 s.
    it = Corrections(np.array([0.0, 0.1]), np.array([0.02, 0.12]), np.array([0.03, 0.13]))
    waited = until_newer(it)
    assert waited.min() == pytest.approx(0.03)
    assert waited.max() == pytest.approx(0.13, abs=0.001)
    assert np.median(waited) == pytest.approx(0.08, abs=0.001)


def test_only_stalls_of_a_processor_are_excused():
    stalls = np.array([[0.0, 1.0], [2.0, 3.0], [2.5, 3.5], [9.0, 10.0]])
    assert _stood_still_s(0.5, 9.0, stalls) == pytest.approx(0.5 + 1.5)
    assert _stood_still_s(4.0, 5.0, stalls) == 0.0


def test_a_late_answer_counts_without_a_stall():
    # Late by 3 ms and by 6 ms, each during a stall of 5 ms; in time; never.
    sent = np.array([0.0, 1.0, 2.0, 3.0])
    answers = np.array([0.007, 0.010, 0.001, np.inf])
    stalls = np.array([[0.001, 0.006], [1.001, 1.006]])
    minute = _minute(Cycles(sent, answers, np.zeros(4), np.zeros(4)), 0.004, stalls)
    assert minute["late"] == [[0.0, 7.0], [1.0, 10.0], [3.0, None]]
    assert (minute["longest_late"], minute["late_by_us"]) == (2, 2)
    assert minute["longest_late_by_us"] == 1


def test_minutes_add_up_from_the_file(tmp_path):
    sent = np.arange(1000) * 0.004
    one = _minute(
        Cycles(sent, np.full(1000, 0.0005), np.zeros(1000), np.full(1000, 1e-4)),
        0.004,
        np.empty((0, 2)),
    )
    path = tmp_path / "rsi.jsonl"
    first = Minutes(path, 4, False)
    for percent in (20.0, 30.0):
        first.append({**one, "cpu_percent": {"kuka_bridge": percent}, "outcomes": ["success"]})
    again = Minutes(path, 4, False)
    assert (again.minutes, again.cycles, again.late) == (2, 2000, 0)
    assert again.answer.percentile_s(99) == pytest.approx(0.0005, rel=0.01)
    assert again.cpu_percent == {"kuka_bridge": 25.0}
    assert again.outcomes == {"success": 2}
    with pytest.raises(SystemExit, match="other settings"):
        Minutes(path, 12, False)


def test_percentiles_are_right_to_a_percent():
    values = np.random.default_rng(0).lognormal(-7.0, 1.0, 20_000)
    histogram = Histogram()
    histogram.add(np.append(values, np.inf))
    again = Histogram(histogram.to_data())
    assert again.total == 20_000
    for percent in (50, 99, 99.9):
        assert again.percentile_s(percent) == pytest.approx(
            np.percentile(values, percent), rel=0.02
        )


def test_a_plot_is_drawn_of_what_was_counted(tmp_path):
    histogram = Histogram()
    histogram.add(np.array((1e-4, 2e-4, 1e-2)))
    assert histogram.survival()[1] == pytest.approx([2 / 3, 1 / 3, 0.0])
    plot({"answers": histogram}, {"cycle": 0.004}, tmp_path / "answers.png")
    assert (tmp_path / "answers.png").read_bytes().startswith(b"\x89PNG")
