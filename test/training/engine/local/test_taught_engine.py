"""Takeover of one rollout worker by an operator; the operators are scripts."""

import time

import numpy as np
import pytest

from der_ros.training.config import make_config
from der_ros.training.engine.interface import Report, Sizes
from der_ros.training.engine.local.engine import LocalEngine
from der_ros.training.engine.local.shared_pilot import SharedPilot
from der_ros.training.metrics.log import read_metrics
from der_ros.training.run.resuming import resumed_config
from der_ros.training.run.training_run import TrainingRun

DRIVEN = np.array([0.0, 0.0, -0.125, 0.0, 0.0, 0.5], np.float32)
SMALL = {"task": "lap_joint", "hidden": [8], "batch_size": 16, "shards": 1, "capacity": 5_000}
SMALL |= {"zone_size": 500, "fragment_steps": 5, "learning_starts": 50, "report_interval_s": 0.05}
STEP_S = 0.06


class ScriptedPerson:
    """Drives the worker's steps with the given numbers, counted from its first step."""

    def __init__(self, steps):
        self._steps, self._asked = set(steps), -1

    def action(self):
        self._asked += 1
        return DRIVEN if self._asked in self._steps else None

    def note_driven(self):
        pass

    def wants_picture(self, driving):
        return False


def reports(engine, enough, timeout_s=120.0):
    """Receive until ``enough`` accepts the reports so far."""
    found, deadline = [], time.monotonic() + timeout_s
    while not enough(found):
        assert time.monotonic() < deadline, found
        found += [each for each in engine.receive(0.1) if isinstance(each, Report)]
    return found


def no_td_errors(raw):
    return np.zeros(raw.size)


def drive(engine, command, steps):
    """Alternate holding for two seconds and releasing until ``steps`` steps are driven."""
    found = []
    while taught(found) < steps:
        ends_s = time.monotonic() + 2.0
        command.give(DRIVEN, ends_s + 600.0)
        found += reports(engine, lambda _new, ends_s=ends_s: time.monotonic() > ends_s)
        command.release()
        found += reports(engine, lambda new: any(is_policys(each) for each in new))
    return found


def is_policys(report):
    return report.worker == 0 and not report.taught_steps


def taught(found):
    return sum(each.taught_steps for each in found)


@pytest.mark.alone
def test_one_worker_is_driven_in_real_time():
    # The other worker runs free: nothing that it writes may overwrite what was driven.
    config = make_config({**SMALL, "workers": 2, "capacity": 200_000})
    command = SharedPilot()
    sizes = Sizes(13, 6, 13 * 8 + 8 + 8 * 6 + 6, 0)
    with LocalEngine(config, sizes, no_td_errors, lambda: False, command) as engine:
        reports(engine, lambda found: {each.worker for each in found} == {0, 1})
        began_s = time.monotonic()
        found = drive(engine, command, 20)
        passed_s = time.monotonic() - began_s
        zone = engine.replay.shards[0].zone_filled
        rows = engine.replay.shards[0].state()["ring_rows"]
    assert {each.worker for each in found if each.taught_steps} == {0}
    assert passed_s >= 0.9 * taught(found) * STEP_S
    assert sum(each.env_steps for each in found if each.worker == 1) > 2 * taught(found)
    assert sum(each.takeovers for each in found) >= 1
    assert zone == taught(found)
    assert command.driven_s >= began_s
    actions = rows[:, 13:19]
    assert (actions == DRIVEN).all(axis=1).sum() == taught(found)


def test_a_run_counts_and_keeps_what_was_driven(tmp_path):
    config = make_config({**SMALL, "workers": 0, "max_env_steps": 200, "evaluation_episodes": 1})
    person = ScriptedPerson([*range(10, 18), *range(100, 104)])
    TrainingRun(config, tmp_path / "run", pilot=person).run()
    last = read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]
    assert last["rollout/taught_steps"] == 12
    assert last["rollout/takeovers"] == 2
    assert last["der/zone_transitions"] >= 12

    again, folder = resumed_config(tmp_path / "run", {"max_env_steps": 250})
    TrainingRun(again, folder, tmp_path / "run", pilot=ScriptedPerson([0])).run()
    last = read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]
    assert last["rollout/taught_steps"] == 13
    assert last["rollout/takeovers"] == 3
