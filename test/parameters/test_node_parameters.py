"""Every node parameter has a description, and every number a range."""

import pytest

from der_ros.parameters.node_parameters import NODE_PARAMETERS, node_parameters, parameter_names
from der_ros.settings import checked, settings_of

PARAMETERS = list(node_parameters())
# A name belongs to one group, except for these, which an RSI robot and an arm both have.
TWICE = {("kuka_bridge", "cycle_ms"), ("kuka_bridge", "realtime_priority")}


def test_they_are_found():
    names = {each.setting.name for each in PARAMETERS}
    assert {"stale_after_s", "task_frame", "rsi_port", "attempts", "payload_mass_kg"} <= names
    assert len(PARAMETERS) > 160


@pytest.mark.parametrize("each", PARAMETERS, ids=lambda each: f"{each.node}.{each.setting.name}")
def test_each_is_described_and_its_default_allowed(each):
    declared = each.setting
    assert len(declared.text) >= 8
    assert checked(declared, declared.default) == declared.default
    if declared.kind in (int, float):
        assert declared.minimum is not None
    if declared.kind in (str, bool):
        assert (declared.minimum, declared.maximum) == (None, None)


@pytest.mark.parametrize("node", NODE_PARAMETERS)
def test_a_name_stands_once_in_a_node(node):
    names = [each.setting.name for each in PARAMETERS if each.node == node]
    twice = {(node, name) for name in names if names.count(name) > 1}
    assert twice == {pair for pair in TWICE if pair[0] == node}
    assert parameter_names(node) == set(names)


def test_every_group_declares_settings():
    assert all(settings_of(group) for groups in NODE_PARAMETERS.values() for group in groups)
