"""ft_bridge and kuka_bridge as processes, between a simulated KRC4 and a simulated Net F/T box.

Rest is judged in the simulated controller, cycle by cycle, and reaction time by its cycle count or
by the nodes' own stamps. So a busy computer makes a test slow, but not wrong.
"""

import contextlib
import math
import time

import numpy as np
import rclpy
from bridge_rig import Client, process
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped, WrenchStamped
from isolation import free_port
from std_srvs.srv import Trigger

from der_ros.drivers.kuka.krc4 import SimulatedKrc4
from der_ros.drivers.kuka.krc4_records import ControllerState, SimulatedKrc4Config
from der_ros.drivers.kuka.plant import KinematicPlant, PlantState
from der_ros.drivers.netft.configuration import SensorConfiguration
from der_ros.drivers.netft.faulty_link import BoxFaults
from der_ros.drivers.netft.simulated_box import SimulatedBoxConfig, SimulatedNetFt
from der_ros.geometry import Wrench
from der_ros.nodes.shared.node_process import spinning

PATIENCE_S = 40.0
SPEED_MPS, RADIUS_M = 0.02, 0.006
# The bridge's correction limit is far below the controller's, so that tests can reach it.
MAX_CORRECTION_MM = 30.0
# The bridge checks its publishers twice a second.
WATCHED_S = 0.7
SENSOR = SensorConfiguration(rdt_rate_hz=250, product_name="Simulated Net F/T")


def until(predicate, what, timeout_s=PATIENCE_S, told=lambda: ""):
    """Wait for a state; on timeout, fail with its name and the text of ``told``."""
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        assert time.monotonic() < deadline_s, (
            f"waited {timeout_s:g} s in vain for: {what}; {told()}"
        )
        time.sleep(0.005)


def seconds(stamp):
    return stamp.sec + 1e-9 * stamp.nanosec


def as_it_is(_command):
    """Return the command unchanged."""


class WatchedPlant(KinematicPlant):
    """Plant that records the cycle in which it last moved.

    Attributes:
        cycles: Number of cycles so far.
        moved: Last cycle in which the TCP moved.
        position: Start position (3,), m, base.
        axis_1_rad: Reported angle of the first axis, rad; None reports the true one.
    """

    def __init__(self):
        super().__init__()
        self.cycles = self.moved = 0
        self.axis_1_rad = None
        self.position = self._tcp.position

    def advance(self, displacement_m, rotation_rad, duration_s):
        self.cycles += 1
        if displacement_m.any() or rotation_rad.any():
            self.moved = self.cycles
        state = super().advance(displacement_m, rotation_rad, duration_s)
        if self.axis_1_rad is None:
            return state
        axes = np.array([self.axis_1_rad, *state.joint_positions_rad[1:]])
        return PlantState(state.tcp_pose, axes)


