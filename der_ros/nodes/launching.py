"""What the launch files share."""

from __future__ import annotations

from launch import LaunchContext
from launch.actions import Shutdown
from launch.events.process import ProcessExited


def end_all(event: ProcessExited, context: LaunchContext) -> Shutdown:
    """An ``on_exit`` handler: the end of one process ends the launch, a failure as a failure.

    ``ros2 launch`` returns 0 after a plain ``Shutdown``, also when a process died.

    Raises:
        RuntimeError: the process failed while the rest was still meant to run.
    """
    if event.returncode != 0 and not context.is_shutdown:
        raise RuntimeError(f"{event.process_name} failed with exit code {event.returncode}")
    return Shutdown(reason=f"{event.process_name} ended")
