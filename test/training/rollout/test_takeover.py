"""Takeover of a worker's episodes by an operator; the operators are scripts."""

import time

import gymnasium
import numpy as np
import pytest

from der_ros.geometry import Pose
from der_ros.replay.transitions import EpisodeRecorder
from der_ros.training.config import make_config
from der_ros.training.engine.interface import PolicySnapshot
from der_ros.training.rollout.observation_filter import FilterStatistics
from der_ros.training.rollout.worker import RolloutWorker

LENGTH = 10
DRIVEN = np.full(6, 0.25, np.float32)
GOAL = Pose.identity()


class Cell(gymnasium.Env):
    """Ten steps until the time limit; the observation is the step count."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (6,), np.float32)
    step_s = 0.001

    def __init__(self):
        self.executed = []

    def reset(self, *, seed=None, options=None):
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        self.executed.append(action)
        observation = np.array([self.t], np.float32)
        info = {"success": self.t == LENGTH, "wrench": np.full(6, self.t)}
        info |= {"distance_m": 0.25, "angle_rad": 0.5, "duration_s": self.step_s * self.t}
        return observation, 1.0, False, self.t == LENGTH, info

    def picture(self, width, height):
        return np.full((height, width, 3), self.t, np.uint8)

    def piece_poses(self):
        return Pose(np.array((0.0, 0.0, self.t)), np.array((0.0, 0.0, 0.0, 1.0))), GOAL


class ScriptedPerson:
    """Drives the worker's steps with the given numbers, counted from its first step."""

    def __init__(self, steps, action=DRIVEN):
        self._steps, self._action, self._asked = set(steps), action, -1
        self.driven, self.looks, self.seen = 0, False, []

    def action(self):
        self._asked += 1
        return self._action if self._asked in self._steps else None

    def note_driven(self):
        self.driven += 1

    def wants_picture(self, driving):
        return self.looks and driving

    def show(self, view):
        self.seen.append(view)


def worker(person, cell=None, **options):
    given = {"n_step": 3, "gamma": 0.5, "learning_starts": 0, "hidden": [4], **options}
    made = RolloutWorker(
        make_config(given), cell or Cell(), 0, 1, np.random.SeedSequence(0), person
    )
    filtered = FilterStatistics(np.zeros(1, np.float32), np.ones(1, np.float32), 10.0)
    parameters = np.zeros(4 + 4 + 4 * 6 + 6, np.float32)  # the policy's action is zero
    made.set_policy(PolicySnapshot(parameters, filtered, 5, np.zeros(0, np.float32)))
    return made


def by_person(actions):
    return [bool((action == DRIVEN).all()) for action in actions]


def test_driven_steps_are_executed_and_recorded():
    cell = Cell()
    person = ScriptedPerson({3, 4, 5})
    fragment = worker(person, cell).collect(LENGTH)
    expected = [step in {3, 4, 5} for step in range(LENGTH)]
    assert by_person(cell.executed) == expected
    assert by_person(fragment.transitions.action) == expected
    assert (fragment.report.taught_steps, fragment.report.takeovers) == (3, 1)
    assert person.driven == 3


def test_driven_steps_come_marked_as_a_stretch():
    (stretch,) = worker(ScriptedPerson({3, 4, 5})).collect(LENGTH).taught
    assert stretch.observations[:, 0].tolist() == [3, 4, 5, 6]
    assert by_person(stretch.actions) == [True] * 3
    assert (stretch.terminated, stretch.truncated, stretch.success) == (False, False, False)


