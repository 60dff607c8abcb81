"""Many simultaneous calls of a service, and calls that make no sense, are all answered."""

import pytest
from policy_rig import call, running
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger
from waiting import until

from der_ros.nodes.policy_server.node import PolicyServer
from der_ros.nodes.recording.bag_recorder import BagRecorder
from der_ros.nodes.shared.node_process import ShellNode, spinning
from der_ros.nodes.shared.qos import SERVICES

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]
CALLS = 500


@pytest.mark.parametrize("callers", [1, 2])
def test_of_500_calls_at_once_all_are_answered(callers):
    with running(PolicyServer):
        nodes = [Node(f"caller_{i}", use_global_arguments=False) for i in range(callers)]
        try:
            name = "policy_server/reset_fault"
            clients = [node.create_client(Trigger, name, qos_profile=SERVICES) for node in nodes]
            with spinning(*nodes):
                assert all(client.wait_for_service(10.0) for client in clients)
                answers = [
                    client.call_async(Trigger.Request())
                    for client in clients
                    for _ in range(CALLS // callers)
                ]
                assert until(lambda: all(answer.done() for answer in answers), 20.0)
            assert all(answer.result().success for answer in answers)
        finally:
            for node in nodes:
                node.destroy_node()


def test_a_recorder_answers_500_calls_at_once(tmp_path):
    with running(BagRecorder, run_dir=tmp_path) as (_, test):
        client = test.create_client(SetBool, "bag_recorder/record", qos_profile=SERVICES)
        assert client.wait_for_service(10.0)
        answers = [client.call_async(SetBool.Request(data=False)) for _ in range(CALLS)]
        assert until(lambda: all(answer.done() for answer in answers), 20.0)


NO_TYPE = Parameter(name="policy", value=ParameterValue(type=77))
GOOD = Parameter(name="policy", value=ParameterValue(type=4, string_value=""))


@pytest.mark.parametrize("kind", [SetParameters, SetParametersAtomically])
def test_a_parameter_of_no_type_is_refused(kind):
    """rclpy raises an exception in its own callback, which would end the node."""
    with running(PolicyServer) as (_, test):
        name = "policy_server/" + ("set_parameters" + "_atomically" * (kind is not SetParameters))
        answer = call(test, kind, name, kind.Request(parameters=[GOOD, NO_TYPE, GOOD]))
        results = answer.results if kind is SetParameters else [answer.result]
        expected = [True, False, False] if kind is SetParameters else [False]
        assert [result.successful for result in results] == expected
        assert "77 is not a valid Parameter.Type" in results[-1].reason
        assert call(test, Trigger, "policy_server/reset_fault", Trigger.Request()).success


def fail(_request, _response):
    raise RuntimeError("no arm")


def test_a_call_while_the_node_ends_is_one_line(caplog):
    with running(lambda: ShellNode("server")) as (server, test):
        server.create_service(Trigger, "server/fail", fail)
        for ending in (False, True):
            caplog.clear()
            if ending:
                server.finished.set()
            answer = call(test, Trigger, "server/fail", Trigger.Request())
            assert (answer.success, answer.message) == (False, "RuntimeError: no arm")
            (told,) = (each for each in caplog.records if "server/fail" in each.getMessage())
            assert bool(told.exc_info) is not ending


def test_a_callback_that_fails_refuses_the_call():

    with running(lambda: ShellNode("server")) as (server, test):
        server.create_service(Trigger, "server/fail", fail)
        for _ in range(2):
            answer = call(test, Trigger, "server/fail", Trigger.Request())
            assert (answer.success, answer.message) == (False, "RuntimeError: no arm")
