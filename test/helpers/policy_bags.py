"""Messages of the policy topics, for tests that write bags by hand."""

import numpy as np

from der_ros.bags.recorder import RecordedTopic, typestore
from der_ros.policy.policy_topics import tick_label

ARRAY, STRING = "std_msgs/msg/Float32MultiArray", "std_msgs/msg/String"
TOPICS = [
    RecordedTopic("/policy/observation", ARRAY),
    RecordedTopic("/policy/action", ARRAY),
    RecordedTopic("/policy/info", STRING, latched=True),
]


def array(kind, tick, data):
    """Return a serialized array; ``tick`` None: without the label of a tick."""
    types = typestore()
    dimension = types.types["std_msgs/msg/MultiArrayDimension"](
        label=tick_label(kind, tick), size=len(data), stride=len(data)
    )
    layout = types.types["std_msgs/msg/MultiArrayLayout"](
        dim=[] if tick is None else [dimension], data_offset=0
    )
    message = types.types[ARRAY](layout=layout, data=np.asarray(data, np.float32))
    return bytes(types.serialize_cdr(message, ARRAY))


def string(data):
    """Return a serialized string."""
    types = typestore()
    return bytes(types.serialize_cdr(types.types[STRING](data=data), STRING))
