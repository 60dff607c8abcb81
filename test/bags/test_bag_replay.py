import json

import numpy as np
import pytest
from policy_bags import STRING, TOPICS, array, string

from der_ros.bags.bag_replay import (
    PolicyInfo,
    ReplayVerdict,
    read_policy_info,
    read_samples,
    replay_policy,
)
from der_ros.bags.reader import BagReader
from der_ros.bags.recorder import BagWriter, RecordedTopic, typestore
from der_ros.errors import BagError

STATUS = "diagnostic_msgs/msg/DiagnosticStatus"


def policy(observation):
    return np.tanh(observation[:6] * np.float32(3.0))


def write_bag(path, messages, info=None):
    with BagWriter(path, TOPICS) as writer:
        if info is not None:
            writer.write("/policy/info", string(info), 1)
        for stamp, (topic, tick, data) in enumerate(messages, 2):
            writer.write(f"/policy/{topic}", array(topic, tick, data), stamp)
    return path


def ticks(count, change=0.0):
    rng = np.random.default_rng(3)
    for tick in range(count):
        observation = rng.normal(size=13).astype(np.float32)
        yield "observation", tick, observation
        yield "action", tick, policy(observation) + np.float32(change if tick == 7 else 0.0)


def test_the_same_policy_gives_the_same_actions(tmp_path):
    report = replay_policy(write_bag(tmp_path / "bag", ticks(20)), policy)
    assert (report.verdict, report.samples) == (ReplayVerdict.SAME, 20)
    assert report.max_action_difference == 0.0


class Held:
    """The policy, with each action kept for ``action_repeat`` observations."""

    def __call__(self, observation):
        return policy(observation)

    def for_attempt(self, action_repeat):
        self.calls = 0

        def act(observation):
            if self.calls % action_repeat == 0:
                self.action = policy(observation)
            self.calls += 1
            return self.action

        return act


def contract_bag(path, **pairs):
    """Write a bag of 20 ticks, whose actions are kept for three, with pairs in its contract."""
    types = typestore()
    pair = types.types["diagnostic_msgs/msg/KeyValue"]
    status = types.types[STATUS](
        level=0,
        name="policy",
        message="",
        hardware_id="",
        values=[pair(key=key, value=value) for key, value in pairs.items()],
    )
    act = Held().for_attempt(3)
    with BagWriter(path, [*TOPICS, RecordedTopic("/policy/contract", STATUS)]) as writer:
        writer.write("/policy/contract", bytes(types.serialize_cdr(status, STATUS)), 1)
        for tick, observation in enumerate(np.random.default_rng(3).normal(size=(20, 13))):
            observation = observation.astype(np.float32)
            writer.write("/policy/observation", array("observation", tick, observation), tick + 2)
            writer.write("/policy/action", array("action", tick, act(observation)), tick + 2)
    return path


def test_kept_actions_are_replayed_as_recorded(tmp_path):
    report = replay_policy(contract_bag(tmp_path / "a", action_repeat="3"), Held())
    assert report.verdict is ReplayVerdict.SAME
    for path, pairs in (("b", {"action_repeat": "2"}), ("c", {})):
        report = replay_policy(contract_bag(tmp_path / path, **pairs), Held())
        assert report.verdict is ReplayVerdict.DIFFERENT


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "", "9" * 5000, "21"])
def test_an_odd_action_repeat_is_refused(tmp_path, value):
    report = replay_policy(contract_bag(tmp_path / "bag", action_repeat=value), Held())
    assert report.verdict is ReplayVerdict.UNUSABLE
    assert "action_repeat: expected a whole number from 1 to 20" in report.reason


def test_one_changed_action_is_found_and_named(tmp_path):
    bag = write_bag(tmp_path / "bag", ticks(20, change=1e-3))
    report = replay_policy(bag, policy)
    assert report.verdict is ReplayVerdict.DIFFERENT
    assert report.max_action_difference == pytest.approx(1e-3, rel=1e-3)
    assert "sample 8 of 20" in report.reason
    assert replay_policy(bag, policy, tolerance=1e-2).verdict is ReplayVerdict.SAME


