"""The bridge's link to an arm under ros2_control: joint states in, joint positions out.

Topics in: ``joint_states``, ``robot_description`` (latched, unless a file is given).
Topic out: ``forward_position_controller/commands``. All three names are parameters.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, String

from der_ros.drivers.arm.chain import Chain
from der_ros.drivers.arm.cycle import ArmCycle
from der_ros.drivers.arm.differential import DifferentialConfig, DifferentialKinematics
from der_ros.drivers.arm.records import ArmCycleConfig, JointReading
from der_ros.drivers.arm.server import ArmServer
from der_ros.drivers.arm.urdf import chain_from_urdf
from der_ros.drivers.realtime import Grant
from der_ros.errors import ConfigurationError, ConnectionFailedError
from der_ros.geometry import Array
from der_ros.nodes.bridge_motion import MAX_FUTURE_S
from der_ros.nodes.command_watch import publishers_of
from der_ros.nodes.common import LATCHED, ShellNode, declare
from der_ros.nodes.conversions import declare_flange_from_tcp
from der_ros.nodes.free_publisher import FreePublisher
from der_ros.nodes.polling import PolledSubscription
from der_ros.nodes.robot_link import Callbacks

# Deep enough that another publisher on the topic (a gripper's) does not push ours out.
_STATES = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)
_COMMANDS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
LBR_JOINTS = [f"lbr_A{number}" for number in range(1, 8)]


class JointInterface(NamedTuple):
    """Names that a ros2_control system and whoever commands it agree on.

    Attributes:
        joint_names: in the order that the position controller takes.
        states_topic: ``JointState``.
        command_topic: ``Float64MultiArray``, one position each, rad.
        description_topic: ``String`` that holds the URDF, latched.
        base_link: of the URDF, where poses are given in.
        tip_link: of the URDF, the flange.
    """

    joint_names: list[str]
    states_topic: str
    command_topic: str
    description_topic: str
    base_link: str
    tip_link: str

    @classmethod
    def declare(cls, node: ShellNode) -> JointInterface:
        """From the parameters of these names.

        Raises:
            ConfigurationError: a joint is named twice, or none is.
        """
        names = declare(
            node, "joint_names", LBR_JOINTS,
            "The arm's joints, in the order of the position controller's parameter joints",
        )  # fmt: skip
        if not names or len(set(names)) != len(names):
            raise ConfigurationError(f"parameter joint_names: expected each once, got {names}")
        return cls(
            names,
            declare(node, "states_topic", "joint_states", "What joint_state_broadcaster tells"),
            declare(
                node, "command_topic", "forward_position_controller/commands",
                "What the position controller listens to",
            ),
            declare(
                node, "description_topic", "robot_description",
                "Where robot_state_publisher tells the URDF",
            ),
            declare(node, "base_link", "lbr_link_0", "Link of the URDF that poses are given in"),
            declare(node, "tip_link", "lbr_link_ee", "Link of the URDF that carries the tool"),
        )  # fmt: skip


class JointLink:
    """A ``RobotLink``: leads the joints of an arm through a position controller.

    Args:
        node: declares the parameters and the topics.
        callbacks: what the bridge does in each cycle.

    Raises:
        ConfigurationError: a parameter that cannot be, or a URDF file that is wrong.
    """

    def __init__(self, node: ShellNode, callbacks: Callbacks) -> None:
        self._node, self._callbacks = node, callbacks
        self._names = JointInterface.declare(node)
        self._config = declare_cycle(node)
        self._differential = declare_differential(node)
        self._flange_from_tcp = declare_flange_from_tcp(node)
        self._reader = JointReader(self._names.joint_names, self._config.state_timeout_s)
        self._states = PolledSubscription(node, JointState, self._names.states_topic, _STATES)
        self._commands = FreePublisher(
            node, Float64MultiArray, self._names.command_topic, _COMMANDS
        )
        self._server: ArmServer | None = None
        self._joints: tuple[str, ...] = tuple(self._names.joint_names)
        self._order: list[int] = []
        self._description_error = ""
        self.cycle_s = self._config.cycle_s
        self.hardware_id = f"arm {self._names.tip_link}"
        self.realtime_priority = self._config.realtime_priority
        self._file = declare(node, "urdf", "", "A URDF file, instead of the description's topic")
        if self._file:
            self._prepare(_read_file(self._file))
        else:
            node.create_subscription(
                String, self._names.description_topic, self._on_description, LATCHED
            )

    @property
    def joint_names(self) -> Sequence[str]:
        """From the base to the flange."""
        return self._joints

    @property
    def connected(self) -> bool:
        """Whether joint states come and a controller takes commands."""
        return self._server is not None and self._server.known

    @property
    def waiting_for(self) -> str:
        """The model, then the controller, then the joint states."""
        if self._server is None:
            topic = self._names.description_topic
            return self._description_error or f"the URDF on {topic}"
        if not self._taken():
            return f"a controller that takes {self._names.command_topic}; load and activate it"
        return f"joint states on {self._names.states_topic}{self._reader.complaint}"

    @property
    def grants(self) -> Mapping[str, Grant]:
        """What the arm's thread asked the system for."""
        return {} if self._server is None else self._server.grants

    @property
    def rival(self) -> str | None:
        """Another node that publishes the commands."""
        topic, own = self._names.command_topic, self._node.get_name()
        others = publishers_of(self._node, topic, frozenset((own,))).foreign
        if not others:
            return None
        return f"{topic} is also published by {', '.join(others)}, expected only {own}; end it"

    def open(self) -> None:
        """Begins the cycles, or as soon as the URDF is there."""
        if self._server is not None:
            self._server.start()

    def close(self) -> None:
        """Sends nothing more: the controller holds the last command."""
        if self._server is not None:
            self._server.stop()

    def figures(self) -> Mapping[str, object]:
        """Counters, dropped joint states by reason, and how steady the cycles are."""
        dropped = {f"states_dropped_{name}": n for name, n in self._reader.dropped.items()}
        if self._server is None:
            return dropped
        told = self._server.statistics
        counters = {
            name: value
            for name, value in vars(told).items()
            if name not in ("hindrances", "lateness", "last_error")
        }
        return {
            **counters,
            **dropped,
            **{f"hindrance_{name}": count for name, count in told.hindrances.items()},
            "lateness_p99_ms": f"{1e3 * told.lateness.p99_s:.3f}",
            "lateness_max_ms": f"{1e3 * told.lateness.max_s:.3f}",
            "last_error": told.last_error or "",
        }

    def _on_description(self, message: String) -> None:
        """In the executor's thread. The arm that stands there does not become another one."""
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
        """In the arm's thread."""
        self._callbacks.on_lost(f"{reason}{self._reader.complaint}")

    def _read(self) -> JointReading | None:
        """In the arm's thread: the newest good joint states.

        Raises:
            ConnectionFailedError: nobody takes the commands.
        """
        if not self._taken():
            raise ConnectionFailedError(f"nobody takes {self._names.command_topic}")
        newest = None
        now_ns = self._node.get_clock().now().nanoseconds
        for received in self._states.take():
            reading = self._reader.read(received.message, received.age_s(), now_ns)
            newest = newest if reading is None else reading
        return newest

    def _write(self, angles_rad: Array) -> None:
        """In the arm's thread."""
        self._commands.publish(Float64MultiArray(data=angles_rad[self._order].tolist()))

    def _taken(self) -> bool:
        return self._commands.readers > 0


