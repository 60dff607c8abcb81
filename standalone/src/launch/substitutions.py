"""Substitutions of `launch`; see `der_ros_standalone`."""

from der_ros_standalone.boolean_substitutions import (
    AllSubstitution,
    AndSubstitution,
    AnySubstitution,
    EqualsSubstitution,
    IfElseSubstitution,
    NotEqualsSubstitution,
    NotSubstitution,
    OrSubstitution,
)
from der_ros_standalone.errors import SubstitutionFailure, refuse_attributes
from der_ros_standalone.substitutions import (
    EnvironmentVariable,
    LaunchConfiguration,
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
