"""Process events of `launch`; see `der_ros_standalone`."""

from der_ros_standalone.errors import refuse_attributes
from der_ros_standalone.events import ProcessExited, ProcessStarted

__getattr__ = refuse_attributes(__name__)

__all__ = ["ProcessExited", "ProcessStarted"]
