"""The supported part of `launch_ros`; see `der_ros_standalone`."""

from der_ros_standalone.errors import refuse_attributes, refuse_to_shadow

STAND_IN = True
refuse_to_shadow(__name__)
__getattr__ = refuse_attributes(__name__)
