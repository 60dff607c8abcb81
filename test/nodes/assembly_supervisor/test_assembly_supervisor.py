"""assembly_supervisor as on a real robot (no simulated_cell), in a cell without physics."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from action_msgs.msg import GoalStatus, GoalStatusArray
from cell_rig import CellWithoutPolicy, results, supervised
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from policy_rig import RIGHTFUL, change_state, running, write_policy
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from waiting import until

from der_ros.control import approach
from der_ros.nodes.assembly_supervisor import node as assembly_supervisor
from der_ros.nodes.assembly_supervisor import policy_lifecycle
from der_ros.nodes.shared.key_values import from_status
from der_ros.nodes.shared.launch_watch import LAUNCH_VARIABLE
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.qos import LATCHED
from der_ros.tasks import make_task

pytestmark = [pytest.mark.ros, pytest.mark.in_turn, pytest.mark.usefixtures("own_domain")]


def test_nothing_moves_before_a_start(tmp_path):
    with supervised(tmp_path) as it:
        assert it.phase_is("waiting for the service assembly_supervisor/start")
        assert it.stands()
        it.start()
        result = it.result(1)
        assert (result["outcome"], result["reason"]) == ("success", "the piece is seated")
        it.stop()
        late = []
        it.test.create_subscription(String, "assembly_supervisor/attempt", late.append, LATCHED)
        assert until(lambda: late)
        assert json.loads(late[-1].data)["outcome"] in ("success", "aborted")
        assert json.loads(late[-1].data)["reason"]


def test_an_attempt_has_goal_feedback_and_result(tmp_path):
    with supervised(tmp_path) as it:
        states, phases, results = [], [], []
        kinds = (
            (GoalStatusArray, "status", states),
            (DiagnosticStatus, "feedback", phases),
            (DiagnosticStatus, "result", results),
        )
        for kind, topic, heard in kinds:
            name = f"assembly_supervisor/{topic}"
            it.test.create_subscription(kind, name, heard.append, LATCHED)
        it.start()
        line = it.result(1)
        assert until(lambda: results and len(states) >= 2)
        first, second = (each.status_list[0] for each in states[:2])
        assert first.status == GoalStatus.STATUS_EXECUTING
        assert second.status == GoalStatus.STATUS_SUCCEEDED
        assert list(first.goal_info.goal_id.uuid) == list(second.goal_info.goal_id.uuid)
        assert any(phase.message == "attempt 1: running" for phase in phases)
        typed = from_status(results[0])
        assert (typed["outcome"], results[0].message) == ("success", line["reason"])
        assert float(typed["peak_force_n"]) == line["peak_force_n"]


def test_a_fault_on_hardware_needs_reset_and_start(tmp_path):
    with supervised(tmp_path) as it:
        it.start()
        assert it.phase_is("attempt 1: running")
        it.cell.set_fault("the sky fell")
        result = it.result(1)
        assert result["outcome"] == "fault"
        assert "the sky fell" in result["reason"]
        assert it.phase_is("waiting for the service")
        assert it.stands()
        it.start()
        assert it.phase_is("waiting for the reset of: kuka_bridge: robot: the sky fell")
        assert it.stands()
        assert "kuka_bridge/reset_fault" not in it.cell.calls
        it.cell.set_fault("")
        assert it.result(2)["outcome"] == "success"


def test_a_reset_alone_does_not_begin_another_attempt(tmp_path):
    with supervised(tmp_path) as it:
        it.start()
        assert it.phase_is("attempt 1: running")
        it.cell.set_fault("the sky fell")
        assert it.result(1)["outcome"] == "fault"
        it.cell.set_fault("")
        assert it.stands()


def test_a_commanded_piece_that_rests_is_a_stall(tmp_path):
    with supervised(tmp_path, stall_s=0.5) as it:
        it.start()
        assert it.phase_is("attempt 1: running")
        it.cell.blocked = True
        result = it.result(1)
        it.cell.blocked = False
        assert result["outcome"] == "stall"
        assert result["reason"].startswith("no progress for 0.5 s: check")


def test_not_seated_in_time_is_a_timeout(tmp_path, monkeypatch):
    task = dataclasses.replace(make_task("lap_joint"), time_limit_s=0.3)
    monkeypatch.setattr(assembly_supervisor, "make_task", lambda _name: task)
    with supervised(tmp_path) as it:
        it.start()
        result = it.result(1)
        advice = "look at the bag of the attempt, or raise time_limit_s"
        assert result["outcome"] == "timeout"
        assert result["reason"] == f"not seated within 0.3 s: {advice}"


def test_an_arm_that_leaves_the_start_is_a_fault(tmp_path):
    with supervised(tmp_path) as it:
        it.cell.drift_mps = 0.03
        it.start()
        result = it.result(1)
        assert result["outcome"] == "fault"
        assert "start pose: expected within 2 mm and 10 mrad, it is" in result["reason"]
        assert "ft_bridge/bias" not in it.cell.calls


def test_only_the_first_bias_is_taken_in_contact(tmp_path):
    with supervised(tmp_path) as it:
        it.cell.force_n = 30.0  # could be the weight of the piece
        it.start()
        assert it.result(1)["outcome"] == "success"
        it.cell.force_n = 60.0  # it touches something
        result = it.result(2)
        assert result["outcome"] == "fault"
        assert "the sensor feels 30 N where nothing touches" in result["reason"]
        assert it.cell.calls.count("ft_bridge/bias") == 1
        # An operator confirms by the call.
        it.start()
        assert it.result(3)["outcome"] == "success"


def test_a_torque_at_the_start_is_a_fault(tmp_path):
    with supervised(tmp_path) as it:
        it.start()
        assert it.result(1)["outcome"] == "success"
        it.cell.torque_nm = 5.0
        assert until(lambda: results(tmp_path)[-1]["outcome"] == "fault", 20.0)
        assert "the sensor feels 5 Nm where nothing touches" in results(tmp_path)[-1]["reason"]


def test_a_wrong_bias_is_taken_again_or_refused(tmp_path):
    with supervised(tmp_path) as it:
        it.cell.bias_errors_n = [3.0, 0.0, 5.0, 4.0]
        it.start()
        first, second = it.result(1), it.result(2)
        assert (first["outcome"], first["bias_retaken"]) == ("success", True)
        assert first["rest_force_n"] < 0.1
        assert (second["outcome"], second["bias_retaken"]) == ("fault", True)
        assert second["rest_force_n"] == pytest.approx(4.0, abs=0.1)
        assert "after a second bias, 4.0 N are felt, expected at most 2" in second["reason"]
        assert it.cell.calls.count("ft_bridge/bias") == 4
        assert it.phase_is("waiting for the service")
        it.start()
        third = it.result(3)
        assert (third["outcome"], third["bias_retaken"]) == ("success", False)


def test_a_start_that_is_not_reached_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(approach, "STEER_TIMEOUT_S", 0.5)
    with supervised(tmp_path) as it:
        it.cell.blocked = True
        it.start()
        result = it.result(1)
        assert result["outcome"] == "fault"
        assert "start pose was not reached within 0.5 s" in result["reason"]


def test_a_policy_that_falls_mute_is_a_fault(tmp_path):
    with supervised(tmp_path) as it:
        it.cell.mute = True
        it.start()
        result = it.result(1)
        assert result["outcome"] == "fault"
        assert "policy_server has sent no command for 1 s" in result["reason"]


def test_the_bridge_stops_a_policy_that_stays_active(tmp_path):
    with supervised(tmp_path) as it:
        it.cell.stubborn = True
        it.start()
        # The piece is in the joint, but seating must not begin while the policy still commands.
        assert it.result(1)["outcome"] == "fault"
        assert "kuka_bridge/stop" in it.cell.calls


def test_the_operators_stop_ends_the_attempt(tmp_path):
    with supervised(tmp_path) as it:
        it.start()
        assert it.phase_is("attempt 1: running")
        it.stop()
        result = it.result(1)
        assert (result["outcome"], result["reason"]) == ("aborted", "stopped by the operator")
        assert it.stands()


def test_an_attempt_ended_by_shutdown_gets_its_line(tmp_path):
    with supervised(tmp_path) as it:
        it.start()
        assert it.phase_is("attempt 1: running")
        it.cell.stubborn = True  # like a node that has ended before the supervisor
        it.node.finished.set()
        assert it.result(1)["outcome"] == "aborted"


def test_a_stop_before_the_first_attempt_holds(tmp_path, monkeypatch):
    healthy = threading.Event()
    kind = assembly_supervisor.AssemblySupervisor
    monkeypatch.setattr(kind, "_is_healthy", lambda _node: healthy.is_set())
    with supervised(tmp_path, auto_start="true") as it:
        assert it.phase_is("waiting for policy, sensor and robot")
        it.stop()
        healthy.set()
        assert it.phase_is("waiting for the service assembly_supervisor/start")
        assert results(tmp_path) == []
        it.start()
        assert it.result(1)["outcome"] == "success"


def test_a_problem_of_a_lost_launch_is_no_fault(tmp_path, monkeypatch):
    """The launch ends, and the supervisor misses another node before it is told to end."""

    def misses_a_node():
        monkeypatch.setenv(LAUNCH_VARIABLE, f"{os.getpid()} 1")  # the launch's number is used anew
        return "no robot pose for 0.2 s"

    with supervised(tmp_path) as it:
        it.start()
        assert it.phase_is("attempt 1: running")
        monkeypatch.setattr(it.node._cell, "check", misses_a_node)
        result = it.result(1)
        assert (result["outcome"], result["reason"]) == ("aborted", "the supervisor is ending")


def test_an_attempt_ended_before_it_acts_gets_its_line(tmp_path):
    with supervised(tmp_path, attempts=3) as it:
        it.start()
        assert it.phase_is("attempt 1: to the start")
        it.node.finished.set()
        result = it.result(1)
        assert (result["outcome"], result["reason"]) == ("aborted", "the supervisor is ending")
        assert not until(lambda: len(results(it.run_dir)) > 1, 0.5)
        assert it.stands()


def test_a_lost_answer_to_activation_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_lifecycle, "ACTIVATE_PATIENCE_S", 0.0)
    with supervised(tmp_path) as it:
        it.start()
        result = it.result(1)
        assert result["outcome"] == "fault"
        assert "policy_server/change_state did not answer" in result["reason"]
        # It stays active; test_policy_server shows that it does not move without a watching node.
        assert until(lambda: it.cell.active)
        assert it.cell.watched == 0
        monkeypatch.setattr(policy_lifecycle, "ACTIVATE_PATIENCE_S", 10.0)
        it.start()
        assert it.result(2)["outcome"] == "success"


@contextlib.contextmanager
def process(module, **parameters):
    parameters = {**RIGHTFUL, **parameters}
    arguments = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    child = subprocess.Popen(
        [sys.executable, "-m", f"der_ros.nodes.{module}.node", "--ros-args", *arguments],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)


# Each waits for states, however long a busy computer takes to reach them; the times that the safety
# table states are judged where they are kept: in the nodes' own reasons, and by stamps.
PATIENCE_S = 60.0
UNWATCHED = "no node watches the robot any more"


class Processes:
    """policy_server and assembly_supervisor as processes, in a cell of this process."""

    def __init__(self, test, run_dir, policy):
        self.cell, self.run_dir = CellWithoutPolicy(test), run_dir
        self.server_parameters = {"policy": policy, "watch_timeout_s": 0.5}
        self.test, self._said = test, {}
        test.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 50)

    def _hear(self, message):
        self._said.update((status.name, status.message) for status in message.status)

    def says(self, text):
        return any(text in message for message in self._said.values())

    def server(self):
        return process("policy_server", **self.server_parameters)

    def supervisor(self):
        return process("assembly_supervisor", run_dir=self.run_dir, record="false")

    def start(self):
        """Request an attempt repeatedly, since a killed node stays discoverable for a while."""
        biased = self.cell.calls.count("ft_bridge/bias")
        client = self.test.create_client(Trigger, "assembly_supervisor/start")
        deadline_s = time.monotonic() + PATIENCE_S
        while self.cell.calls.count("ft_bridge/bias") == biased:
            assert time.monotonic() < deadline_s, "no attempt began"
            client.call_async(Trigger.Request())
            until(lambda: self.cell.calls.count("ft_bridge/bias") > biased, 2.0)
        self.test.destroy_client(client)

    def in_motion(self):
        """Start an attempt and wait until the policy moves; return the attempts before it.

        An attempt that ends as a fault on a busy computer is repeated.
        """
        for _ in range(5):
            self.cell.set_fault("")
            self.cell.calls.clear()
            self.start()
            below, before = self.cell.pose.position[2] - 0.002, len(results(self.run_dir))

            def ended(below=below, before=before):
                return self.cell.pose.position[2] < below or len(results(self.run_dir)) > before

            assert until(ended, PATIENCE_S)
            if len(results(self.run_dir)) == before:
                return before
        raise AssertionError(f"no attempt came into motion: {results(self.run_dir)}")

    def result(self, before):
        """Wait for the attempt's line and return it."""
        assert until(lambda: len(results(self.run_dir)) > before, PATIENCE_S)
        return results(self.run_dir)[before]

    def stands(self):
        """Return True if no motion is commanded for many policy periods and the arm has not
        moved."""
        assert until(lambda: time.monotonic() - self.cell.moved_at_s > 1.0, PATIENCE_S)
        return self.cell.pose.position[2]

    def ends_without_policy(self, before):
        """Wait for the fault of a silent policy; return the height at which the arm rests."""
        result = self.result(before)
        assert result["outcome"] == "fault"
        assert "policy_server has sent no command for 1 s" in result["reason"]
        assert until(lambda: "kuka_bridge/stop" in self.cell.calls, PATIENCE_S)
        return self.stands()

    def rests_without_watch(self):
        """Wait until the arm rests and policy_server reports that no node watches."""
        self.stands()
        assert until(lambda: self.says(UNWATCHED), PATIENCE_S)


