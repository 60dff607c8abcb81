"""Wrenches of another driver, while the system clock is changed."""

import pytest
from geometry_msgs.msg import WrenchStamped
from policy_rig import running

from der_ros.nodes.ft_bridge.wrench_topic import WrenchTopic
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.rightful import RightfulTopic

pytestmark = pytest.mark.ros

MAX_AGE_S = 0.1


class Driver:
    """Passes wrenches to a reader, at times of a steady clock and a system clock."""

    def __init__(self, node):
        self.taken = []
        self.now_s, self.system_s = 100.0, 1_000_000.0
        self.topic = WrenchTopic(
            node,
            RightfulTopic(node, "other/wrench", ""),
            MAX_AGE_S,
            lambda _wrench, at_s: self.taken.append(at_s),
            ["", "ft_sensor"],
        )
        node.get_clock = lambda: self

    def now(self):
        """Return the time; this object stands for a node's clock."""
        return self

    @property
    def nanoseconds(self):
        return round(1e9 * self.system_s)

    def wait(self, seconds):
        self.now_s += seconds
        self.system_s += seconds

    def send(self, behind_s=0.0, frame=""):
        """Send one wrench with a stamp ``behind_s`` ago; return True if it was accepted."""
        message, before = WrenchStamped(), len(self.taken)
        message.header.frame_id = frame
        stamp = message.header.stamp
        stamp.sec, stamp.nanosec = divmod(round(1e9 * (self.system_s - behind_s)), 10**9)
        self.topic._accept(message, self.now_s)
        return len(self.taken) > before


@pytest.fixture
def driver(own_domain):
    with running(lambda: ShellNode("reader")) as (node, _):
        yield Driver(node)


@pytest.mark.parametrize("step_s", [-3600.0, -5.0, -0.5, -0.15, 0.5, 3600.0])
def test_after_a_step_of_the_clock_it_takes_on(driver, step_s):
    assert driver.send()
    driver.wait(0.002)
    driver.system_s += step_s
    assert driver.send()


def test_a_step_within_the_limit_is_soon_over(driver):
    assert driver.send()
    driver.wait(0.002)
    driver.system_s -= 0.09
    assert not driver.send()
    driver.wait(MAX_AGE_S)
    assert driver.send()


def test_one_that_was_overtaken_is_refused(driver):
    assert driver.send()
    driver.wait(0.002)
    assert not driver.send(behind_s=0.05)
    assert driver.topic.old_stamps == 1
    driver.wait(0.002)
    assert driver.send()


def test_one_stamped_before_a_step_is_refused_alone(driver):
    assert driver.send()
    driver.system_s += 5.0
    assert not driver.send(behind_s=5.0)
    assert "5.00 s old" in driver.topic.problem
    assert driver.send()
    assert driver.topic.problem == ""


@pytest.mark.parametrize("frame", ["", "ft_sensor"])
def test_the_first_of_the_sensors_frames_is_the_one(driver, frame):
    assert driver.send(frame=frame)
    assert not driver.send(frame="ft_sensor" if not frame else "")
    assert driver.topic.wrong_frames == 1


def test_a_wrench_in_another_frame_is_refused_by_name(driver):
    assert not driver.send(frame="base_link")
    assert "expected '' or 'ft_sensor', got 'base_link'" in driver.topic.problem


def test_frames_that_alternate_give_no_readings(driver):
    for _ in range(20):
        assert not driver.send(frame="base_link")
        driver.wait(0.01)
        assert not driver.send(frame="ft_sensor")
        driver.wait(0.01)
    driver.wait(1.1)
    assert driver.send(frame="ft_sensor")
