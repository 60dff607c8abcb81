"""`ros2 service call` refuses what is no service type and no request."""

import pytest

from der_ros_standalone.commands.service_call import run_service
from der_ros_standalone.errors import LaunchError


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["Trigger"], "expected a service type like std_srvs/srv/Trigger, got 'Trigger'"),
        (["nope_msgs/srv/Nope"], "the service type nope_msgs/srv/Nope is not installed"),
        (["std_srvs/srv/Nope"], "the service type std_srvs/srv/Nope is not installed"),
        (["std_srvs/srv/SetBool", "true"], "expected a request like '{data: true}', got 'true'"),
        (["std_srvs/srv/SetBool", "{data: "], "expected a request in YAML, got '{data: '"),
        (["std_srvs/SetBool", "{state: true}"], "no field 'state'; its fields are: data"),
        (["std_srvs/srv/SetBool", "{data: 1.5}"], "data: expected a boolean, got 1.5"),
    ],
)
def test_a_wrong_request_is_refused_before_any_call(words, sentence):
    with pytest.raises(LaunchError) as caught:
        run_service(["call", "/switch", *words])
    assert sentence in str(caught.value)
