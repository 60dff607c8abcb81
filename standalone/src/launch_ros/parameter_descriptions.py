"""Parameter descriptions of `launch_ros`; see `der_ros_standalone`."""

from der_ros_standalone.errors import refuse_attributes
from der_ros_standalone.parameters import Parameter, ParameterFile, ParameterValue

__getattr__ = refuse_attributes(__name__)

__all__ = ["Parameter", "ParameterFile", "ParameterValue"]
