"""Middleware settings: no lock is shared with other processes, and all are still reached."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bridge_rig import environment

from der_ros.errors import ConfigurationError
from der_ros.nodes.shared import middleware
from der_ros.nodes.shared.middleware import (
    LOOPBACK_PROFILE,
    keep_processes_apart,
    profiles_variable,
)

PROFILE = {
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT",
    profiles_variable(): str(LOOPBACK_PROFILE),
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
from der_ros.nodes.shared.middleware import keep_processes_apart
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
maps = open("/proc/self/maps").read()
shared = "/dev/shm/fastrtps_" in maps or "/dev/shm/fastdds_" in maps
print(sorted(heard), "shared memory" if shared else "udp alone")
"""


@pytest.mark.ros
@pytest.mark.parametrize("ours", ["LOCALHOST", "SUBNET"])
@pytest.mark.parametrize("theirs", ["LOCALHOST", "SUBNET"])
def test_it_shares_no_memory_and_hears_nodes_that_do(ours, theirs):
    """As with a user's tools in another terminal, with either discovery range."""

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
    assert os.environ[profiles_variable()] == str(LOOPBACK_PROFILE)


TALKER = """
import sys, time, rclpy
from der_ros.nodes.shared.middleware import keep_processes_apart
keep_processes_apart()
rclpy.init()
node = rclpy.create_node("bound")
print("ready", flush=True)
sys.stdin.readline()
"""


def unicast_addresses(pid):
    """Return the local addresses of a process's UDP sockets, in /proc/net/udp's hexadecimal
    form."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        target = os.readlink(entry)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {fields[1].split(":")[0] for fields in lines if fields[9] in inodes}


@pytest.mark.ros
def test_it_listens_on_the_named_interface_alone():
    """A socket bound to 0.0.0.0 would accept packets from any network."""
    named = {
        key: value
        for key, value in environment().items()
        if key not in (profiles_variable(), "ROS_AUTOMATIC_DISCOVERY_RANGE")
    }
    named["DER_ROS_DDS_ADDRESS"] = "127.0.0.1"
    with subprocess.Popen(
        [sys.executable, "-c", TALKER], env=named, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        found = unicast_addresses(process.pid)
        process.stdin.close()
    # Loopback, and the discovery's multicast group, which is joined on the named interface.
    assert found <= {"0100007F", "0100FFEF"}


@pytest.mark.parametrize("address", ["eth0", "300.1.1.1", "203.0.113.77"])
def test_another_computers_address_is_refused(address):
    with pytest.raises(ConfigurationError, match="dds_address"):
        keep_processes_apart({"DER_ROS_DDS_ADDRESS": address})
