"""Operator commands and the returned view in shared memory, with scripted operators."""

import multiprocessing
import time

import numpy as np
import pytest

from der_ros.errors import ConfigurationError
from der_ros.geometry import Pose
from der_ros.training.config import make_config
from der_ros.training.engine.choice import make_engine
from der_ros.training.engine.interface import Sizes
from der_ros.training.engine.local.shared_pilot import SharedPilot
from der_ros.training.rollout.takeover import PICTURE_HEIGHT, PICTURE_WIDTH, TaughtView

ACTION = np.array([0.5, -0.25, 1.0, 0.0, 0.0, -1.0], np.float32)
# Numbers that survive the memory's float32.
PIECE = Pose(np.array((0.25, 0.5, 0.125)), np.array((0.0, 0.0, 1.0, 0.0)))
GOAL = Pose.identity()


def in_s(seconds):
    return time.monotonic() + seconds


def test_the_policy_acts_before_the_first_command():
    assert SharedPilot().action() is None


def test_the_newest_command_counts():
    command = SharedPilot()
    command.give(np.zeros(6), in_s(60.0))
    command.give(ACTION, in_s(60.0))
    assert command.action().tolist() == ACTION.tolist()


def test_a_release_lets_the_policy_act():
    command = SharedPilot()
    command.give(ACTION, in_s(60.0))
    command.release()
    assert command.action() is None


def test_a_command_ends_without_its_writer():
    command = SharedPilot()
    command.give(ACTION, in_s(0.3))
    assert command.action() is not None
    deadline = in_s(5.0)
    while command.action() is not None:
        assert time.monotonic() < deadline
    command.give(ACTION, in_s(-0.001))
    assert command.action() is None


def read(command, pipe):
    pipe.send(command.action().tolist())


def test_another_process_reads_it():
    command = SharedPilot()
    command.give(ACTION, in_s(600.0))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=read, args=(command, theirs))
    process.start()
    try:
        assert ours.poll(60.0)
        assert ours.recv() == ACTION.tolist()
    finally:
        process.kill()
        process.join()


def view(value):
    picture = np.full((PICTURE_HEIGHT, PICTURE_WIDTH, 3), value, np.uint8)
    picture[3, 5, 1] = 255
    wrench = np.arange(6, dtype=np.float32)
    return TaughtView(picture, 3, 1.5, 0.25, 0.5, wrench, PIECE, GOAL)


def test_each_view_is_seen_once():
    pilot = SharedPilot()
    assert pilot.view() is None
    pilot.show(view(7))
    pilot.show(view(9))
    seen = pilot.view()
    assert seen.picture.tolist() == view(9).picture.tolist()
    assert seen[1:5] == (3, 1.5, 0.25, 0.5)
    assert seen.wrench.tolist() == [0, 1, 2, 3, 4, 5]
    assert (seen.piece.to_sequence(), seen.goal.to_sequence()) == (
        PIECE.to_sequence(),
        GOAL.to_sequence(),
    )
    assert pilot.view() is None


def test_pictures_are_asked_for_while_somebody_looks():
    pilot = SharedPilot()
    assert not pilot.wants_picture(driving=True)
    pilot.watch(True)
    assert pilot.wants_picture(driving=False)
    pilot.show(view(1))
    assert not pilot.wants_picture(driving=True)
    deadline = in_s(5.0)
    while not pilot.wants_picture(driving=True):
        assert time.monotonic() < deadline
    pilot.watch(False)
    assert not pilot.wants_picture(driving=True)


def test_a_killed_workers_view_goes_to_its_successor():
    pilot = SharedPilot()
    pilot.show(view(1))
    pilot._view._counters[0] += 1  # as after the death of a worker that was writing
    assert pilot._view.read() is None
    pilot.show(view(2))
    assert pilot.view().picture[0, 0, 0] == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"engine": "ray", "workers": 1}, "teach: expected engine local"),
        ({"env": "Pendulum-v1"}, "teach: expected a task of this package"),
    ],
)
def test_a_run_that_nobody_can_teach_is_refused(options, text):
    config = make_config(options)
    with pytest.raises(ConfigurationError, match=text):
        make_engine(config, Sizes(3, 1, 1, 0), None, lambda: False, SharedPilot())
