import numpy as np
import pytest

from der_ros.control.tries import Try, summary
from der_ros.geometry import Pose
from der_ros.policy.attempt import AttemptResult, Outcome
from der_ros.tasks import make_task

TASK = make_task("lap_joint")
ENDED = Pose(np.array((0.003, -0.004, 0.035)), np.array((0.0, 0.0, 0.0, 1.0)))


@pytest.mark.parametrize("outcome", [Outcome.JAMMED, Outcome.MISSED, Outcome.TIMEOUT])
def test_a_retry_starts_on_the_other_side(outcome):
    following = Try(3).following(outcome, ENDED, TASK, retries=1)
    assert str(following) == "attempt 3, retry 1"
    assert following.offset_m == pytest.approx((-0.0012, 0.0016))
    assert TASK.inside_workspace(
        TASK.start_pose.moved(np.array((*following.offset_m, 0)), ENDED.position * 0)
    )


@pytest.mark.parametrize(
    "outcome", [Outcome.SUCCESS, Outcome.FAULT, Outcome.ABORTED, Outcome.STALL]
)
def test_other_outcomes_are_never_retried(outcome):
    assert Try(1).following(outcome, ENDED, TASK, retries=1) is None


def test_retries_are_bounded():
    assert Try(1, 1).following(Outcome.MISSED, ENDED, TASK, retries=1) is None
    assert Try(1).following(Outcome.MISSED, ENDED, TASK, retries=0) is None


def test_a_try_in_the_middle_still_starts_elsewhere():
    middle = Pose.identity()
    assert Try(1).following(Outcome.JAMMED, middle, TASK, 1).offset_m == (0.002, 0.0)


def result(outcome, attempt, retry=0):
    return AttemptResult(outcome, "", 1.0, 1.0, 1.0, 0.0, 0.0, attempt=attempt, retry=retry)


def test_the_summary_tells_retries_apart():
    first = [result(Outcome.SUCCESS, 1), result(Outcome.FAULT, 2)]
    assert summary(first) == "1 of 2 attempts succeeded"
    tries = [*first, result(Outcome.MISSED, 3), result(Outcome.SUCCESS, 3, 1)]
    assert summary(tries) == "2 of 3 attempts succeeded, 1 of them by a retry (1 retry)"
