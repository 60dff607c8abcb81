"""Scripted Joy messages take over episodes of a running training."""

import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, WrenchStamped
from joy_pad import JoyPad
from sensor_msgs.msg import Image
from std_msgs.msg import Float64
from trainer_rig import PRESET, listener, trainer
from waiting import until

from der_ros.envs.video_panel import PANEL_WIDTH
from der_ros.nodes.shared.qos import LATCHED
from der_ros.training.rollout.takeover import PICTURE_HEIGHT, PICTURE_WIDTH

pytestmark = [pytest.mark.ros, pytest.mark.usefixtures("own_domain")]

STEP_S = 0.06
DEAD_MAN, REST, PUSHED = 0, (0.0,) * 6, (0.0, 0.0, -0.5, 0.0, 0.0, 0.0)
PATIENCE_S = 120.0


class Training:
    """Records what a training publishes."""

    def __init__(self, node):
        self.newest, self.state, self.health, self.images = {}, "", {}, []
        for name in ("env_steps", "taught_steps", "takeovers", "zone_transitions"):
            self._follow(node, name)
        node.create_subscription(DiagnosticStatus, "teleop/status", self._on_state, LATCHED)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_health, 10)

        node.create_subscription(Image, "teleop/image", self.images.append, 1)
        self.poses, self.goals, self.wrenches = [], [], []
        node.create_subscription(PoseStamped, "teleop/pose", self.poses.append, 1)
        node.create_subscription(PoseStamped, "teleop/goal_pose", self.goals.append, 1)
        node.create_subscription(WrenchStamped, "teleop/wrench", self.wrenches.append, 1)

    def _follow(self, node, name):
        self.newest[name] = 0.0

        def note(message):
            self.newest[name] = message.data

        node.create_subscription(Float64, f"training/{name}", note, 10)

    def _on_state(self, message):
        self.state = message.message

    def _on_health(self, message):
        self.health |= {status.name.split(": ")[1]: status.message for status in message.status}

    def wait_for(self, state):
        assert until(lambda: state in self.state, PATIENCE_S), self.state

    def go_on(self, steps):
        """Wait for ``steps`` further environment steps."""
        before = self.newest["env_steps"]
        assert until(lambda: self.newest["env_steps"] >= before + steps, PATIENCE_S)


@pytest.fixture
def taught(tmp_path):
    preset = tmp_path / "small.yaml"
    preset.write_text(PRESET + "fragment_steps: 10\n")
    given = [f"preset:={preset}", f"run_dir:={tmp_path}/run"]
    with (
        trainer(*given, "teach:=topic", "axis_map:=keyboard", "joy_timeout_s:=1.0"),
        listener() as node,
    ):
        yield Training(node), JoyPad(node)


def press(pad, training):
    """Release everything, then hold the dead-man button, then deflect the stick."""
    pad.axes, pad.down = REST, ()
    training.wait_for("hold the dead-man button")
    pad.down = (DEAD_MAN,)
    training.wait_for("you drive")
    pad.axes = PUSHED


def drive(pad, training, steps):
    """Take over until ``steps`` steps are driven, again after the end of an episode."""
    newest = training.newest
    while newest["taught_steps"] < steps:
        press(pad, training)
        assert until(
            lambda: newest["taught_steps"] >= steps or "press again" in training.state, PATIENCE_S
        )


@pytest.mark.alone
def test_a_scripted_person_takes_an_episode_over(taught):
    training, pad = taught
    pad.axes, pad.down = PUSHED, (DEAD_MAN,)  # before the stick was seen at rest
    training.wait_for("let go of all sticks")
    training.go_on(100)
    assert training.newest["takeovers"] == 0.0

    began_s, newest = time.monotonic(), training.newest
    drive(pad, training, 30)
    assert time.monotonic() - began_s >= 0.9 * (30 - 10) * STEP_S
    pad.down = ()
    training.wait_for("the policy acts")
    training.go_on(200)
    driven = newest["taught_steps"]
    training.go_on(200)
    assert newest["taught_steps"] == driven
    assert newest["takeovers"] >= 1.0
    assert newest["zone_transitions"] > 0.0
    assert until(lambda: "hold the dead-man button" in training.health["teach"])
    assert until(lambda: len(training.images) > 2, PATIENCE_S)
    image = training.images[-1]
    assert len(set(image.data)) > 20  # a picture, not an empty one
    assert {message.pose.position.z > 0.0 for message in training.poses} == {True}
    assert {message.header.frame_id for message in training.goals} == {"task_frame"}
    assert training.wrenches
    assert (image.width, image.height) == (2 * PICTURE_WIDTH + PANEL_WIDTH, 2 * PICTURE_HEIGHT)


@pytest.mark.alone
def test_a_silent_device_gives_back_to_the_policy(taught):
    training, pad = taught
    drive(pad, training, 1)
    pad.on = False
    training.wait_for("silent")
    training.go_on(200)
    driven = training.newest["taught_steps"]
    pad.on = True  # with the stick still pushed and the button still down
    training.wait_for("let go of all sticks")
    training.go_on(200)
    assert training.newest["taught_steps"] == driven


def test_a_device_without_the_maps_buttons_is_reported(tmp_path):
    given = [f"run_dir:={tmp_path}/run", "teach:=topic", "axis_map:=keyboard"]
    with trainer(*given), listener() as node:
        training = Training(node)
        JoyPad(node, buttons=2)
        training.wait_for("expected button 2 for faster")


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (["teach:=wheel"], "one of off, joy, topic"),
        (["teach:=joy", "axis_map:=wii"], "expected one of keyboard"),
        (["teach:=joy", "engine:=ray", "workers:=1"], "teach: expected engine local"),
    ],
)
def test_what_cannot_be_taught_is_one_line(parameters, text, tmp_path):
    with trainer(*parameters, f"run_dir:={tmp_path}/run") as process:
        output, _ = process.communicate(timeout=60.0)
    assert process.returncode == 1
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, output
    assert text in errors[0]
