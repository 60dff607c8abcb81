"""A snapshot with several attempts: the policy forgets between them, as on its activation."""

import pytest
from bench_bags import LATCHED, TYPES, Repetition
from copied_bags import BAGS

from der_ros.bags.bag_replay import ReplayVerdict, is_new_attempt, replay_policy
from der_ros.bags.pauses import Pause
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.replay_report import differences_of
from der_ros.policy.runtime import OnnxPolicy

S = 1_000_000_000


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """A bag with the same attempt twice, 3 s between."""
    path = tmp_path_factory.mktemp("twice") / "snapshot_0001"
    with BagReader(BAGS / "kr60_peg") as reader:
        types = {name: kind for name, kind in TYPES.items() if reader.has(name)}
        messages = list(reader.serialized(*(f"/{name}" for name in types)))
    span_ns = messages[-1].stamp_ns - messages[0].stamp_ns + 3 * S
    cycles = sum(each.topic == "/kuka/cycle_inputs" for each in messages)
    with BagWriter(path, [RecordedTopic(f"/{name}", kind) for name, kind in types.items()]) as bag:
        for turn in (0, 1):
            later = Repetition(turn, turn * span_ns, cycles)
            for each in messages:
                if turn == 0 or each.topic[1:] not in LATCHED:
                    bag.write(each.topic, later.shifted(each), each.stamp_ns + later.shift_ns)
    return path


@pytest.fixture(scope="module")
def policy():
    return OnnxPolicy.load(BAGS / "peg_in_hole_with_history.onnx")


def test_each_attempt_begins_with_a_fresh_policy(twice, policy):
    replay = replay_bag(twice, policy, policy.contract.scale)
    assert differences_of(replay) == []
    assert replay.actions.compared == replay.matched == 2 * 78
    assert replay.actions.largest < 1e-5


def test_recorded_observations_too_are_of_two_attempts(twice, policy):
    report = replay_policy(twice, policy)
    assert (report.verdict, report.samples) == (ReplayVerdict.SAME, 2 * 78)


@pytest.mark.parametrize(
    ("gap_ns", "pauses", "expected"),
    [
        (S // 16, [], False),
        (9 * S // 10, [], False),
        (2 * S, [], True),
        (2 * S, [Pause(S // 2, 2 * S)], False),
        (4 * S, [Pause(S // 2, 2 * S)], True),
    ],
)
def test_a_silent_policy_has_ended_unless_paused(gap_ns, pauses, expected):
    assert is_new_attempt(0, gap_ns, pauses) is expected
