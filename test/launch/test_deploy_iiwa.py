"""The iiwa deployment as launched by a user; the tests of the KR 60 cover the shared parts."""

import pytest
from deployment import (
    RESULT_FIELDS,
    SHARED_ARGUMENTS,
    a_fault_and_a_later_verdict,
    alive,
    check_permissions,
    check_refusal,
    launched,
    pids,
    replay_report,
    sensor_ports,
    shown_arguments,
    wait_for,
    wait_for_a_running_attempt,
)

pytestmark = [pytest.mark.ros, pytest.mark.timeout(400)]

LAUNCH_FILE = "deploy_iiwa.launch.py"
ARGUMENTS = [*SHARED_ARGUMENTS, "stack", "urdf"]


@pytest.mark.in_turn
def test_after_a_fault_a_simulated_cell_goes_on(run_dir, output):
    with launched(LAUNCH_FILE, output, f"run_dir:={run_dir}", "seed:=3", *sensor_ports()):
        wait_for_a_running_attempt(output)
        check_permissions()
        fault, later = a_fault_and_a_later_verdict(run_dir)
    text = output.read_text()
    assert "Traceback" not in text
    assert [pid for pid in pids(text) if alive(pid)] == []
    assert list(fault) == list(later) == RESULT_FIELDS
    assert fault["outcome"] == "fault"
    assert later["outcome"] in ("success", "stall", "jammed", "missed", "timeout"), text
    assert 0.0 < later["peak_force_n"] < 500.0
    assert replay_report(later["bag"])["verdict"] == "same"


@pytest.mark.in_turn
def test_the_names_of_another_stack_serve_as_well(run_dir, output):
    arguments = ["record:=false", "stack:=kuka_drivers", f"run_dir:={run_dir}"]
    with launched(LAUNCH_FILE, output, *arguments, *sensor_ports()):
        wait_for(lambda: "running" in output.read_text(), 90, "an attempt")
    assert "/lbr/" not in output.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["robot:=ros2_control", "ft:=sim"], "expected ft:=netft or ft:=topic"),
        (["robot:=rsi"], "rsi"),
        (["stack:=moveit"], "moveit"),
        (["urdf:=/nowhere.urdf"], "expected a URDF file"),
    ],
)
def test_a_users_mistake_leaves_nothing_running(run_dir, output, arguments, message):
    given = [f"run_dir:={run_dir}", *sensor_ports(), *arguments]
    with launched(LAUNCH_FILE, output, *given) as process:
        check_refusal(process, output, message)


def test_show_args_lists_the_contracts_arguments():
    shown = shown_arguments(LAUNCH_FILE)
    for name in ARGUMENTS:
        assert f"'{name}'" in shown
