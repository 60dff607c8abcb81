"""Parameters of ``cell_view``."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting
from der_ros.tasks import TASK_NAMES


@dataclass(frozen=True)
class CellViewParameters:
    """Task and robot to draw, and the publishing rate."""

    task: str = setting("lap_joint", "Task that is drawn", choices=TASK_NAMES)
    robot: str = setting("kr60", "Arm that is drawn", choices=("kr60", "iiwa"))
    urdf: str = setting("", "URDF file of the arm; empty: the shipped one of robot")
    joint_names: tuple[str, ...] = setting(
        ("",), "Names of the joints, from the base on; one empty name: those of the URDF"
    )
    publish_arm_frames: bool = setting(
        True, "Publish the arm's links on /tf; false beside a robot_state_publisher"
    )
    force_scale_m_per_n: float = setting(0.002, "Length of the force's arrow", "m/N", 0.0, 1.0)
    rate_hz: float = setting(20.0, "Rate of markers and transforms", "Hz", 1.0, 100.0)
    page_port: int = setting(
        0,
        "Port of a page with force, pose and state, for a browser on this computer; 0: no page",
        minimum=0,
        maximum=65535,
    )
