"""Table of the dataclasses whose settings each node of a deployment declares.

A dataclass is defined beside the code that uses it (``policy.governor.GovernorLimits``), or in this
package if only the node uses it. Nodes import their own dataclasses, not this table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from der_ros.control.motion_config import MotionConfig
from der_ros.control.seating import SeatingLimits
from der_ros.drivers.arm.arm_records import ArmCycleConfig
from der_ros.drivers.arm.differential import DifferentialConfig
from der_ros.drivers.following import FollowingLimits
from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.drivers.netft.netft_records import NetFtConfig
from der_ros.parameters import ft_bridge, shared
from der_ros.parameters.assembly_supervisor import SupervisorParameters
from der_ros.parameters.bag_player import PlayerParameters
from der_ros.parameters.bag_recorder import RecorderParameters
from der_ros.parameters.cell_view import CellViewParameters
from der_ros.parameters.kuka_bridge import ArmParameters, BridgeParameters, ControllerParameters
from der_ros.parameters.policy_server import (
    InputParameters,
    PolicyParameters,
    TeleopParameters,
    WatchParameters,
)
from der_ros.parameters.sim_cell import (
    SimCellParameters,
    SimControllerParameters,
    SimSensorParameters,
)
from der_ros.parameters.teleop import DemoParameters, DeviceParameters
from der_ros.policy.governor import GovernorLimits
from der_ros.policy.home import HomeLimits
from der_ros.policy.rest import RestLimits
from der_ros.policy.stall import StallLimits
from der_ros.settings import Setting, settings_of

NODE_PARAMETERS: dict[str, tuple[type, ...]] = {
    "assembly_supervisor": (
        SupervisorParameters,
        StallLimits,
        HomeLimits,
        RestLimits,
        SeatingLimits,
        *shared.CELL_FRAMES,
        shared.RightfulSources,
    ),
    "bag_player": (PlayerParameters, shared.RightfulSources),
    "bag_recorder": (RecorderParameters,),
    "demo_recorder": (DemoParameters, TeleopParameters, shared.RightfulSources),
    "teleop_device": (DeviceParameters,),
    "cell_view": (CellViewParameters, *shared.CELL_FRAMES),
    "ft_bridge": (
        ft_bridge.FtBridgeParameters,
        ft_bridge.ConditioningParameters,
        NetFtConfig,
        ft_bridge.ScaleParameters,
        ft_bridge.OrientationParameters,
        ft_bridge.BiasParameters,
        ft_bridge.CancelParameters,
        shared.SensorFrame,
        shared.BaseFrame,
        shared.RightfulSources,
    ),
    "kuka_bridge": (
        BridgeParameters,
        GovernorLimits,
        MotionConfig,
        FollowingLimits,
        *shared.CELL_FRAMES,
        shared.RightfulSources,
        ControllerParameters,
        RsiServerConfig,
        CorrectionLimits,
        ArmParameters,
        ArmCycleConfig,
        DifferentialConfig,
        shared.JointNames,
        shared.FlangeFrame,
    ),
    "policy_server": (
        PolicyParameters,
        InputParameters,
        WatchParameters,
        TeleopParameters,
        *shared.CELL_FRAMES,
        shared.RightfulSources,
    ),
    "sim_cell": (
        SimCellParameters,
        SimControllerParameters,
        SimSensorParameters,
        *shared.CELL_FRAMES,
        shared.FlangeFrame,
        shared.JointNames,
    ),
}


class NodeParameter(NamedTuple):
    """Parameter that a node declares.

    Attributes:
        node: Name of the node.
        group: Dataclass that declares the parameter.
        setting: Name, kind, default, unit, range and description.
    """

    node: str
    group: type
    setting: Setting


def node_parameters() -> Iterator[NodeParameter]:
    """Yield every parameter of every node, ordered by node and group.

    Two groups of ``kuka_bridge``, one per robot, declare ``cycle_ms`` and ``realtime_priority``.
    """
    for node, groups in NODE_PARAMETERS.items():
        for group in groups:
            for setting in settings_of(group):
                yield NodeParameter(node, group, setting)


def parameter_names(node: str) -> frozenset[str]:
    """Return the names of all parameters that a node can declare."""
    return frozenset(each.setting.name for each in node_parameters() if each.node == node)
