"""Motion parameters of ``kuka_bridge``: limits of the governor and timeouts of the watchdogs."""

from __future__ import annotations

from der_ros.control.motion_config import MotionConfig
from der_ros.drivers.following import FollowingLimits
from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.conversions import CellFrames
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare_settings, is_given
from der_ros.parameters.kuka_bridge import BridgeParameters
from der_ros.policy.force_budget import ContactLimits
from der_ros.policy.governor import GovernorLimits
from der_ros.settings import names_of, settings_of

TUNABLE_LIMITS = tuple(each.name for each in settings_of(GovernorLimits) if each.tunable)
"""Limits that may be lowered at run time, but not raised above their value at the start."""


def declare_motion(node: ShellNode, cycle_s: float, stiffness_n_per_m: float) -> MotionConfig:
    """Declare the parameters of the motion governor and the watchdogs.

    Args:
        node: Node that declares the parameters.
        cycle_s: Cycle of the robot, s.
        stiffness_n_per_m: Stiffness of arm, tool, sensor and pieces together, N/m.

    Raises:
        ConfigurationError: A value is invalid, the yield gain would oscillate at this stiffness,
            or a force budget cannot be kept.
    """
    frames = CellFrames.declare(node)
    limits = declare_settings(node, GovernorLimits)
    limits.check_yield_stability(cycle_s, stiffness_n_per_m)
    limits.check_budget(cycle_s)
    return declare_settings(
        node,
        MotionConfig,
        base_from_task=frames.base_from_task,
        tcp_from_sensor=frames.tcp_from_sensor,
        limits=limits,
        following=declare_settings(node, FollowingLimits),
        base_frame=frames.base_frame,
    )


def require_limits(node: ShellNode) -> None:
    """Check that every limit of the governor is set explicitly, as a real robot requires.

    Raises:
        ConfigurationError: Some limits would keep their defaults; the message names them.
    """
    optional = names_of(ContactLimits)
    missing = [
        name
        for name in names_of(GovernorLimits)
        if name not in optional and not is_given(node, name)
    ]
    if missing:
        raise ConfigurationError(
            f"parameters {', '.join(missing)}: expected to be set for a real robot, found no "
            "value; start it by its launch file, or give it config/deploy_kr60.yaml and the "
            "task's file (iiwa: deploy_iiwa) with --params-file"
        )


def require_sources(given: BridgeParameters) -> None:
    """Check that the publishers of commands and wrenches are named, as a real robot requires.

    Raises:
        ConfigurationError: Some parameters are empty; the message names them.
    """
    sources = {
        "command_publishers": given.command_publishers,
        "wrench_publishers": given.wrench_publishers,
    }
    missing = [name for name, nodes in sources.items() if not nodes.strip()]
    if missing:
        raise ConfigurationError(
            f"parameters {', '.join(missing)}: expected the names of the nodes that may publish to "
            "a real robot, found none; start it by its launch file, or name them, as in "
            "-p command_publishers:=commissioning -p wrench_publishers:=ft_bridge"
        )
