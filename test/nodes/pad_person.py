"""A simulated person at a simulated game controller: a pipe in place of ``/dev/input/js0``.

The person sees the piece and its goal, presses Start, holds the dead-man button and moves the
sticks, as far as the axis map allows.
"""

import contextlib
import os
import struct
import threading
import time

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Float32MultiArray

from der_ros.geometry import Pose
from der_ros.nodes.shared.conversions import pose_from_message
from der_ros.nodes.shared.qos import LATCHED
from der_ros.tasks import make_task
from der_ros.tasks.oracle import oracle_action
from der_ros.teleop.axis_map import DIRECTIONS, load_map

BUTTON, AXIS, FULL = 0x01, 0x02, 32767
# A wireless pad reports a held stick again and again; a reader that comes later needs the state.
AGAIN_S, STEP_S, SEEN_S, PRESS_S, SETTLE_S = 0.25, 0.02, 0.3, 1.5, 0.15
TOUCH_N = 5.0


def readings(axis_map, action):
    """Return the axis readings whose action, (6,) in [-1, 1], is nearest to the given one."""
    axes = {}
    for wanted, direction in zip(action, DIRECTIONS, strict=True):
        parts = axis_map.axes.get(direction, ())
        for part in parts:
            one_sided = len(parts) > 1
            share = wanted / part.scale
            if one_sided:
                share = max(0.0, share)
            live = axis_map.dead_zone + (1.0 - axis_map.dead_zone) * min(1.0, abs(share))
            deflection = np.sign(share) * live if abs(share) > 1e-3 else 0.0
            axes[part.index] = part.rest + part.span * deflection
    return [axes.get(index, 0.0) for index in range(max(axes) + 1)]


class PadPerson:
    """Person at a pad, who teaches as long as the attempts begin.

    Args:
        path: Path at which the device is made.
        task: Name of the task.
        axis_map: Name of the axis map.
    """

    def __init__(self, path, task, axis_map="xbox"):
        os.mkfifo(path)
        # For reading too, so that opening waits for no reader.
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._map, self._task = load_map(axis_map), make_task(task)
        self._sent, self._sent_s = None, 0.0
        self._seen, self._seen_s, self._began_s = None, 0.0, None
        self._goal, self._told, self._pressed_s = None, "", 0.0
        self._over = threading.Event()
        self._context = rclpy.Context()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        """Begin to teach."""
        self._context.init()
        node = Node("_ros2cli_person", context=self._context, use_global_arguments=False)
        node.create_subscription(Float32MultiArray, "policy/observation", self._see, 10)
        node.create_subscription(PoseStamped, "sim_cell/goal_pose", self._know, LATCHED)
        node.create_subscription(DiagnosticStatus, "teleop/status", self._read, LATCHED)
        self._node, self._executor = node, SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Put the pad away."""
        self._over.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()
        os.close(self._file)

    def _see(self, message):
        now_s = time.monotonic()
        if now_s - self._seen_s > SEEN_S:
            self._began_s = now_s
        self._seen, self._seen_s = list(message.data), now_s

    def _know(self, message):
        self._goal = pose_from_message(message)

    def _read(self, message):
        self._told = message.message

    def _run(self):
        while not self._over.is_set():
            ends_s = time.monotonic() + STEP_S
            while (left_s := ends_s - time.monotonic()) > 0.0:
                self._executor.spin_once(timeout_sec=left_s)
            self._act(time.monotonic())

    def _act(self, now_s):
        action, down = np.zeros(6), set()
        if self._began_s is not None and now_s - self._seen_s < SEEN_S and self._goal is not None:
            if now_s - self._began_s > SETTLE_S:
                down.add(self._map.buttons["dead_man"])
            if now_s - self._began_s > 2.0 * SETTLE_S:
                pose = Pose.from_sequence(self._seen[:7], "observation")
                touches = self._seen[9] > TOUCH_N
                action = oracle_action(self._task, pose, self._goal, touches)
        elif "press start" in self._told:
            if now_s - self._pressed_s > PRESS_S:
                self._pressed_s = now_s
            if now_s - self._pressed_s < SETTLE_S:
                down.add(self._map.buttons["start"])
        buttons = [int(k in down) for k in range(max(self._map.buttons.values()) + 1)]
        self._send(readings(self._map, action), buttons, now_s)

    def _send(self, axes, buttons, now_s):
        if (axes, buttons) == self._sent and now_s - self._sent_s < AGAIN_S:
            return
        self._sent, self._sent_s = (axes, buttons), now_s
        # In the kernel right and down are positive.
        events = [(round(-FULL * value), AXIS, k) for k, value in enumerate(axes)]
        events += [(value, BUTTON, k) for k, value in enumerate(buttons)]
        data = b"".join(struct.pack("=IhBB", 0, *event) for event in events)
        with contextlib.suppress(BlockingIOError):  # nobody reads
            os.write(self._file, data)