def test_a_recorded_nan_is_a_finite_difference(tmp_path):
    bag = write_bag(tmp_path / "bag", ticks(20, change=np.nan))
    report = replay_policy(bag, policy)
    assert report.verdict is ReplayVerdict.DIFFERENT
    assert np.isfinite(report.max_action_difference)


def test_pairs_are_made_by_tick_in_any_order(tmp_path):
    messages = list(ticks(10))
    # Observation 0 and action 9 are missing; observation 4 comes before action 3.
    shuffled = [*messages[1:7], messages[8], messages[7], *messages[9:-1]]
    with BagReader(write_bag(tmp_path / "bag", shuffled)) as reader:
        samples = read_samples(reader)
    assert len(samples) == 8
    for sample in samples:
        assert (policy(sample.observation) == sample.action).all()


def test_without_ticks_the_order_pairs_them(tmp_path):
    messages = [(topic, None, data) for topic, _, data in ticks(5)]
    assert replay_policy(write_bag(tmp_path / "a", messages), policy).verdict is ReplayVerdict.SAME
    report = replay_policy(write_bag(tmp_path / "b", messages[1:]), policy)
    assert report.verdict is ReplayVerdict.UNUSABLE
    assert "5 and 4" in report.reason


def typed_bag(path, observation_type, *messages):
    topics = [RecordedTopic("/policy/observation", observation_type), TOPICS[1], TOPICS[2]]
    with BagWriter(path, topics) as writer:
        for stamp, (topic, data) in enumerate(messages):
            writer.write(f"/policy/{topic}", data, stamp)
    return path


def test_observations_that_are_no_arrays_are_refused(tmp_path):
    bag = typed_bag(tmp_path / "bag", STRING, ("observation", string("1 2")))
    report = replay_policy(bag, policy)
    assert report.verdict is ReplayVerdict.UNUSABLE
    assert "expected arrays of numbers" in report.reason


def test_arrays_of_changing_size_are_refused(tmp_path):
    messages = [*ticks(3), ("observation", 9, [1.0] * 12), ("action", 9, [0.0] * 6)]
    report = replay_policy(write_bag(tmp_path / "bag", messages), policy)
    assert report.verdict is ReplayVerdict.UNUSABLE
    assert "of one size, got sizes [12, 13]" in report.reason


def test_a_tick_of_thousands_of_digits_is_no_tick(tmp_path):
    messages = [(topic, int("9" * 4000), data) for topic, _, data in ticks(1)]
    report = replay_policy(write_bag(tmp_path / "bag", messages), policy)
    assert (report.verdict, report.samples) == (ReplayVerdict.SAME, 1)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "at least one pair"),
        ([("observation", 1, [0.0] * 13), ("action", 1, [0.0] * 5)], r"shape \(6,\)"),
    ],
)
def test_a_bag_without_use_says_why(tmp_path, messages, reason):
    report = replay_policy(write_bag(tmp_path / "bag", messages), policy)
    assert (report.verdict, report.samples) == (ReplayVerdict.UNUSABLE, 0)
    assert report.max_action_difference is None
    with pytest.raises(BagError, match=reason):
        raise BagError(report.reason)


def test_a_bag_without_the_topics_says_which(tmp_path):
    with BagWriter(tmp_path / "bag", TOPICS[2:]):
        pass
    report = replay_policy(tmp_path / "bag", policy)
    assert report.verdict is ReplayVerdict.UNUSABLE
    assert "policy/observation" in report.reason


def test_the_policy_of_a_bag_is_read_if_it_is_there(tmp_path):
    info = json.dumps({"sha256": "ab", "path": "/x.onnx", "more": 1})
    cases = {
        info: PolicyInfo("ab", "/x.onnx"),
        "{}": None,
        "no json": None,
        None: None,
        "[]": None,
        "[" * 100000: None,
    }
    for number, (text, wanted) in enumerate(cases.items()):
        with BagReader(write_bag(tmp_path / str(number), ticks(1), text)) as reader:
            assert read_policy_info(reader) == wanted
