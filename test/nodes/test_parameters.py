"""Every declared parameter is described, has a range where it is a number, and is used."""

import ast

import declarations as rig
import pytest
from bridge_rig import running

from der_ros.nodes.ft_bridge.node import FtBridge
from der_ros.nodes.kuka_bridge.node import KukaBridge
from der_ros.nodes.kuka_bridge.parameters import TUNABLE_LIMITS

DECLARED = list(rig.declarations())
TUNABLE = {*TUNABLE_LIMITS, "filter_cutoff_hz"}
OWN = {"use_sim_time", "start_type_description_service"}  # of every node, by rclpy


def test_they_are_found():
    found = {declaration.name for declaration in DECLARED}
    assert {"stale_after_s", "task_frame", "rsi_port", "attempts", "payload_mass_kg"} <= found
    assert len(DECLARED) > 90


@pytest.mark.parametrize("declaration", DECLARED, ids=str)
def test_each_is_used(declaration):
    assert rig.is_used(declaration.path, declaration.call), (
        f"{declaration} is declared, and nothing reads it"
    )


@pytest.mark.parametrize("declaration", DECLARED, ids=str)
def test_each_is_described(declaration):
    described = declaration.call.args[3]
    constant = isinstance(described, ast.Constant)
    assert not constant or len(described.value) >= 8, declaration


SOURCE = """
def f(node):
    used = declare(node, 'a', 1, 'text')
    lost = declare(node, 'b', 1, 'text')
    declare(node, 'c', 1, 'text')
    return used


def g():
    print(f(0))
"""


def test_one_that_nothing_reads_is_found(tmp_path, monkeypatch):
    path = tmp_path / "ft_bridge.py"
    path.write_text(SOURCE)
    monkeypatch.setattr(rig, "NODES", [path])
    found = [(each.name, rig.is_used(path, each.call)) for each in rig.declarations()]
    assert found == [("a", True), ("b", False), ("c", False)]


def test_a_field_that_is_only_checked_is_not_used():
    config = """
class Config:
    def __post_init__(self):
        if self.checked_only < 0: raise ValueError
    def use(self):
        return self.read
"""
    tree = rig.with_parents(ast.parse(config))
    assert not rig.reads(tree, "checked_only")
    assert rig.reads(tree, "read")


@pytest.mark.ros
@pytest.mark.parametrize(
    ("kind", "given", "some"),
    [
        (FtBridge, {"source": "topic"}, {"stale_after_s", "axis_signs", "dead_band"}),
        (
            KukaBridge,
            {"robot_ip": "127.0.0.1", "rsi_port": 0, "realtime_priority": 0},
            {"soft_force_n", "check_cycle", "following_distance_m"},
        ),
    ],
)
def test_a_node_describes_all_and_gives_numbers_a_range(kind, given, some):
    with running(kind, **given) as (node, _):
        names = set(node._parameters) - OWN
        assert some <= names
        for name in names:
            told = node.describe_parameter(name)
            value = node.get_parameter(name).value
            assert told.description, name
            assert told.read_only is (name not in TUNABLE), name
            if type(value) is int:
                assert told.integer_range, name
            if type(value) is float:
                assert told.floating_point_range, name
