"""Parameters of ``kuka_bridge`` besides those of its governor, watchdogs and robot driver."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting


@dataclass(frozen=True)
class BridgeParameters:
    """Parameters of the bridge that hold for either robot."""

    robot: str = setting(
        "rsi",
        "Robot that is commanded: rsi, a KRC4; ros2_control, an arm that takes joint positions",
        choices=("rsi", "ros2_control"),
    )
    simulated_robot: bool = setting(
        False,
        "True for a simulated robot: limits without a value then have their defaults. A robot at "
        "an address of this host counts as simulated",
    )
    publish_every: int = setting(
        1, "Number of cycles between two publications of the robot's state", "cycles", 1, 250
    )
    command_publishers: str = setting(
        "",
        "Names of the only nodes that may publish kuka/delta_twist_cmds, separated by blanks; "
        "another publisher latches a fault; empty: any node, for a simulated robot only",
    )
    wrench_publishers: str = setting(
        "",
        "Names of the only nodes that may publish netft_data, separated by blanks; another "
        "publisher latches a fault; empty: any node, for a simulated robot only",
    )
    publish_wire: bool = setting(
        False,
        "Publish the telegrams of a KRC4 and the answers as kuka/wire, for a replay through the "
        "driver (replay_bag --from wire)",
    )
    stiffness_n_per_m: float = setting(
        1e5,
        "Stiffness of arm, tool, sensor and pieces together; the yield gain is checked against it",
        unit="N/m",
        minimum=1.0,
        maximum=1e9,
    )


@dataclass(frozen=True)
class ControllerParameters:
    """Connection to a KRC4 over RSI (``robot`` is ``rsi``)."""

    cycle_ms: int = setting(12, "Cycle of the controller: 12, or 4 (IPO_FAST)", "ms", 4, 12)
    robot_ip: str = setting("", "Address of the controller; telegrams from others are dropped")
    bind_address: str = setting(
        "",
        "Address of this computer in the robot's network; empty: the one that reaches robot_ip",
    )


@dataclass(frozen=True)
class ArmParameters:
    """Cycle and URDF of an arm under ros2_control (``robot`` is ``ros2_control``)."""

    cycle_ms: int = setting(
        10,
        "Time between two joint commands, at least the controller manager's period",
        unit="ms",
        minimum=1,
        maximum=50,
    )
    urdf: str = setting("", "URDF file; empty: the text on description_topic")
