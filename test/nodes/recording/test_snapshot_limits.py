"""Snapshots of hostile messages and of a disk that hangs; no node is started."""

import logging
import threading
import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.serialization import serialize_message

from der_ros.bags.black_box import Kept
from der_ros.bags.metadata import RecordedTopic
from der_ros.control.fault_watch import GAP_S, QUIET_S
from der_ros.control.status import Level
from der_ros.errors import BagError
from der_ros.nodes.recording import snapshots
from der_ros.nodes.recording.snapshots import Snapshots, SnapshotSettings

TOPICS = [
    RecordedTopic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", latched=False),
    RecordedTopic(
        "/assembly_supervisor/result", "diagnostic_msgs/msg/DiagnosticStatus", latched=True
    ),
]


class HangingFolder:
    """Folder of bags on a disk that does not answer until it is told to."""

    def __init__(self):
        self.answers, self.begun = threading.Event(), 0

    def begin(self, _topics, _kind):
        self.begun += 1
        self.answers.wait(10.0)
        raise BagError("the disk is gone")


@pytest.fixture
def folder():
    made = HangingFolder()
    yield made
    made.answers.set()


def of(folder):
    return Snapshots(TOPICS, SnapshotSettings(30.0, 10**6), folder, "bag_recorder", lambda: None)


def status(level):
    name = "kuka_bridge: robot"
    array = DiagnosticArray(status=[DiagnosticStatus(level=bytes([level]), name=name)])
    return serialize_message(array)


@pytest.mark.parametrize("topic", [each.name for each in TOPICS])
@pytest.mark.parametrize("data", [b"", b"\0\1\0\0\1\0", b"\xff" * 44])
def test_bytes_of_another_type_report_no_fault(folder, topic, data, caplog):
    """Any node of the ROS domain can publish any bytes there."""
    box = of(folder)
    with caplog.at_level(logging.WARNING):
        box.add([Kept(time.monotonic(), topic, data)])
    assert "a message was not read" in caplog.text
    assert box.size_bytes > 0  # the bytes themselves are kept


def test_a_disk_that_hangs_does_not_fill_the_memory(folder, monkeypatch):
    box, now_s = of(folder), 1000.0
    monkeypatch.setattr(snapshots.time, "monotonic", lambda: now_s)
    for _ in range(6):
        for level in (Level.OK, Level.ERROR):
            box.add([Kept(now_s, "/diagnostics", status(level))])
        now_s += QUIET_S + GAP_S
        box.add([Kept(now_s, "/diagnostics", status(Level.ERROR))])
        now_s += QUIET_S + GAP_S
    assert len(box._waiting) == 2
    assert "the disk has not taken the last 2 yet" in box.failure
    with pytest.raises(BagError, match="no snapshot was taken"):
        box.call("an operator")
    folder.answers.set()
    monkeypatch.undo()
    box.close()
    assert all(each.done() for each in box._waiting)
