import time

import pytest
from policy_rig import running
from std_msgs.msg import String
from waiting import until

from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.polling import PolledSubscription, Received

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]


def test_messages_wait_in_order_until_taken():
    with running(lambda: ShellNode("reader")) as (reader, test):
        deep = PolledSubscription(reader, String, "words", 10)
        newest = PolledSubscription(reader, String, "words", 1, raw=True)
        words = test.create_publisher(String, "words", 10)
        assert until(lambda: words.get_subscription_count() == 2)
        assert newest.newest() is None
        before_s = time.monotonic()
        for word in ("a", "b", "c"):
            words.publish(String(data=word))
        taken = []
        assert until(lambda: taken.extend(deep.take()) or len(taken) == 3)
        after_s = time.monotonic()
        assert [received.message.data for received in taken] == ["a", "b", "c"]
        times = [received.arrived_s for received in taken]
        # The middleware reads another clock than this test; they differ by up to a millisecond.
        assert before_s - 0.001 <= times[0] <= times[1] <= times[2] <= after_s
        last = newest.newest()
        assert b"c" in last.message
        assert list(deep.take()) == []
        assert newest.newest() is None


def test_age_is_never_negative():
    assert Received(None, time.monotonic() + 1000.0).age_s() == 0.0
    assert Received(None, time.monotonic() - 1.0).age_s() == pytest.approx(1.0, abs=0.5)