def test_letting_go_returns_to_the_policy():
    cell = Cell()
    quiet = {"noise_min": 1e-3, "noise_max": 1e-3}
    fragment = worker(ScriptedPerson({1, 2, 6}), cell, **quiet).collect(LENGTH)
    policys = [bool(np.abs(action).max() < 0.1) for action in cell.executed]
    assert policys == [step not in {1, 2, 6} for step in range(LENGTH)]
    assert fragment.report.takeovers == 2
    assert [each.steps for each in fragment.taught] == [2, 1]


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_any_fragment_length_gives_the_same_stretches(size):
    made = worker(ScriptedPerson({2, 3, 4, 5, 6, 8, 9, 13}))
    stretches = [each for _ in range(20 // size) for each in made.collect(size).taught]
    assert [each.observations[:, 0].tolist() for each in stretches] == [
        [2, 3, 4, 5, 6, 7],
        [8, 9, 10],
        [3, 4],
    ]
    assert [each.truncated for each in stretches] == [False, True, False]
    assert [each.success for each in stretches] == [False, True, False]


def test_a_takeover_ends_with_its_episode():
    cell = Cell()
    fragment = worker(ScriptedPerson([*range(8, 14), 16]), cell).collect(2 * LENGTH)
    assert [k for k, driven in enumerate(by_person(cell.executed)) if driven] == [8, 9, 16]
    assert fragment.report.takeovers == 2


def test_a_stretch_that_goes_on_is_not_sent_yet():
    made = worker(ScriptedPerson(range(3, 8)))
    assert made.collect(6).taught == ()
    assert [each.steps for each in made.collect(4).taught] == [5]


def test_a_stretch_that_an_evaluation_ends_is_kept():
    made = worker(ScriptedPerson(range(2, 30)))
    snapshot = made._snapshot
    assert made.collect(5).taught == ()
    made.evaluate(snapshot, (1,))
    (stretch,) = made.collect(LENGTH).taught
    assert stretch.observations[:, 0].tolist() == [2, 3, 4, 5]


def test_a_taught_episode_does_not_count_as_noise_free():
    made = worker(ScriptedPerson({2}), greedy_every=1)
    episodes = made.collect(2 * LENGTH).report.episodes
    assert [each.greedy for each in episodes] == [False, True]


def test_the_person_may_drive_before_there_is_a_policy():
    cell = Cell()
    worker(ScriptedPerson({0, 1}), cell, learning_starts=100).collect(4)
    assert by_person(cell.executed) == [True, True, False, False]


def test_commands_beyond_full_speed_are_cut():
    cell = Cell()
    worker(ScriptedPerson({0}, np.full(6, 3.0)), cell).collect(1)
    assert cell.executed[0].tolist() == [1.0] * 6
    assert cell.executed[0].dtype == np.float32


def seconds(person, steps, period_s):
    cell = Cell()
    cell.step_s = period_s
    made = worker(person, cell)
    began_s = time.monotonic()
    made.collect(steps)
    return time.monotonic() - began_s


def test_driven_steps_take_as_long_as_on_the_robot():
    assert seconds(ScriptedPerson(range(6)), 7, 0.05) >= 6 * 0.05


def test_the_policys_steps_are_not_slowed_down():
    assert seconds(ScriptedPerson({0}), 200, 0.5) < 0.5 + 200 * 0.5 / 10


def test_a_worker_without_a_person_never_waits():
    assert seconds(None, 200, 0.5) < 200 * 0.5 / 10


def test_the_person_sees_the_world_after_each_step():
    person = ScriptedPerson({3, 4})
    person.looks = True
    worker(person).collect(LENGTH)
    assert [int(view.picture[0, 0, 0]) for view in person.seen] == [4, 5]
    assert [view.time_s for view in person.seen] == pytest.approx([0.004, 0.005])
    assert [view.episode for view in person.seen] == [1, 1]
    assert [view.wrench.tolist() for view in person.seen] == [[4.0] * 6, [5.0] * 6]
    assert [(view.piece.position[2], view.goal) for view in person.seen] == [(4, GOAL), (5, GOAL)]


def test_nobody_looks_and_no_picture_is_made():
    person = ScriptedPerson({3, 4})
    worker(person).collect(LENGTH)
    assert person.seen == []


def test_marks_outlive_a_checkpoint():
    recorder = EpisodeRecorder(np.zeros(1, np.float32), 3, 0.5)
    for step in range(4):
        observation = np.array([step + 1], np.float32)
        recorder.add(DRIVEN, 1.0, observation, step >= 2)
    assert recorder.take_taught(None) == ()
    other = EpisodeRecorder(np.zeros(1, np.float32), 3, 0.5)
    other.load_state(recorder.state(), 1, len(DRIVEN))
    (stretch,) = other.take_taught(other.finish(True, False, True))
    assert stretch.observations[:, 0].tolist() == [2, 3, 4]
    assert stretch.success


def test_a_checkpoint_without_marks_has_no_stretch():
    recorder = EpisodeRecorder(np.zeros(1, np.float32), 3, 0.5)
    recorder.add(DRIVEN, 1.0, np.ones(1, np.float32))
    state = {k: v for k, v in recorder.state().items() if not k.startswith("taught")}
    other = EpisodeRecorder(np.zeros(1, np.float32), 3, 0.5)
    other.load_state(state, 1, len(DRIVEN))
    assert other.take_taught(other.finish(True, False, True)) == ()
