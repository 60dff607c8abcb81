"""Which of this computer's addresses the robot is reached from."""

import pytest

from der_ros.drivers.kuka.transport import address_towards
from der_ros.errors import ConfigurationError


def test_the_way_to_this_computer_is_the_loopback():
    assert address_towards("127.0.0.2").startswith("127.")


@pytest.mark.parametrize("bad", ["", "robot", "300.0.0.1"])
def test_what_is_no_address_is_said(bad):
    with pytest.raises(ConfigurationError, match="robot_ip"):
        address_towards(bad)