class Stack:
    """Both nodes, their devices, and a client that commands a circle of 6 mm or a straight line.

    Attributes:
        is_well: True from ``well`` on, until the next test begins.
    """

    def __init__(self, client, krc4, plant, box):
        self.client, self.krc4, self.plant, self.box = client, krc4, plant, box
        self.bridge = self.sensor = None
        self.is_well = False
        self._center = plant.position
        self.straight, self.commanding, self.spoil = 0.0, True, as_it_is
        self.stamps, self.said, self.figures, self.force_n = {}, {}, {}, 0.0
        self.failures, self._rng = [], np.random.default_rng(0)
        client.create_subscription(TwistStamped, "kuka/twist_applied", self._on_applied, 10)
        client.create_subscription(WrenchStamped, "netft_data", self._on_wrench, 10)
        client.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._commands = client.create_publisher(TwistStamped, "kuka/delta_twist_cmds", 1)
        client.create_timer(0.02, self._command)

    def feel(self):
        """Return the box's measured wrench: the test's force with sensor noise."""
        if self.force_n is None:
            return Wrench.zero()
        noise = Wrench.from_array(self._rng.normal(0.0, 0.01, 6))
        return Wrench(np.array((0.0, 0.0, self.force_n)), np.zeros(3)) + noise

    def _command(self):
        if not self.commanding:
            return
        message = TwistStamped()
        message.header.frame_id = "task_frame"
        message.header.stamp = self.client.get_clock().now().to_msg()
        line = message.twist.linear
        line.x, line.y = (self.straight, 0.0) if self.straight else self._around()
        self.spoil(message)
        self._commands.publish(message)

    def _around(self):
        """Return the velocity along the circle, with a part towards it after a fault moved the
        arm."""
        x, y, _ = (self.krc4.tcp_pose.position - self._center).tolist()
        radius = self._radius()
        if radius < 1e-4:
            return SPEED_MPS, 0.0
        outwards = max(-1.0, min(1.0, (RADIUS_M - radius) / RADIUS_M))
        vx, vy = outwards * x - y, outwards * y + x
        scale = SPEED_MPS / math.hypot(vx, vy)
        return scale * vx, scale * vy

    def _radius(self):
        """Return the TCP's distance from the circle's center, m."""
        x, y, _ = (self.krc4.tcp_pose.position - self._center).tolist()
        return math.hypot(x, y)

    def _on_applied(self, message):
        if message.twist.linear.x or message.twist.linear.y:
            self.stamps["motion"] = seconds(message.header.stamp)

    def _on_wrench(self, message):
        self.stamps["wrench"] = seconds(message.header.stamp)

    def _on_diagnostics(self, message):
        for status in message.status:
            self.said[status.name] = (int.from_bytes(status.level, "little"), status.message)
            self.figures.update({f"{status.name} {v.key}": v.value for v in status.values})

    def told(self):
        """Return the state for a failure message: diagnostics, figures and errors."""
        ended = [f"{type(each).__name__}: {each}" for each in self.failures]
        return f"said: {self.said}; figures: {self.figures}; the test's own node: {ended}"

    def moves(self, cycles=30):
        """Wait until the robot has moved in ``cycles`` cycles."""
        start = self.plant.moved
        until(lambda: self.plant.moved > start + cycles, "motion", told=self.told)

    def rests(self, cycles=60):
        """Wait for ``cycles`` cycles without motion; return the last cycle with motion."""
        until(lambda: self.plant.cycles > self.plant.moved + cycles, "rest", told=self.told)
        return self.plant.moved

    def stays(self, cycles=60):
        """Check that the robot does not move in the next ``cycles`` cycles."""
        moved, end = self.plant.moved, self.plant.cycles + cycles
        until(lambda: self.plant.cycles > end, "cycles of the controller")
        assert self.plant.moved == moved, self.said

    def tells(self, text, of="kuka_bridge: robot", level=2):
        """Wait until ``/diagnostics`` contains the text; level 2 is an error."""

        def said():
            found_level, found = self.said.get(of, (-1, ""))
            return found_level == level and text in found

        until(said, f"'{text}' from {of} at level {level}", told=self.told)

    def without_fault(self):
        """Return True without an error; warnings, as of a late answer, occur on a busy computer."""
        return self.said["kuka_bridge: robot"][0] < 2

    def reset(self, name="kuka_bridge/reset_fault"):
        """Call the service until it succeeds: a killed bridge stays discoverable for a while."""
        service = self.client.create_client(Trigger, name)
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            future = service.call_async(Trigger.Request())
            with contextlib.suppress(AssertionError):
                until(future.done, name, 2.0)
                self.client.destroy_client(service)
                return future.result().message
        raise AssertionError(f"{name} does not answer; {self.told()}")

    def free(self):
        """Reset until no fault is latched again.

        At the limit on corrections RSI starts anew, as the way to the circle may lead beyond it.
        """

        def freed():
            if "limit on corrections" in self.reset():
                self.restart_rsi()
                self.reset()
            time.sleep(WATCHED_S)
            return self.without_fault()

        until(freed, "an end of what latches", told=self.told)

    def restart_sensor(self):
        """Start ``ft_bridge`` anew, without commands: a start may make a moving robot's answers
        late, and that is a fault."""
        self.commanding, began_s = False, time.time()
        self.sensor = self.start_sensor()
        until(lambda: self.stamps.get("wrench", 0.0) > began_s, "wrenches", told=self.told)

    def restart_rsi(self):
        """Restart RSI as on the pendant; wait until the bridge answers."""
        sessions = self.krc4.statistics.sessions
        self.krc4.reset()
        until(lambda: self.krc4.statistics.sessions > sessions, "another session")

    def runs_rsi(self):
        """Restart the controller's program until a bridge answers."""

        def running():
            if self.krc4.state is ControllerState.STOPPED:
                self.krc4.reset()
            return self.krc4.state is ControllerState.RUNNING

        until(running, "a bridge that answers", told=self.told)

    def begin(self):
        """Repair what a busy computer has broken between two tests; then the robot moves."""
        if self.krc4.state is ControllerState.STOPPED:
            self.is_well = False
        self.runs_rsi()
        if "kuka_bridge: robot" in self.said and not self.without_fault():
            self.free()
            self.is_well = False
        self.end()
        self.is_well = False

    def end(self):
        """Check that the robot moves, unless ``well`` was the last that a test did."""
        if not self.is_well:
            self.well()

    def well(self):
        """Restore the initial state and wait for motion."""
        self.box.faults = BoxFaults()
        vars(self.box).pop("_answer", None)
        self.force_n, self.plant.axis_1_rad = 0.0, None
        self.straight, self.commanding, self.spoil = 0.0, True, as_it_is
        began_s = time.time()
        self.moves()
        # RSI may start anew here: the whole circle must be within the bridge's limit from there.
        until(lambda: self._radius() < 1.5 * RADIUS_M, "the circle", told=self.told)
        # This node may discover a restarted node later than the other nodes do.
        for name in ("motion", "wrench"):
            until(lambda name=name: self.stamps.get(name, 0.0) > began_s, name, told=self.told)
        self.is_well = True


