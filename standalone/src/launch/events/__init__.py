"""Events of `launch`; see `der_ros_standalone`."""

from launch.events import process

from der_ros_standalone.errors import refuse_attributes
from der_ros_standalone.events import Shutdown

__getattr__ = refuse_attributes(__name__)

__all__ = ["Shutdown", "process"]
