"""Substitutions of `launch_ros`; see `der_ros_standalone`."""

from der_ros_standalone.errors import refuse_attributes
from der_ros_standalone.node import ExecutableInPackage, FindPackagePrefix, FindPackageShare

__getattr__ = refuse_attributes(__name__)

__all__ = ["ExecutableInPackage", "FindPackagePrefix", "FindPackageShare"]
