"""Conditions of `launch`; see `der_ros_standalone`."""

from der_ros_standalone.conditions import (
    IfCondition,
    LaunchConfigurationEquals,
    LaunchConfigurationNotEquals,
    UnlessCondition,
)
from der_ros_standalone.errors import refuse_attributes

__getattr__ = refuse_attributes(__name__)

__all__ = [
    "IfCondition",
    "LaunchConfigurationEquals",
    "LaunchConfigurationNotEquals",
    "UnlessCondition",
]
