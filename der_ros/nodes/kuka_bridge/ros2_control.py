"""Link to an arm under ros2_control: reads joint states and commands joint positions.

Subscribed topics: ``joint_states``, and ``robot_description`` (latched) unless a file is given.
Published topic: ``forward_position_controller/commands``. All three names are parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String

from der_ros.control.joint_reader import JointReader
from der_ros.control.robot_link import Callbacks
from der_ros.documents import read_text
from der_ros.drivers.arm.arm_records import ArmCycleConfig, JointReading
from der_ros.drivers.arm.arm_server import ArmServer
from der_ros.drivers.arm.chain import Chain
from der_ros.drivers.arm.cycle import ArmCycle
from der_ros.drivers.arm.differential import DifferentialConfig, DifferentialKinematics
from der_ros.drivers.arm.urdf import chain_from_urdf
from der_ros.drivers.realtime import Grant
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Array
from der_ros.nodes.shared.conversions import declare_flange_from_tcp
from der_ros.nodes.shared.free_publisher import FreePublisher
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.nodes.shared.polling import PolledSubscription
from der_ros.nodes.shared.qos import LATCHED
from der_ros.nodes.shared.rightful import RightfulTopic, Succession
from der_ros.parameters.kuka_bridge import ArmParameters
from der_ros.parameters.shared import JointNames

# Deep enough that messages of other publishers (a gripper) do not displace the arm's; bounded, so
# that a flood of messages does not delay a cycle.
_MAX_STATES = 100
_STATES = QoSProfile(depth=_MAX_STATES, reliability=ReliabilityPolicy.BEST_EFFORT)
_ARM = "arm"
_COMMANDS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


class JointLink:
    """``RobotLink`` that moves the joints of an arm through a position controller.

    Args:
        node: Node that declares the parameters and topics.
        callbacks: Functions of the bridge that the link calls in each cycle.

    Raises:
        ConfigurationError: A parameter or the URDF file is invalid.
    """

    def __init__(self, node: ShellNode, callbacks: Callbacks) -> None:
        self._node, self._callbacks = node, callbacks
        parameters = declare_settings(node, ArmParameters)
        self._names = declare_settings(node, JointNames)
        self._config = declare_settings(node, ArmCycleConfig, cycle_s=0.001 * parameters.cycle_ms)
        self._differential = declare_settings(node, DifferentialConfig)
        self._flange_from_tcp = declare_flange_from_tcp(node)
        self._reader = JointReader(self._names.joint_names, self._config.state_timeout_s)
        self._states = PolledSubscription(node, JointState, self._names.states_topic, _STATES)
        self._commands = FreePublisher(
            node, Float64MultiArray, self._names.command_topic, _COMMANDS
        )
        own = node.get_fully_qualified_name()
        self._publishers = RightfulTopic(node, self._names.command_topic, own)
        # Only publishers of this arm's joints count, not others on the topic, such as a gripper.
        self._joint_publishers = RightfulTopic(node, self._names.states_topic, "")
        self._joint_succession = Succession()
        self._server: ArmServer | None = None
        self._joints = self._names.joint_names
        self._order: list[int] = []
        self._description_error = ""
        self.cycle_s = self._config.cycle_s
        self.hardware_id = f"arm {self._names.tip_link}"
        self.realtime_priority = self._config.realtime_priority
        self._file = parameters.urdf
        if self._file:
            self._prepare(_read_file(self._file))
        else:
            node.create_subscription(
                String, self._names.description_topic, self._on_description, LATCHED
            )

    @property
    def joint_names(self) -> Sequence[str]:
        """Joint names from the base to the flange."""
        return self._joints

    @property
    def is_on_this_host(self) -> bool:
        """Always False: the arm's address is unknown, because commands go to a topic."""
        return False

    @property
    def connected(self) -> bool:
        """True while joint states arrive and a controller subscribes to the commands."""
        return self._server is not None and self._server.known

    @property
    def waiting_for(self) -> str:
        """Description of the first missing item: URDF, controller or joint states."""
        if self._server is None:
            topic = self._names.description_topic
            return self._description_error or f"the URDF on {topic}"
        if not self._has_controller():
            return f"a controller that takes {self._names.command_topic}; load and activate it"
        return f"joint states on {self._names.states_topic}{self._complaint}"

    @property
    def lost(self) -> str:
        """Reason for the loss of a connected arm."""
        return "the robot controller fell silent"

    @property
    def warning(self) -> str:
        """Warning about joint states dropped in the last seconds; empty if there are none."""
        return self._reader.warning

    @property
    def grants(self) -> Mapping[str, Grant]:
        """Real-time requests of the arm's thread to the operating system, with their results."""
        return {} if self._server is None else self._server.grants

    @property
    def failure(self) -> str:
        """Reason why the arm's thread ended; empty while it runs."""
        return "" if self._server is None else self._server.failure

    def find_rival(self) -> str | None:
        """Return a message if another node commands the arm or two publish its joints, or None."""
        return self._publishers.check() or self._two_joint_publishers()

    def _two_joint_publishers(self) -> str | None:
        self._joint_publishers.check()
        pair = self._joint_succession.living_twice.get(_ARM)
        if pair is None:
            return None
        names = " and ".join(
            self._joint_publishers.sender(gid) or "a node that is gone" for gid in pair
        )
        self._joint_succession = Succession()
        return f"the arm's joints on {self._names.states_topic} are published by {names}; end one"

    def open(self) -> None:
        """Start the cycles, now or once the URDF has been received."""
        if self._server is not None:
            self._server.start()

    def close(self) -> None:
        """Stop the cycles; the controller holds the last command."""
        if self._server is not None:
            self._server.stop()

    def figures(self) -> Mapping[str, object]:
        """Return counters, dropped joint states by reason, and cycle lateness."""
        dropped = {f"states_dropped_{name}": n for name, n in self._reader.dropped.items()}
        dropped["states_dropped_invalid"] = self._states.refused
        if self._server is None:
            return dropped
        statistics = self._server.statistics
        counters = {
            name: value
            for name, value in vars(statistics).items()
            if name not in ("hindrances", "lateness", "last_error")
        }
        return {
            **counters,
            **dropped,
            **{f"hindrance_{name}": count for name, count in statistics.hindrances.items()},
            "lateness_p99_ms": f"{1e3 * statistics.lateness.p99_s:.3f}",
            "lateness_max_ms": f"{1e3 * statistics.lateness.max_s:.3f}",
            "last_error": statistics.last_error or "",
        }

    def _on_description(self, message: String) -> None:
        """Use the first valid URDF; later ones are ignored, because the arm stays the same."""
        if self._server is not None:
            return
        try:
            self._prepare(message.data)
        except ConfigurationError as error:
            self._description_error = f"another URDF on {self._names.description_topic}: {error}"
            self._node.get_logger().error(self._description_error)
            return
        self.open()

    def _prepare(self, urdf: str) -> None:
        names = self._names
        chain = chain_from_urdf(urdf, names.base_link, names.tip_link)
        if set(chain.names) != set(names.joint_names):
            raise ConfigurationError(
                f"joint_names: expected those between {names.base_link} and {names.tip_link} in "
                f"the URDF, {', '.join(chain.names)}, got {', '.join(names.joint_names)}"
            )
        self._joints = chain.names
        self._order = [chain.names.index(name) for name in names.joint_names]
        self._reader.joint_names = chain.names
        self._server = self._make_server(chain)

    def _make_server(self, chain: Chain) -> ArmServer:
        kinematics = DifferentialKinematics(
            chain.extended(self._flange_from_tcp), self._differential
        )
        callbacks = self._callbacks
        cycle = ArmCycle(kinematics, self._config, callbacks.on_cycle, self._on_lost, self._write)
        return ArmServer(cycle, self._config, self._read, callbacks.on_answered)

    def _on_lost(self, reason: str) -> None:
        """Report the loss of the arm; called in the arm's thread."""
        self._callbacks.on_lost(f"{reason}{self._complaint}")

    @property
    def _complaint(self) -> str:
        """Reason in brackets why the latest joint states were refused; empty if accepted."""
        refusal = self._states.refusal
        return self._reader.complaint or (f" ({refusal})" if refusal else "")

    def _read(self) -> JointReading | None:
        """Return the newest valid joint states; called in the arm's thread.

        Raises:
            ConnectionFailedError: No controller subscribes to the commands.
        """
        if not self._has_controller():
            raise ConnectionFailedError(f"no controller takes {self._names.command_topic}")
        newest = None
        now_ns = self._node.get_clock().now().nanoseconds
        for received in islice(self._states.take(), _MAX_STATES):
            reading = self._reader.read(received.message, received.age_s(), now_ns)
            if reading is None:
                continue
            if received.gid is None or self._joint_succession.takes(_ARM, received.gid):
                newest = reading
        return newest

    def _write(self, angles_rad: Array) -> None:
        """Publish joint positions, shape (joints,), rad; called in the arm's thread."""
        self._commands.publish(Float64MultiArray(data=angles_rad[self._order].tolist()))

    def _has_controller(self) -> bool:
        return self._commands.readers > 0


def _read_file(path: str) -> str:
    try:
        return read_text(Path(path))
    except ConfigurationError as error:
        raise ConfigurationError(f"parameter urdf: expected a URDF file, got: {error}") from error
