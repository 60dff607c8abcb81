"""Frame ids of messages (see ``docs/architecture.md``)."""

BASE_FRAME = "base_link"
TASK_FRAME = "task_frame"
TCP_FRAME = "tcp"
SENSOR_FRAME = "ft_sensor"
