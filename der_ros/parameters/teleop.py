"""Parameters of ``teleop_device``, ``demo_recorder``, and takeovers during training."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.parameters.policy_server import JOY, SCRIPTED
from der_ros.settings import setting
from der_ros.tasks import TASK_NAMES

JOYSTICK, KEYBOARD = "joystick", "keyboard"
OFF, TOPIC = "off", "topic"


@dataclass(frozen=True)
class DeviceParameters:
    """Input device that is published as ``sensor_msgs/Joy``."""

    source: str = setting(JOYSTICK, "Device that is read", choices=(JOYSTICK, KEYBOARD))
    device: str = setting("/dev/input/js0", "Joystick device of the game controller")
    terminal: str = setting("/dev/tty", "Terminal whose keyboard is read; /dev/tty: the node's own")
    rate_hz: float = setting(50.0, "Rate of the readings on joy", "Hz", 10.0, 250.0)


@dataclass(frozen=True)
class DemoParameters:
    """Demonstrations to record, and when to stop."""

    task: str = setting("lap_joint", "Task that is assembled", choices=TASK_NAMES)
    robot: str = setting("sim", "Robot, written into each demonstration")
    seed: int = setting(
        -1, "Seed of the simulated cell, written into each demonstration; -1: none", minimum=-1
    )
    episodes: int = setting(
        6, "Number of demonstrations in the folder out at which the node ends", minimum=1
    )
    out: str = setting("", "Folder for the demonstrations; made if missing")
    pilot: str = setting(JOY, "Source of the motion: a person or a script", choices=(JOY, SCRIPTED))
    max_failures: int = setting(
        5,
        "Number of attempts in a row without success at which the node ends (pilot:=scripted)",
        minimum=1,
    )


@dataclass(frozen=True)
class TakeoverParameters:
    """Operator takeover of training episodes."""

    teach: str = setting(
        OFF,
        "Device whose dead-man button lets a person drive an episode of one rollout worker: joy, a "
        "game controller; topic, any publisher of sensor_msgs/Joy on joy; off, none",
        choices=(OFF, JOY, TOPIC),
    )
