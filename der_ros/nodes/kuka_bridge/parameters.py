"""What a user sets of how ``kuka_bridge`` moves: the governor's limits and the watchdogs' times."""

from __future__ import annotations

from der_ros.control.bridge_motion import MotionConfig
from der_ros.drivers.following import FollowingLimits
from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.conversions import CellFrames
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare, is_given
from der_ros.policy.governor import GovernorLimits


def declare_motion(node: ShellNode, cycle_s: float) -> MotionConfig:
    """The parameters of the motion governor and of the watchdogs.

    Raises:
        ConfigurationError: a value that cannot be, or a yield gain that would oscillate.
    """
    frames = CellFrames.declare(node)
    limits = declare_limits(node)
    stiffness = declare(
        node, "stiffness_n_per_m", 1e5,
        "Stiffness of arm, tool, sensor and pieces together; the yield gain is checked against it",
        minimum=1.0, maximum=1e9,
    )  # fmt: skip
    limits.check_yield_stability(cycle_s, stiffness)
    return MotionConfig(
        frames.base_from_task,
        frames.tcp_from_sensor,
        limits,
        # As moveit_servo's.
        declare(node, "command_timeout_s", 0.1, "A command is stale after this, by stamp and "
                "arrival", minimum=0.01, maximum=1.0),
        declare(node, "wrench_timeout_s", 0.1, "A wrench is stale after this, by arrival",
                minimum=0.01, maximum=1.0),
        declare(node, "max_late_answers", 20, "In motion, more late answers in a second, by the "
                "controller's Delay, are a fault; below its Timeout", minimum=1, maximum=1000),
        FollowingLimits(
            declare(node, "following_distance_m", 0.01, "Measured and sent motion may differ by "
                    "this, m; more is a fault", minimum=0.0001, maximum=10.0),
            declare(node, "following_angle_rad", 0.05, "The same for the rotation, rad",
                    minimum=0.001, maximum=10.0),
            declare(node, "following_memory_s", 2.0, "A difference is forgotten after this, s",
                    minimum=0.1, maximum=60.0),
        ),
        frames.base_frame,
    )  # fmt: skip


# Name, default, the largest that can be meant, description.
GOVERNOR_LIMITS = (
    ("max_linear_speed_mps", 0.05, 2.0, "Speed limit of the TCP, m/s"),
    ("max_angular_speed_radps", 0.05, 4.0, "Speed limit of its rotation, rad/s"),
    ("max_linear_acceleration_mps2", 1.0, 1e4, "Acceleration limit, m/s2; not of giving way"),
    ("max_angular_acceleration_radps2", 2.0, 1e4, "Angular acceleration limit, rad/s2"),
    ("soft_force_n", 50.0, 1e4, "Above it the tool gives way along the force, N"),
    ("soft_torque_nm", 5.0, 1e3, "The same for the torque, Nm"),
    ("hard_force_n", 500.0, 1e4, "At it everything stops and latches, N"),
    ("hard_torque_nm", 50.0, 1e3, "The same for the torque, Nm"),
    ("yield_gain_mps_per_n", 1e-4, 1.0, "Speed of giving way per newton above the soft limit"),
    ("yield_gain_radps_per_nm", 1e-3, 10.0, "The same per newton metre"),
)


TUNABLE_LIMITS = (
    "max_linear_speed_mps",
    "max_angular_speed_radps",
    "soft_force_n",
    "soft_torque_nm",
    "hard_force_n",
    "hard_torque_nm",
)
"""Limits that may be lowered while the node runs; the value at the start is the highest."""


WORKSPACE_LIMITS = ("workspace_min_m", "workspace_max_m")


def require_limits(node: ShellNode) -> None:
    """Check that each of the governor's limits was set for this robot, by a file or by hand.

    Raises:
        ConfigurationError: naming those that would be left at the default.
    """
    names = (*(name for name, *_ in GOVERNOR_LIMITS), *WORKSPACE_LIMITS)
    missing = [name for name in names if not is_given(node, name)]
    if missing:
        raise ConfigurationError(
            f"parameters {', '.join(missing)}: expected to be set for a real robot, found no "
            "value; start it by its launch file, or give it config/deploy_kr60.yaml and the "
            "task's file (iiwa: deploy_iiwa) with --params-file"
        )


def declare_limits(node: ShellNode) -> GovernorLimits:
    """Return the governor's limits, each a parameter of its own name.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    numbers = {
        name: declare(
            node, name, default, text, minimum=0.0, maximum=largest,
            read_only=name not in TUNABLE_LIMITS,
        )
        for name, default, largest, text in GOVERNOR_LIMITS
    }  # fmt: skip
    low = declare(node, "workspace_min_m", [-0.1, -0.1, -0.05],
                  "Lower corner of the TCP's box in the task frame, m; the TCP brakes ahead of "
                  "the walls, and passes one by no more than its lag times its speed")  # fmt: skip
    high = declare(node, "workspace_max_m", [0.1, 0.1, 0.2],
                   "Upper corner of the TCP's box in the task frame, m; see the lower")  # fmt: skip
    return GovernorLimits(
        workspace_min_m=(low[0], low[1], low[2]),
        workspace_max_m=(high[0], high[1], high[2]),
        **numbers,
    )
