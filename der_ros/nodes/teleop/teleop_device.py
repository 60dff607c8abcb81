"""Publishes a game controller or a keyboard as ``sensor_msgs/Joy`` on ``joy``.

For computers without ``joy_node``. The state is published at ``rate_hz`` while the device can be
read. While a joystick is missing nothing is published, and the node looks for it twice a second.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Any

from sensor_msgs.msg import Joy

from der_ros.control.status import Level, Status
from der_ros.nodes.shared.diagnostics import DiagnosticsPublisher
from der_ros.nodes.shared.node_process import ShellNode, run_node
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.parameters.teleop import KEYBOARD, DeviceParameters
from der_ros.teleop.joystick import DeviceError, Joystick
from der_ros.teleop.keyboard import Keyboard
from der_ros.threads import Worker

logger = logging.getLogger("teleop_device")

_AGAIN_S = 0.5


class _JoystickSource:
    def __init__(self, path: Path) -> None:
        self._joystick = Joystick(path)

    def read(self, period_s: float) -> tuple[list[float], list[int]]:
        """Wait for ``period_s`` and return axes and buttons."""
        end_s = time.monotonic() + period_s
        while (left_s := end_s - time.monotonic()) > 0.0:
            self._joystick.wait(left_s)
        return list(self._joystick.axes), list(self._joystick.buttons)

    def close(self) -> None:
        self._joystick.close()


class _KeyboardSource:
    def __init__(self, terminal: str) -> None:
        self._keyboard = Keyboard(terminal)

    def read(self, period_s: float) -> tuple[list[float], list[int]]:
        """Wait for ``period_s`` and return axes and buttons."""
        end_s, states = time.monotonic() + period_s, self._keyboard.states
        while (left_s := end_s - time.monotonic()) > 0.0:
            states.press(self._keyboard.read(left_s), time.monotonic())
        return states.axes(time.monotonic()), states.buttons(time.monotonic())

    def close(self) -> None:
        self._keyboard.close()


class TeleopDevice(ShellNode):
    """Node that publishes an input device as ``sensor_msgs/Joy``."""

    def __init__(self) -> None:
        super().__init__("teleop_device")
        parameters = declare_settings(self, DeviceParameters)
        self._source, self._path = parameters.source, Path(parameters.device)
        self._terminal = parameters.terminal
        self._period_s = 1.0 / parameters.rate_hz
        self._problem = "starting"
        self._publisher = self.create_publisher(Joy, "joy", 10)
        self._diagnostics = DiagnosticsPublisher(self, "device", self._collect)
        # The thread closes the device.
        worker = Worker("device", self._run, lambda _reason: self.finish(1), finite=True)
        self.resources.enter_context(worker)

    def _run(self) -> None:
        while not self.finished.is_set():
            try:
                source = self._open()
                self._tell("")
                self._publish_until_gone(source)
            except DeviceError as error:  # noqa: PERF203 - twice a second
                self._tell(str(error))
                if self._source == KEYBOARD:
                    self.finish(1)
                self.finished.wait(_AGAIN_S)

    def _open(self) -> Any:
        if self._source == KEYBOARD:
            return _KeyboardSource(self._terminal)
        return _JoystickSource(self._path)

    def _publish_until_gone(self, source: Any) -> None:
        try:
            while not self.finished.is_set():
                axes, buttons = source.read(self._period_s)
                message = Joy(axes=axes, buttons=buttons)
                message.header.stamp = self.get_clock().now().to_msg()
                self._publisher.publish(message)
        finally:
            source.close()

    def _tell(self, problem: str) -> None:
        """Store the device's problem (empty for none) and log a change."""
        if problem != self._problem:
            if problem:
                logger.error("%s", problem)
            else:
                logger.info("reading the %s", self._source)
        self._problem = problem

    def _collect(self) -> list[Status]:
        level = Level.ERROR if self._problem else Level.OK
        return [Status("device", level, self._problem or "reading", {"source": self._source})]


def main(args: list[str] | None = None) -> int:
    """Run the node and return its exit code."""
    return run_node(TeleopDevice, args)


if __name__ == "__main__":
    sys.exit(main())
