import ctypes

import pytest
from policy_rig import running
from std_msgs.msg import String
from waiting import until

from der_ros.nodes.shared import free_publisher
from der_ros.nodes.shared.free_publisher import FreePublisher
from der_ros.nodes.shared.node_process import ShellNode

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]


@pytest.mark.parametrize("found", [True, False])
def test_messages_arrive_whole_and_in_order(monkeypatch, found):
    assert free_publisher.publishing_grant().granted
    if not found:
        monkeypatch.setattr(free_publisher, "_PUBLISH", None)
        assert not free_publisher.publishing_grant().granted
    with running(lambda: ShellNode("writer")) as (writer, test):
        heard = []
        test.create_subscription(String, "words", lambda message: heard.append(message.data), 10)
        words = FreePublisher(writer, String, "words", 10)
        assert until(lambda: words.readers == 1)
        for word in ("", "b\u00e9", "c" * 5000):
            words.publish(String(data=word))
        assert until(lambda: len(heard) == 3)
        assert heard == ["", "b\u00e9", "c" * 5000]


def test_the_library_is_called_without_the_global_lock():
    # PyDLL keeps the interpreter's lock, CDLL releases it, as is needed here.
    flags = free_publisher._PUBLISH.__class__._flags_
    assert not flags & ctypes._FUNCFLAG_PYTHONAPI


def test_a_refusal_of_the_middleware_is_reported(monkeypatch):
    monkeypatch.setattr(free_publisher, "_PUBLISH", lambda *_: 1)
    with running(lambda: ShellNode("writer")) as (writer, _):
        words = FreePublisher(writer, String, "words", 10)
        with pytest.raises(RuntimeError, match="words: rcl_publish failed with code 1"):
            words.publish(String(data="x"))
