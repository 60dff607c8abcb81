"""The supported part of `launch`; see `der_ros_standalone`."""

from der_ros_standalone.conditions import Condition
from der_ros_standalone.context import LaunchContext
from der_ros_standalone.entities import Action, LaunchDescription, LaunchDescriptionEntity
from der_ros_standalone.errors import refuse_attributes, refuse_to_shadow
from der_ros_standalone.event_handlers import EventHandler
from der_ros_standalone.events import Event
from der_ros_standalone.service import LaunchService
from der_ros_standalone.substitutions import Substitution

STAND_IN = True
refuse_to_shadow(__name__)
__getattr__ = refuse_attributes(__name__)

__all__ = [
    "Action",
    "Condition",
    "Event",
    "EventHandler",
    "LaunchContext",
    "LaunchDescription",
    "LaunchDescriptionEntity",
    "LaunchService",
    "Substitution",
]
