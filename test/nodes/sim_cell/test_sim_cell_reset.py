"""Answers of ``sim_cell/reset``; no node is started."""

import threading
from types import SimpleNamespace

import pytest
from std_srvs.srv import Trigger

from der_ros.nodes.sim_cell.node import SimCell


class Robot:
    """Robot whose program ends when it is told to, unless its thread has ended."""

    def __init__(self, failure="", stop_reason=""):
        self.failure, self.stop_reason = failure, stop_reason
        self.program_ended = threading.Event()

    def run_program(self, _held):
        if not self.failure:
            self.program_ended.set()


def reset(robot):
    cell = SimCell.__new__(SimCell)
    cell._robot, cell._rng, cell.finished = robot, None, threading.Event()
    cell._task = SimpleNamespace(sample_initial_state=lambda rng: SimpleNamespace(held=None))
    cell._place_ground = lambda initial: None
    answer = Trigger.Response()
    asked = threading.Thread(target=cell._on_reset, args=(None, answer), daemon=True)
    asked.start()
    asked.join(5.0)
    assert not asked.is_alive()
    return answer.success, answer.message


@pytest.mark.parametrize(
    ("robot", "answer"),
    [
        (Robot(), (True, "both pieces are where an attempt begins")),
        (Robot(stop_reason="RSI stopped"), (False, "RSI stopped")),
        (Robot(failure="the thread krc4 has ended"), (False, "the thread krc4 has ended")),
    ],
)
def test_a_reset_answers_even_if_the_robot_has_failed(robot, answer):
    assert reset(robot) == answer
