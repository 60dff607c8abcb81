import pytest
from bridge_rig import running
from rclpy.parameter import Parameter

from der_ros.drivers.netft.conditioning import FilterChoice
from der_ros.nodes.ft_bridge.node import FtBridge

pytestmark = pytest.mark.ros


def change(node, **values):
    return node.set_parameters([Parameter(name, value=value) for name, value in values.items()])


def test_the_filter_of_the_sensor_can_be_changed():
    given = {"source": "topic", "sample_rate_hz": 500}
    with running(FtBridge, **given) as (node, _):
        (result,) = change(node, filter_cutoff_hz=50.0)
        assert result.successful, result.reason
        assert node._path._choice == FilterChoice(2, 50.0)
        (result,) = change(node, filter_cutoff_hz=300.0)  # beyond half the rate
        assert not result.successful
        assert node._path._choice == FilterChoice(2, 50.0)
