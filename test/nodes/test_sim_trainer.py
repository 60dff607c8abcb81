import os
import signal
import subprocess
import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Float64
from std_srvs.srv import SetBool, Trigger
from trainer_rig import PRESET, listener, trainer
from waiting import until

from der_ros.policy.runtime import OnnxPolicy

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]


def ask(node, kind, name, **fields):
    client = node.create_client(kind, f"sim_trainer/{name}")
    assert client.wait_for_service(60.0)
    future = client.call_async(kind.Request(**fields))
    assert until(future.done, 20.0)
    return future.result()


def children_of(pid):
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in listed.stdout.split()]


def alive(pid):
    return os.path.exists(f"/proc/{pid}")


@pytest.mark.alone
def test_publishes_answers_and_saves_on_ctrl_c(tmp_path):
    preset, run_dir = tmp_path / "small.yaml", tmp_path / "run"
    preset.write_text(PRESET)
    steps, health = [], []
    with trainer(f"preset:={preset}", f"run_dir:={run_dir}") as process, listener() as node:
        node.create_subscription(Float64, "training/env_steps", lambda m: steps.append(m.data), 10)
        node.create_subscription(DiagnosticArray, "/diagnostics", health.append, 10)
        assert until(lambda: steps and steps[-1] > 300, 90.0)
        assert until(lambda: health, 5.0)

        assert ask(node, Trigger, "save_checkpoint").success
        assert list((run_dir / "checkpoints").glob("step_*.ckpt"))
        (run_dir / "policy.onnx").unlink()
        assert ask(node, Trigger, "export_policy").success
        assert OnnxPolicy.load(run_dir / "policy.onnx", expected_task="lap_joint")

        assert ask(node, SetBool, "pause", data=True).message == "paused"
        assert until(lambda: health[-1].status[0].message == "paused", 5.0)
        before = len(steps)
        assert not until(lambda: len(steps) > before + 2, 1.0)
        assert ask(node, SetBool, "pause", data=False).message == "training"
        assert until(lambda: len(steps) > before + 2, 10.0)

        (run_dir / "policy.onnx").unlink()
        children = children_of(process.pid)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10.0)
    assert process.returncode == 0, output
    assert time.monotonic() - started < 5.0
    assert "Traceback" not in output
    assert "was stopped" in output
    assert (run_dir / "policy.onnx").is_file()
    assert (run_dir / "learning_curve.png").is_file()
    assert until(lambda: not any(map(alive, children)), 5.0)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (["task:=tower"], "lap_joint"),
        (["demos:=/nowhere", "replay_structure:=one_shot_in_all"], "/nowhere"),
        (["resume:=/nowhere"], "/nowhere"),
        (["algorithm:=sarsa"], "ddpg"),
        (["run_dir:=/"], "holds something"),
    ],
)
def test_a_users_mistake_is_one_line(parameters, text, tmp_path):
    given = parameters if "run_dir" in parameters[0] else [*parameters, f"run_dir:={tmp_path}/r"]
    with trainer(*given) as process:
        output, _ = process.communicate(timeout=60.0)
    assert process.returncode == 1
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert text in errors[0]
    assert "Traceback" not in output
