import time

import pytest
from policy_rig import own_domain, running, until
from std_msgs.msg import String

from der_ros.nodes.common import ShellNode
from der_ros.nodes.polling import PolledSubscription, Received

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def _domain(monkeypatch):
    own_domain(monkeypatch)


def test_messages_wait_in_order_with_their_arrival_until_they_are_taken():
    with running(lambda: ShellNode("reader")) as (reader, test):
        deep = PolledSubscription(reader, String, "words", 10)
        newest = PolledSubscription(reader, String, "words", 1, raw=True)
        words = test.create_publisher(String, "words", 10)
        assert until(lambda: words.get_subscription_count() == 2)
        assert newest.newest() is None
        before_ns = time.time_ns()
        for word in ("a", "b", "c"):
            words.publish(String(data=word))
        taken = []
        assert until(lambda: taken.extend(deep.take()) or len(taken) == 3)
        after_ns = time.time_ns()
        assert [received.message.data for received in taken] == ["a", "b", "c"]
        stamps = [received.stamp_ns for received in taken]
        assert before_ns <= stamps[0] <= stamps[1] <= stamps[2] <= after_ns
        last = newest.newest()
        assert b"c" in last.message
        assert list(deep.take()) == []
        assert newest.newest() is None


def test_age_is_never_negative():
    assert Received(None, time.time_ns() + 10**12).age_s() == 0.0
    assert Received(None, time.time_ns() - 10**9).age_s() == pytest.approx(1.0, abs=0.5)
