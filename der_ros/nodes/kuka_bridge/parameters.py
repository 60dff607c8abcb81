"""Parameters of ``kuka_bridge``'s motion: the governor's limits and the watchdogs' times."""

from __future__ import annotations

from der_ros.control.bridge_motion import MotionConfig
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
"""Limits that may be lowered while the node runs; the value at the start is the highest."""


def declare_motion(node: ShellNode, cycle_s: float, stiffness_n_per_m: float) -> MotionConfig:
    """Declare the parameters of the motion governor and of the watchdogs.

    Raises:
        ConfigurationError: a value is wrong, a yield gain would oscillate at this stiffness, or a
            force budget cannot be kept.
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
    """Check that each of the governor's limits was set for this robot, by a file or by hand.

    Raises:
        ConfigurationError: naming those that would be left at the default.
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
    """Check that the nodes are named which a real robot obeys, and whose force readings count.

    Raises:
        ConfigurationError: naming the parameters that are empty.
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
