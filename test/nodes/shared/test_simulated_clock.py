"""``use_sim_time`` is refused at the start and later, except in nodes that support it."""

import subprocess
import sys

import pytest
import rclpy
from policy_rig import call, running
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter as RclParameter

from der_ros.errors import ConfigurationError
from der_ros.nodes.assembly_supervisor.node import AssemblySupervisor
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.kuka_bridge.node import KukaBridge
from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.nodes.recording.bag_player import BagPlayer
from der_ros.nodes.recording.bag_recorder import BagRecorder
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.sim_cell.node import SimCell

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]

HARDWARE = {
    "kuka_bridge": KukaBridge,
    "ft_bridge": FtBridge,
    "bag_player": BagPlayer,
    "bag_recorder": BagRecorder,
    "policy_server": PolicyServer,
    "assembly_supervisor": AssemblySupervisor,
    "sim_cell": SimCell,
}


class Obedient(ShellNode):
    obeys_simulated_clock = True


def set_use_sim_time(client, node, value):
    wanted = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
    request = SetParameters.Request(parameters=[Parameter(name="use_sim_time", value=wanted)])
    return call(client, SetParameters, f"{node}/set_parameters", request).results[0]


def refusal(factory, value):
    rclpy.init(args=["--ros-args", "-p", f"use_sim_time:={value}"])
    try:
        with pytest.raises(ConfigurationError) as caught:
            factory()
        return str(caught.value)
    finally:
        rclpy.try_shutdown()


@pytest.mark.parametrize("module", HARDWARE)
def test_it_is_refused_at_the_start_by_name(module):
    said = refusal(HARDWARE[module], "true")
    assert said.startswith("parameter use_sim_time: expected false")
    assert module in said


@pytest.mark.parametrize("value", ["maybe", "1"])
def test_what_is_no_truth_is_refused_in_one_line(value):
    said = refusal(lambda: Obedient("player"), value)
    assert said.startswith("parameter use_sim_time: ")
    assert "\n" not in said


def test_at_the_start_it_is_one_line_and_an_exit_code():
    command = [sys.executable, "-m", "der_ros.nodes.kuka_bridge.node"]
    command += ["--ros-args", "-p", "use_sim_time:=true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: parameter use_sim_time: expected false")


def test_at_run_time_it_is_refused_with_the_reason():
    with running(lambda: ShellNode("kuka_bridge")) as (node, test):
        result = set_use_sim_time(test, "kuka_bridge", True)
        assert not result.successful
        assert "kuka_bridge does not obey a simulated clock" in result.reason
        assert not node.get_clock().ros_time_is_active
        assert set_use_sim_time(test, "kuka_bridge", False).successful


def test_together_with_others_it_is_refused_too():
    with running(lambda: ShellNode("kuka_bridge")) as (node, _):
        node.declare_parameter("other", 1)
        wanted = [RclParameter("other", value=2), RclParameter("use_sim_time", value=True)]
        assert not node.set_parameters_atomically(wanted).successful
        assert node.get_parameter("other").value == 1
        assert not node.get_clock().ros_time_is_active


def test_a_node_that_may_obeys():
    with running(lambda: Obedient("player")) as (node, test):
        assert set_use_sim_time(test, "player", True).successful
        assert node.get_clock().ros_time_is_active
