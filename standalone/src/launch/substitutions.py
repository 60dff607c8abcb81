"""Substitutions of `launch`; see `der_ros_standalone`."""

from der_ros_standalone.errors import SubstitutionFailure, refuse_attributes
from der_ros_standalone.substitutions import (
    AllSubstitution,
    AndSubstitution,
    AnySubstitution,
    EnvironmentVariable,
    EqualsSubstitution,
    IfElseSubstitution,
    LaunchConfiguration,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
    PathJoinSubstitution,
    PythonExpression,
    TextSubstitution,
    ThisLaunchFileDir,
)

__getattr__ = refuse_attributes(__name__)

__all__ = [
    "AllSubstitution",
    "AndSubstitution",
    "AnySubstitution",
    "EnvironmentVariable",
    "EqualsSubstitution",
    "IfElseSubstitution",
    "LaunchConfiguration",
    "NotEqualsSubstitution",
    "NotSubstitution",
    "OrSubstitution",
    "PathJoinSubstitution",
    "PythonExpression",
    "SubstitutionFailure",
    "TextSubstitution",
    "ThisLaunchFileDir",
]