@pytest.fixture
def processes(tmp_path):
    policy = write_policy(tmp_path / "policy.onnx", gain=-1.0)  # towards the goal, downwards
    with running(lambda: ShellNode("idle")) as (_, test):
        yield Processes(test, tmp_path / "run", policy)


@pytest.mark.timeout(300)
def test_a_hanging_or_killed_policy_server_is_a_fault(processes):
    it = processes
    with it.supervisor():
        with it.server() as server:
            before = it.in_motion()
            server.send_signal(signal.SIGSTOP)
            at_rest = it.ends_without_policy(before)
            server.send_signal(signal.SIGCONT)
            it.cell.set_fault("")
            assert it.stands() == at_rest
            before = it.in_motion()
            server.kill()
            at_rest = it.ends_without_policy(before)
        with it.server():
            assert it.cell.pose.position[2] == at_rest
            it.in_motion()


@pytest.mark.timeout(300)
def test_a_policy_that_another_deactivates_is_a_fault(processes):
    it = processes
    with it.supervisor(), it.server():
        before = it.in_motion()
        assert change_state(it.test, "deactivate")
        result = it.result(before)
        assert result["outcome"] == "fault"
        assert "another node has deactivated it" in result["reason"]
        assert until(lambda: "kuka_bridge/stop" in it.cell.calls, PATIENCE_S)
        it.stands()
        it.in_motion()


