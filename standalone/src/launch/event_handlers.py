"""Event handlers of `launch`; see `der_ros_standalone`."""

from der_ros_standalone.errors import refuse_attributes
from der_ros_standalone.event_handlers import OnProcessExit, OnProcessStart, OnShutdown

__getattr__ = refuse_attributes(__name__)

__all__ = ["OnProcessExit", "OnProcessStart", "OnShutdown"]
