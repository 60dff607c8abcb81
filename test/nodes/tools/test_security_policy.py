import pytest

from der_ros.errors import ConfigurationError
from der_ros.installation import package_folders
from der_ros.nodes.tools.security_policy import Permission, from_xml, lacking, merged, to_xml

SHIPPED = [*package_folders("config")][-1] / "sros2" / "policy.xml"
SAYS = Permission("topics", "publish", "/kuka/limits")
HEARS = Permission("topics", "subscribe", "/netft_data")
STOPS = Permission("services", "reply", "/kuka_bridge/stop")
POLICY = {"/kuka_bridge": frozenset({SAYS, HEARS, STOPS}), "/ns/ft_bridge": frozenset({HEARS})}


def test_a_policy_reads_back_as_it_was():
    assert from_xml(to_xml(POLICY)) == POLICY


def test_what_a_policy_lacks_is_named():
    less = POLICY | {"/kuka_bridge": frozenset({SAYS})}
    assert lacking(less, POLICY) == [
        "/kuka_bridge: reply /kuka_bridge/stop",
        "/kuka_bridge: subscribe /netft_data",
    ]
    assert lacking(POLICY, less) == []


def test_policies_of_two_deployments_are_joined():
    one, other = {"/a": frozenset({SAYS})}, {"/a": frozenset({HEARS}), "/b": frozenset({STOPS})}
    assert merged(one, other) == {"/a": frozenset({SAYS, HEARS}), "/b": frozenset({STOPS})}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<policy/>",
        "<robot/>",
        '<policy version="9">',
        "\ud800",
        '<!DOCTYPE p [<!ENTITY a "b">]><policy version="0.2.0"/>',
        "<a>" * 100_000,
    ],
)
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(ConfigurationError, match="policy file"):
        from_xml(text)


def test_the_shipped_policy_names_who_may_command():
    policy = from_xml(SHIPPED.read_text())
    commands = Permission("topics", "publish", "/kuka/delta_twist_cmds")
    assert {name for name, rules in policy.items() if commands in rules} == {
        "/assembly_supervisor",
        "/policy_server",
    }
    pose = Permission("topics", "publish", "/kuka/tcp_pose")
    assert {name for name, rules in policy.items() if pose in rules} == {"/kuka_bridge"}
    assert not any(rule.name == "*" for rules in policy.values() for rule in rules)