@pytest.mark.timeout(300)
def test_a_dead_supervisor_leaves_the_robot_at_rest(processes):
    it = processes
    with it.server():
        with it.supervisor() as watching:
            before = it.in_motion()
            watching.send_signal(signal.SIGSTOP)
            it.rests_without_watch()
            watching.send_signal(signal.SIGCONT)
            result = it.result(before)
            # The supervisor received nothing while it was stopped.
            assert result["outcome"] == "fault"
            assert result["reason"]
            it.in_motion()
            assert until(lambda: not it.says(UNWATCHED), PATIENCE_S)
            watching.kill()
            it.rests_without_watch()
        with it.supervisor():
            it.in_motion()


def test_another_cells_fault_is_not_this_cells(tmp_path):
    """All cells of a domain publish on /diagnostics; the namespace identifies the cell."""
    with supervised(tmp_path) as it:
        other = Node("kuka_bridge", namespace="right", context=it.test.context)
        told = other.create_publisher(DiagnosticArray, "/diagnostics", 10)
        status = DiagnosticStatus(
            name="right/kuka_bridge: robot", level=DiagnosticStatus.ERROR, message="broken"
        )
        timer = it.test.create_timer(0.02, lambda: told.publish(DiagnosticArray(status=[status])))
        assert until(lambda: told.get_subscription_count() > 0)
        it.start()
        assert it.result(1)["outcome"] == "success"
        assert "broken" not in it.node._cell.fault_text()
        timer.cancel()
        other.destroy_node()