@contextlib.contextmanager
def stack():
    """Run the whole stack, with the robot moving."""
    plant, port = WatchedPlant(), free_port()
    tcp = plant.advance(np.zeros(3), np.zeros(3), 0.012).tcp_pose
    # Patient, so that a short stall of the bridge's process cannot cause a long stop.
    config = SimulatedKrc4Config(pc_port=port, realtime_priority=0, timeout_cycles=120)
    box_config = SimulatedBoxConfig(rdt_port=0, http_port=0, sensor=SENSOR, force_range_n=1000.0)
    with contextlib.ExitStack() as resources:
        rclpy.init(args=[])
        resources.callback(rclpy.try_shutdown)
        client = Client()
        resources.callback(client.destroy_node)
        krc4 = SimulatedKrc4(config, plant)
        box = SimulatedNetFt(box_config, lambda: it.feel())
        it = Stack(client, krc4, plant, box)
        it.commanding = False  # a restart in motion is a fault, but the one below must not be
        resources.enter_context(box)
        resources.enter_context(krc4)
        it.bridge_parameters = {
            "robot_ip": "127.0.0.1",
            "rsi_port": port,
            "realtime_priority": 0,
            "task_frame": [*tcp.position.tolist(), 0.0, 0.0, 0.0, 1.0],
            "max_correction_mm": MAX_CORRECTION_MM,
            "command_publishers": "bridge_test",
            "wrench_publishers": "ft_bridge",
        }
        it.sensor_parameters = {
            "sensor_ip": "127.0.0.1",
            "rdt_port": box.rdt_port,
            "http_port": box.http_port,
            "recheck_s": 0.5,
            "frozen_after_s": 0.5,
        }
        it.start_sensor = lambda: resources.enter_context(
            process("ft_bridge", **it.sensor_parameters)
        )
        it.start_bridge = lambda: resources.enter_context(
            process("kuka_bridge", **it.bridge_parameters)
        )
        it.sensor, it.bridge = it.start_sensor(), it.start_bridge()
        resources.enter_context(spinning(client, on_error=it.failures.append))
        until(lambda: "kuka_bridge: robot" in it.said, "kuka_bridge")
        it.restart_rsi()
        it.commanding = True
        yield it
