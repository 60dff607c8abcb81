"""Bags of a busy computer: inputs near their timeout, and messages that come late."""

import pytest
from copied_bags import BAGS
from foreign_bags import messages_of

from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic
from der_ros.offline_replay.attempt_replay import replay_bag
from der_ros.offline_replay.recorded_policy import actor_of_bag
from der_ros.offline_replay.replay_report import differences_of
from der_ros.offline_replay.what_if import WhatIf
from der_ros.parameters.policy_server import InputParameters
from der_ros.policy.runtime import OnnxPolicy

BAG = BAGS / "kr60_peg"
LATE_NS, EARLY_NS = 70_000_000, 20_000_000


@pytest.fixture(scope="module")
def policy():
    return OnnxPolicy.load(BAGS / "peg_in_hole_with_history.onnx")


def written(target, types, messages):
    """Write a bag of messages (time, topic, data) in the order of their times; return its path."""
    with BagWriter(target, [RecordedTopic(name, kind, False) for name, kind in types.items()]) as w:
        for at_ns, topic, data in sorted(messages, key=lambda each: each[0]):
            w.write(topic, data, at_ns)
    return target


def late(target, tick):
    """Copy a bag as if observation and action of one tick had come after the next command.

    Messages of one topic stay in order.
    """
    types, _, messages = messages_of(BAG)
    found = {"/policy/observation": 0, "/policy/action": 0}
    before_ns = dict.fromkeys(found, 0)
    moved = []
    for topic, at_ns, data in messages:
        if topic in found:
            late_ns = LATE_NS if found[topic] == tick else 0
            at_ns = before_ns[topic] = max(at_ns + late_ns, before_ns[topic] + 1_000_000)
            found[topic] += 1
        moved.append((at_ns, topic, data))
    return written(target, types, moved)


@pytest.mark.parametrize("tick", [0, 20])
def test_a_late_tick_keeps_its_place(tmp_path, policy, tick):
    replay = replay_bag(late(tmp_path / "late", tick), policy, policy.contract.scale)
    assert differences_of(replay) == []
    assert replay.actions.compared == replay.ticks == 78


def test_inputs_that_the_policy_used_were_not_too_old(monkeypatch, policy):
    """The memory of the policy begins with the first observation, so none may be missing."""
    monkeypatch.setattr(WhatIf, "inputs", lambda _self: InputParameters(pose_timeout_s=0.001))
    replay = replay_bag(BAG, policy, policy.contract.scale)
    assert replay.recorded_side.skipped == {}
    assert replay.actions.compared == replay.ticks == 78
    assert differences_of(replay) == []


def test_other_limits_judge_the_inputs_again(policy):
    limit = WhatIf(parameters={"policy_server.pose_timeout_s": 0.006})
    changed = replay_bag(BAG, policy, policy.contract.scale, what_if=limit).changed_side
    assert changed.skipped["stale"] > 10


def early(target, tick):
    """Copy a bag as if the observation of one tick had come before the command of the tick.

    A recorder that loses the processor while it reads its clocks writes such a time.
    """
    types, _, messages = messages_of(BAG)
    observed = [at_ns for topic, at_ns, _ in messages if topic == "/policy/observation"]
    moved = [
        (
            at_ns - EARLY_NS * (topic == "/policy/observation" and at_ns == observed[tick]),
            topic,
            data,
        )
        for topic, at_ns, data in messages
    ]
    return written(target, types, moved)


@pytest.mark.parametrize("tick", [0, 20])
def test_an_early_tick_keeps_its_command(tmp_path, policy, tick):
    replay = replay_bag(early(tmp_path / "early", tick), policy, policy.contract.scale)
    assert differences_of(replay) == []
    assert replay.matched == replay.ticks == 78
    assert (replay.applied.compared, replay.cycles) == (480, 484)


@pytest.mark.parametrize("name", ["iiwa_peg", "kr60_hard_force", "kr60_jammed", "kr60_wire"])
def test_a_change_without_effect_changes_no_twist(name):
    """Also where the bag begins within the attempt, lacks inputs, or was recorded late."""
    idle = WhatIf(parameters={"assembly_supervisor.stall_s": 59.0})
    with BagReader(BAGS / name) as reader:
        replay = replay_bag(reader, *actor_of_bag(reader, None).actor, what_if=idle)
    assert replay.changed.applied.compared > 100
    assert replay.changed.applied.largest == 0.0
    assert replay.changed_side.skipped == replay.recorded_side.skipped
    assert replay.changed_side.motion.interventions == replay.recorded_side.motion.interventions
