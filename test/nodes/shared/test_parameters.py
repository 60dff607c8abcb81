"""Every declared parameter belongs to a settings group, has a description, and is used."""

import ast

import declarations as rig
import pytest
from bridge_rig import running

from der_ros.drivers.arm.arm_records import ArmCycleConfig
from der_ros.drivers.arm.differential import DifferentialConfig
from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.kuka_bridge.node import KukaBridge
from der_ros.parameters.kuka_bridge import ArmParameters
from der_ros.parameters.node_parameters import NODE_PARAMETERS, node_parameters, parameter_names
from der_ros.parameters.shared import FlangeFrame, JointNames
from der_ros.parameters.teleop import TakeoverParameters
from der_ros.settings import names_of, settings_of
from der_ros.training.run.launch_options import RunOptions

DECLARED = list(rig.declarations())
FIELDS = sorted({each.field for group in DECLARED for each in settings_of(group.group)})
TUNABLE = {each.setting.name for each in node_parameters() if each.setting.tunable}
OWN = {"use_sim_time", "start_type_description_service"}  # of every node, by rclpy
ARM = {*names_of(ArmParameters, ArmCycleConfig, DifferentialConfig, JointNames, FlangeFrame)}
BOTH = {"cycle_ms", "realtime_priority"}


def test_the_nodes_groups_are_those_declared():
    groups = {group for groups in NODE_PARAMETERS.values() for group in groups}
    of_sim_trainer = {RunOptions, TakeoverParameters}
    assert {each.group for each in DECLARED} == groups | of_sim_trainer


@pytest.mark.parametrize("declaration", DECLARED, ids=str)
def test_a_room_declares_only_its_own_groups(declaration):
    own = NODE_PARAMETERS.get(declaration.room, (declaration.group,))
    assert declaration.group in own


@pytest.mark.parametrize("declaration", DECLARED, ids=str)
def test_what_a_declaration_returns_is_used(declaration):
    assert rig.is_used(declaration.call)


@pytest.mark.parametrize("field", FIELDS)
def test_each_parameter_is_used(field):
    assert rig.is_read(field), f"{field} is declared, and nothing reads it"


def test_they_are_found():
    assert {"stale_after_s", "task_frame", "port", "attempts", "payload_mass_kg"} <= set(FIELDS)
    assert len(FIELDS) > 110


SOURCE = """
def f(node):
    used = declare_settings(node, A)
    lost = declare_settings(node, B)
    declare_settings(node, C)
    self.kept = declare_settings(node, D)
    self.lost = declare_settings(node, E)
    return used


def g():
    print(f(0), self.kept.x)
"""


def test_one_that_nothing_reads_is_found():
    calls = [
        node
        for node in ast.walk(rig.with_parents(ast.parse(SOURCE)))
        if isinstance(node, ast.Call) and rig.called(node) == "declare_settings"
    ]
    found = {call.args[1].id: rig.is_used(call) for call in calls}
    assert found == {"A": True, "B": False, "C": False, "D": True, "E": False}


def test_a_field_that_is_only_checked_is_not_used():
    config = """
class Config:
    def __post_init__(self):
        if self.checked_only < 0: raise ValueError
    def use(self):
        return self.read
"""
    tree = rig.with_parents(ast.parse(config))
    assert "checked_only" not in rig.attributes_read(tree)
    assert "read" in rig.attributes_read(tree)


@pytest.mark.ros
@pytest.mark.parametrize(
    ("kind", "given", "names"),
    [
        (FtBridge, {"source": "topic"}, parameter_names("ft_bridge")),
        (
            KukaBridge,
            {"robot_ip": "127.0.0.1", "rsi_port": 0, "realtime_priority": 0},
            parameter_names("kuka_bridge") - ARM | BOTH,
        ),
    ],
)
def test_a_node_describes_all_with_their_ranges(kind, given, names):
    with running(kind, **given) as (node, _):
        assert set(node._parameters) - OWN == names
        for name in names:
            told = node.describe_parameter(name)
            value = node.get_parameter(name).value
            assert told.description, name
            assert told.read_only is (name not in TUNABLE), name
            if type(value) is int:
                assert told.integer_range, name
            if type(value) is float:
                assert told.floating_point_range, name
