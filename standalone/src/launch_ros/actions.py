"""Actions of `launch_ros`; see `der_ros_standalone`."""

from der_ros_standalone.errors import refuse_attributes
from der_ros_standalone.node import LifecycleNode, Node, PushRosNamespace

__getattr__ = refuse_attributes(__name__)

__all__ = ["LifecycleNode", "Node", "PushRosNamespace"]
