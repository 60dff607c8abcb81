"""Message types of the topics that are read from bags."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

MESSAGE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "policy/contract": "diagnostic_msgs/msg/DiagnosticStatus",
        "policy/info": "std_msgs/msg/String",
        "kuka/limits": "diagnostic_msgs/msg/DiagnosticStatus",
        "netft_data": "geometry_msgs/msg/WrenchStamped",
        "kuka/tcp_pose": "geometry_msgs/msg/PoseStamped",
        "kuka/twist_applied": "geometry_msgs/msg/TwistStamped",
        "kuka/cycle_inputs": "std_msgs/msg/Float64MultiArray",
        "kuka/delta_twist_cmds": "geometry_msgs/msg/TwistStamped",
        "assembly_supervisor/result": "diagnostic_msgs/msg/DiagnosticStatus",
    }
)
"""Message type by topic name without namespace. Observations and actions are missing, since any
array of numbers is accepted."""
