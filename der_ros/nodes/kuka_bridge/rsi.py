"""Link to a KRC4 over RSI: server, parameters and diagnostics."""

from __future__ import annotations

from collections.abc import Mapping

from der_ros.control.robot_link import Callbacks
from der_ros.drivers.addresses import is_loopback
from der_ros.drivers.kuka.corrections import CorrectionLimits
from der_ros.drivers.kuka.kr60_kinematics import AXIS_NAMES
from der_ros.drivers.kuka.rsi_records import RsiServerConfig
from der_ros.drivers.kuka.rsi_server import RsiServer
from der_ros.drivers.kuka.transport import address_towards
from der_ros.drivers.realtime import Grant
from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare_settings
from der_ros.parameters.kuka_bridge import ControllerParameters


class RsiLink:
    """``RobotLink`` that answers the telegrams of a KRC4.

    Args:
        node: Node that declares the parameters.
        callbacks: Functions of the bridge that the link calls in each cycle.

    Raises:
        ConfigurationError: A parameter is invalid.
    """

    joint_names = AXIS_NAMES

    def __init__(self, node: ShellNode, callbacks: Callbacks) -> None:
        self._config = declare_server(node)
        self._server = RsiServer(self._config, callbacks.on_cycle, callbacks.on_answered)
        self.cycle_s = self._config.cycle_s
        self.hardware_id = f"krc4 {self._config.robot_ip}"
        self.realtime_priority = self._config.realtime_priority

    @property
    def port(self) -> int:
        """Open UDP port; the configured port before ``open``."""
        return self._server.port

    @property
    def is_on_this_host(self) -> bool:
        """True if the controller's address is 127.x.x.x."""
        return is_loopback(self._config.robot_ip)

    @property
    def connected(self) -> bool:
        """True while telegrams with the robot's pose arrive."""
        return self._server.connected

    @property
    def failure(self) -> str:
        """Reason why the answering thread ended; empty while it runs."""
        return self._server.failure

    @property
    def grants(self) -> Mapping[str, Grant]:
        """Real-time requests of the answering thread to the operating system, with results."""
        return self._server.grants

    @property
    def waiting_for(self) -> str:
        """Description of the awaited controller, or of the element that its telegrams lack."""
        lacking = self._server.lacking
        if lacking is not None:
            return (
                f"the robot's pose: telegrams have no {lacking}; add DEF_{lacking} to SEND in the "
                "Ethernet file"
            )
        return (
            f"the robot controller {self._config.robot_ip} on UDP "
            f"{self._config.bind_address}:{self._server.port}"
        )

    @property
    def lost(self) -> str:
        """Reason for the loss of a connected controller."""
        lacking = self._server.lacking
        return f"telegrams have no {lacking}" if lacking else "the robot controller fell silent"

    @property
    def warning(self) -> str:
        """Warning about datagrams dropped in the last seconds; empty if there are none."""
        return self._server.warning or ""

    def open(self) -> None:
        """Start answering the controller.

        Raises:
            ConnectionFailedError: The port is in use, or the address is not of this computer.
        """
        self._server.start()

    def close(self) -> None:
        """Stop answering; the controller then stops the robot after its own timeout."""
        self._server.stop()

    def find_rival(self) -> None:
        """Return None: only the server's own port answers a controller."""

    def figures(self) -> Mapping[str, object]:
        """Return counters and answer latencies of the server."""
        server = self._server.statistics
        answers = {
            "port": self._server.port,
            "answer_p50_ms": f"{1e3 * server.answer.p50_s:.3f}",
            "answer_p99_ms": f"{1e3 * server.answer.p99_s:.3f}",
            "answer_max_ms": f"{1e3 * server.answer.max_s:.3f}",
        }
        counters = {
            name: value
            for name, value in vars(server).items()
            if name not in ("answer", "last_error")
        }
        return {**answers, **counters, "last_error": server.last_error or ""}


def declare_server(node: ShellNode) -> RsiServerConfig:
    """Declare the parameters of the RSI server.

    Raises:
        ConfigurationError: A value is invalid.
    """
    parameters = declare_settings(node, ControllerParameters)
    if parameters.cycle_ms not in (4, 12):
        raise ConfigurationError(f"parameter cycle_ms: expected 4 or 12, got {parameters.cycle_ms}")
    return declare_settings(
        node,
        RsiServerConfig,
        bind_address=parameters.bind_address or address_towards(parameters.robot_ip),
        robot_ip=parameters.robot_ip,
        cycle_s=0.001 * parameters.cycle_ms,
        limits=declare_settings(node, CorrectionLimits),
    )
