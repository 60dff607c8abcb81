"""Actions of `launch`; see `der_ros_standalone`."""

from der_ros_standalone.actions import (
    EmitEvent,
    GroupAction,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
    UnsetEnvironmentVariable,
)
from der_ros_standalone.arguments import DeclareLaunchArgument
from der_ros_standalone.errors import refuse_attributes
from der_ros_standalone.include import IncludeLaunchDescription
from der_ros_standalone.process import ExecuteProcess

__getattr__ = refuse_attributes(__name__)

__all__ = [
    "DeclareLaunchArgument",
    "EmitEvent",
    "ExecuteProcess",
    "GroupAction",
    "IncludeLaunchDescription",
    "LogInfo",
    "OpaqueFunction",
    "RegisterEventHandler",
    "SetEnvironmentVariable",
    "SetLaunchConfiguration",
    "Shutdown",
    "TimerAction",
    "UnsetEnvironmentVariable",
]
