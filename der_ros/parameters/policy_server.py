"""Parameters of ``policy_server``."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting
from der_ros.tasks import TASK_NAMES
from der_ros.teleop.axis_map import map_names
from der_ros.teleop.gate import SILENCE_S

POLICY, JOY, SCRIPTED = "policy", "joy", "scripted"
PILOTS = (POLICY, JOY, SCRIPTED)


@dataclass(frozen=True)
class PolicyParameters:
    """Task, policy file, and the pilot that acts."""

    task: str = setting("lap_joint", "Task that the policy must be for", choices=TASK_NAMES)
    policy: str = setting(
        "",
        "ONNX policy; empty: the one that the package ships for the task. Set while not active, it "
        "is loaded and checked at once",
        tunable=True,
    )
    pilot: str = setting(
        POLICY,
        "Source of the actions: the policy, a person at a device (topic joy), or a script that "
        "knows the true goal of a simulated cell; all obey the contract of the policy, or of the "
        "task if none is shipped",
        choices=PILOTS,
    )


@dataclass(frozen=True)
class InputParameters:
    """Timeouts of the policy's inputs."""

    pose_timeout_s: float = setting(0.1, "Age at which a robot pose is stale", "s", 0.001, 10.0)
    wrench_timeout_s: float = setting(
        0.1, "Age at which a force reading is stale", "s", 0.001, 10.0
    )
    max_stamp_difference_s: float = setting(
        0.05,
        "Largest difference between the stamps of a pose and a force reading used together",
        unit="s",
        minimum=0.001,
        maximum=10.0,
    )


@dataclass(frozen=True)
class WatchParameters:
    """Timeout of the node that watches an active policy."""

    watch_timeout_s: float = setting(
        0.0,
        "Longest gap between policy_server/watched messages while active: nothing moves before the "
        "first, a longer gap is a fault; 0 disables the check",
        unit="s",
        minimum=0.0,
        maximum=10.0,
    )


@dataclass(frozen=True)
class TeleopParameters:
    """Teleoperation device that replaces the policy."""

    axis_map: str = setting(
        "xbox",
        f"Axis map of the device: a shipped one ({', '.join(map_names())}) or the path of a YAML "
        "file",
    )
    joy_timeout_s: float = setting(
        SILENCE_S, "Time without a reading after which the robot rests", "s", 0.02, 2.0
    )