class JointReader:
    """Takes the arm's joints out of joint states, in whatever order and company they come.

    Args:
        joint_names: of the arm.
        timeout_s: a stamp is old after this.

    Attributes:
        joint_names: the order in which positions are given.
        dropped: joint states that were not taken, by reason.
    """

    def __init__(self, joint_names: Sequence[str], timeout_s: float) -> None:
        self.joint_names = tuple(joint_names)
        self._timeout_s = timeout_s
        self.dropped: dict[str, int] = {}
        self._found = False
        self._complaint = ""
        self._complained_s = float("-inf")

    @property
    def complaint(self) -> str:
        """Why the latest joint states were not taken, if that is not long ago."""
        recent = time.monotonic() - self._complained_s < 2.0
        return f" ({self._complaint})" if recent else ""

    def read(self, message: JointState, age_s: float, now_ns: int) -> JointReading | None:
        """The arm's joints, or None where the message is not to be used.

        Args:
            message: of any publisher on the topic.
            age_s: since it arrived.
            now_ns: the node's clock.
        """
        problem = self._problem(message, now_ns)
        if problem is not None:
            self._drop(*problem)
            return None
        self._found = True
        stamp_age_s = _age_s(message, now_ns)
        return JointReading(
            self._positions(message), time.monotonic() - max(age_s, stamp_age_s, 0.0)
        )

    def _positions(self, message: JointState) -> Array:
        places = {name: i for i, name in enumerate(message.name)}
        return np.array([message.position[places[name]] for name in self.joint_names])

    def _problem(self, message: JointState, now_ns: int) -> tuple[str, str] | None:
        """Kind and description of what is wrong with it."""
        missing = [name for name in self.joint_names if name not in message.name]
        if len(missing) == len(self.joint_names):
            # Of another device on the topic; worth a word only while there are no others.
            return "foreign", "" if self._found else f"they name {', '.join(message.name)}"
        if missing:
            return "missing", f"they lack {', '.join(missing)}"
        if len(message.position) != len(message.name):
            return "length", f"{len(message.position)} positions for {len(message.name)} names"
        if not np.isfinite(self._positions(message)).all():
            return "not_finite", "a position is NaN or infinite"
        age_s = _age_s(message, now_ns)
        if age_s > self._timeout_s:
            return "old", f"their stamp is {age_s:.3f} s old"
        if age_s < -MAX_FUTURE_S:
            return "future", f"their stamp is {-age_s:.3f} s in the future"
        return None

    def _drop(self, kind: str, complaint: str = "") -> None:
        self.dropped[kind] = self.dropped.get(kind, 0) + 1
        if complaint:
            self._complaint, self._complained_s = complaint, time.monotonic()


