"""Bag and policy of an attempt, with services that answer as told; no node is started."""

from types import SimpleNamespace

import pytest
from lifecycle_msgs.msg import State, Transition

from der_ros.control.approach import CellError
from der_ros.nodes.assembly_supervisor.attempt_bag import AttemptBag
from der_ros.nodes.assembly_supervisor.cell_client import _services
from der_ros.nodes.assembly_supervisor.operator_requests import OperatorRequests
from der_ros.nodes.assembly_supervisor.policy_lifecycle import PolicyLifecycle
from der_ros.policy.attempt import AttemptResult, Outcome


class Node:
    """A node whose clients are the names of their services."""

    def __init__(self):
        self.is_ending = False
        self.services = {}

    def create_client(self, _kind, name):
        return name

    def get_fully_qualified_name(self):
        return "/assembly_supervisor"

    def create_service(self, kind, name, callback):
        self.services[name] = lambda: callback(kind.Request(), kind.Response())


class Answers:
    """Calls of services that return the next of the given answers, or raise it.

    Attributes:
        requests: All requests, in order.
    """

    patience_s = 0.0

    def __init__(self, *answers):
        self._answers, self.requests = list(answers), []

    def call(self, _client, request, _name, _patience_s=None):
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def said(message):
    return SimpleNamespace(message=message)


DONE, REFUSED = SimpleNamespace(success=True), SimpleNamespace(success=False)


def bag(*answers):
    node, calls = Node(), Answers(*answers)
    return AttemptBag(node, calls, wanted=True), node, calls


def test_a_bag_has_path_and_missing_content():
    it, _, calls = bag(said("/b"), said("/b\n7 lost"))
    with it.recording():
        assert (it.path, it.fault) == ("/b", "")
    assert (it.path, it.fault) == ("/b", "7 lost")
    assert [request.data for request in calls.requests] == [True, False]
    result = it.named_in(AttemptResult(Outcome.SUCCESS, "", 1.0, 1.0, 1.0, 0.0, 0.0))
    assert (result.bag, result.bag_fault) == ("/b", "7 lost")
    it.forget()
    assert (it.path, it.fault) == ("", "")


def test_a_bag_that_cannot_begin_is_not_finished():
    it, _, calls = bag(CellError("no room"))
    with it.recording():
        pass
    assert (it.path, it.fault, len(calls.requests)) == ("", "no room", 1)


@pytest.mark.parametrize(("ending", "path"), [(False, ""), (True, "/b")])
def test_a_recorder_gone_in_a_shutdown_has_its_bag(ending, path):
    it, node, _ = bag(said("/b"), CellError("gone"))
    with it.recording():
        if ending:
            node.is_ending = True
    assert (it.path, it.fault) == (path, "gone")


def test_no_bag_is_asked_for_without_recording():
    it = AttemptBag(Node(), Answers(), wanted=False)
    with it.recording():
        assert (it.path, it.fault) == ("", "")


def policy(*answers):
    node, calls, stops = Node(), Answers(*answers), []
    return PolicyLifecycle(node, calls, lambda: stops.append(1)), node, calls, stops


@pytest.mark.parametrize(
    ("state", "transitions"),
    [
        (State.PRIMARY_STATE_UNCONFIGURED, [Transition.TRANSITION_CONFIGURE]),
        (State.PRIMARY_STATE_ACTIVE, [Transition.TRANSITION_DEACTIVATE]),
        (State.PRIMARY_STATE_INACTIVE, []),
    ],
)
def test_a_policy_is_made_inactive(state, transitions):
    answer = SimpleNamespace(current_state=SimpleNamespace(id=state))
    it, _, calls, _ = policy(answer, DONE)
    it.make_ready()
    assert [request.transition.id for request in calls.requests[1:]] == transitions


def test_a_policy_is_active_within_the_context_only():
    it, _, calls, stops = policy(DONE, DONE)
    with pytest.raises(CellError, match="inside"), it.active():
        raise CellError("inside")
    asked = [request.transition.id for request in calls.requests]
    assert asked == [Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE]
    assert stops == []


@pytest.mark.parametrize("ending", [False, True])
def test_a_policy_that_stays_active_is_stopped(ending):
    it, node, _, stops = policy(DONE, REFUSED)
    with pytest.raises(CellError, match="could not deactivate"), it.active():
        node.is_ending = ending
    assert len(stops) == (0 if ending else 1)


def test_a_policy_not_activated_is_not_deactivated():
    it, _, calls, _ = policy(CellError("no answer"))
    with pytest.raises(CellError, match="no answer"), it.active():
        raise AssertionError("the context must not open")
    assert len(calls.requests) == 1


def test_each_request_has_its_one_rightful_server():
    node = Node()
    OperatorRequests(node)
    watched = _services(node)
    assert {watched.get(name) for name in node.services} == {"/assembly_supervisor"}


def test_an_attempt_is_accepted_only_while_it_acts():
    node = Node()
    operator, accept = OperatorRequests(node), node.services["assembly_supervisor/accept"]
    refused = accept()
    assert (refused.success, operator.accepted.is_set()) == (False, False)
    assert "in which the policy acts" in refused.message
    for _ in range(2):
        with operator.accepting():
            assert not operator.accepted.is_set()
            assert accept().success
            assert operator.accepted.is_set()
        assert not accept().success


def test_a_stop_names_itself_until_the_next_attempt():
    """A start that follows at once does not let the stopped attempt go on."""
    node = Node()
    operator = OperatorRequests(node, started=True)
    assert operator.begins()
    assert operator.stop_reason() == ""
    assert node.services["assembly_supervisor/stop"]().success
    assert operator.stop_reason() == "stopped by the operator"
    assert not operator.begins()
    assert node.services["assembly_supervisor/start"]().success
    assert operator.stop_reason() == "stopped by the operator"
    assert operator.begins()
    assert operator.stop_reason() == ""
