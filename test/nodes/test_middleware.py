"""No lock is shared with other processes, and all others are reached as before."""

import os
import subprocess
import sys

import pytest
from bridge_rig import environment

from der_ros.nodes import middleware
from der_ros.nodes.middleware import LOOPBACK_PROFILE, keep_processes_apart

PROFILE = {
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT",
    "FASTRTPS_DEFAULT_PROFILES_FILE": str(LOOPBACK_PROFILE),
}
UDP = {"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, UDP),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}, UDP),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, PROFILE),
        ({"ROS_LOCALHOST_ONLY": "1"}, PROFILE),
    ],
)
def test_udp_alone_is_chosen_as_far_as_it_was_to_reach(before, after):
    there = dict(before)
    keep_processes_apart(there)
    assert there == {**{k: v for k, v in before.items() if k != "ROS_LOCALHOST_ONLY"}, **after}
    again = dict(there)
    keep_processes_apart(again)
    assert again == there


@pytest.mark.parametrize(
    "chosen",
    [
        {"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"},
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "mine.xml"},
        {"FASTDDS_DEFAULT_PROFILES_FILE": "mine.xml", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        {"ROS_STATIC_PEERS": "192.168.1.5", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
    ],
)
def test_what_a_user_has_chosen_stays(chosen):
    there = dict(chosen)
    keep_processes_apart(there)
    assert there == chosen


def test_another_middleware_is_left_alone(monkeypatch):
    monkeypatch.setattr(
        middleware.rclpy, "get_rmw_implementation_identifier", lambda: "rmw_cyclonedds_cpp"
    )
    there = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    keep_processes_apart(there)
    assert there == {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


HEARS = """
import sys, time
import rclpy
from std_msgs.msg import String
from der_ros.nodes.middleware import keep_processes_apart
if sys.argv[1] == "ours":
    keep_processes_apart()
rclpy.init()
node = rclpy.create_node(sys.argv[1])
heard = set()
node.create_subscription(String, "talk", lambda message: heard.add(message.data), 10)
publisher = node.create_publisher(String, "talk", 10)
node.create_timer(0.05, lambda: publisher.publish(String(data=sys.argv[1])))
end = time.monotonic() + 20.0
while heard != {"ours", "theirs"} and time.monotonic() < end:
    rclpy.spin_once(node, timeout_sec=0.1)
stays = time.monotonic() + 1.0  # the other one has perhaps not heard this one yet
while time.monotonic() < stays:
    rclpy.spin_once(node, timeout_sec=0.1)
shared = "/dev/shm/fastrtps" in open("/proc/self/maps").read()
print(sorted(heard), "shared memory" if shared else "udp alone")
"""


@pytest.mark.ros
@pytest.mark.parametrize("ours", ["LOCALHOST", "SUBNET"])
@pytest.mark.parametrize("theirs", ["LOCALHOST", "SUBNET"])
def test_it_shares_no_memory_and_hears_nodes_that_do(ours, theirs):
    """As a user's own tools in another terminal, with either range."""

    def start(name, discovery):
        plain = {k: v for k, v in environment().items() if k not in (*PROFILE, *UDP)}
        plain["ROS_AUTOMATIC_DISCOVERY_RANGE"] = discovery
        command = [sys.executable, "-c", HEARS, name]
        return subprocess.Popen(command, env=plain, stdout=subprocess.PIPE, text=True)

    said = [start("ours", ours), start("theirs", theirs)]
    lines = [process.communicate(timeout=60)[0].strip() for process in said]
    assert lines[0] == "['ours', 'theirs'] udp alone"
    assert lines[1] == "['ours', 'theirs'] shared memory"


def test_the_tests_own_nodes_share_none_either():
    assert os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] == str(LOOPBACK_PROFILE)