class Recorder:
    """Answers bag_recorder/record with given responses, in order."""

    def __init__(self, node, *answers):
        self.answers = list(answers)
        node.create_service(SetBool, "bag_recorder/record", self._on_record)

    def _on_record(self, _request, response):
        response.success, response.message = self.answers.pop(0)
        return response


@pytest.mark.parametrize(
    ("answers", "bag", "fault"),
    [
        ([(False, "no room")], "", "bag_recorder/record refused: no room"),
        ([(True, "/b"), (False, "disk full")], "", "bag_recorder/record refused: disk full"),
        ([(True, "/b"), (True, "/b\n7 lost")], "/b", "7 lost"),
        ([(True, "/b"), (True, "/b")], "/b", ""),
    ],
)
def test_a_bag_that_fails_does_not_fail_the_attempt(tmp_path, answers, bag, fault):
    with supervised(tmp_path, record="true") as it:
        Recorder(it.test, *answers, *answers * 9)
        it.start()
        result = it.result(1)
        assert (result["outcome"], result["bag"], result["bag_fault"]) == ("success", bag, fault)


def test_a_verdict_that_cannot_be_written_is_kept(tmp_path):
    with supervised(tmp_path) as it:
        (tmp_path / "attempts.jsonl").mkdir()
        it.start()
        assert it.phase_is("retracting")
        assert until(lambda: it.phase_is("attempt 2: to the start"), 12.0)
        (tmp_path / "attempts.jsonl").rmdir()
        it.stop()
        assert it.result(2)["outcome"] in ("success", "aborted")
        assert it.result(1)["outcome"] == "success"


def test_a_verdict_that_stays_unwritten_fails_the_run(tmp_path, caplog):
    with supervised(tmp_path, attempts=1) as it:
        (tmp_path / "attempts.jsonl").mkdir()
        it.start()
        assert until(it.node.finished.is_set, 30.0)
        assert it.node.exit_code == 1
    assert "attempts.jsonl: {" in caplog.text


def test_a_run_dir_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "der_ros.nodes.assembly_supervisor.node", "--ros-args"]
    command += ["-p", f"run_dir:={tmp_path / 'file'}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("error: parameter run_dir: expected a folder")
    assert result.stderr.count("\n") == 1
