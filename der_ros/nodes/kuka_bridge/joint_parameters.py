"""What a user sets of ``kuka_bridge``'s arm under ros2_control: names, cycle, kinematics."""

from __future__ import annotations

from typing import NamedTuple

from der_ros.drivers.arm.arm_records import ArmCycleConfig
from der_ros.drivers.arm.differential import DifferentialConfig
from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare

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