def _age_s(message: JointState, now_ns: int) -> float:
    return 1e-9 * float(now_ns - Time.from_msg(message.header.stamp).nanoseconds)


def declare_cycle(node: ShellNode) -> ArmCycleConfig:
    """The parameters of the cycle.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    cycle_ms = declare(
        node, "cycle_ms", 10, "Time between two commands in ms, no less than the controller's",
        minimum=1, maximum=50,
    )  # fmt: skip
    return ArmCycleConfig(
        cycle_s=0.001 * cycle_ms,
        state_timeout_s=declare(
            node, "state_timeout_s", 0.2,
            "Joint states are stale after this, by stamp and arrival",
            minimum=0.005, maximum=1.0,
        ),
        max_following_error_rad=declare(
            node, "max_following_error_rad", 0.07,
            "A joint further from its command than this does not follow: a fault in motion",
            minimum=0.001, maximum=0.5,
        ),
        max_jump_rad=declare(
            node, "max_jump_rad", 0.035,
            "A joint that moves further between two joint states than its speed limit allows and "
            "this, has jumped: a fault in motion", minimum=0.001, maximum=0.5,
        ),
        settle_s=declare(
            node, "settle_s", 0.25,
            "At rest for so long, commands end; the next motion begins at the measured joints",
            minimum=0.05, maximum=10.0,
        ),
        realtime_priority=declare(
            node, "realtime_priority", 50,
            "SCHED_FIFO priority of the commanding thread; 0 asks for none",
            minimum=0, maximum=99,
        ),
    )  # fmt: skip


def declare_differential(node: ShellNode) -> DifferentialConfig:
    """The parameters of the differential kinematics.

    Raises:
        ConfigurationError: a value that cannot be.
    """
    return DifferentialConfig(
        margin_rad=declare(
            node, "joint_margin_rad", 0.05, "Kept from each end stop of the URDF",
            minimum=0.0, maximum=1.0,
        ),
        speed_share=declare(
            node, "joint_speed_share", 0.25, "Of each joint's speed limit that may be used",
            minimum=0.01, maximum=1.0,
        ),
        damped_below=declare(
            node, "damped_below", 0.05,
            "Smallest singular value of the Jacobian that is not damped", minimum=0.001,
            maximum=1.0,
        ),
        largest_damping=declare(
            node, "largest_damping", 0.05, "Damping at a singularity", minimum=0.001, maximum=1.0,
        ),
        stop_time_s=declare(
            node, "stop_time_s", 0.25, "Time constant of slowing down towards an end stop",
            minimum=0.06, maximum=10.0,
        ),
        spare_gain=declare(
            node, "spare_gain", 0.5,
            "How fast a spare joint leaves its end stop, as a share of the motion asked for",
            minimum=0.0, maximum=2.0,
        ),
    )  # fmt: skip


def _read_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"parameter urdf: expected a URDF file, got: {error}") from error
