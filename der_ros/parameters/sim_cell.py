"""Parameters of ``sim_cell``."""

from __future__ import annotations

from dataclasses import dataclass

from der_ros.settings import setting
from der_ros.tasks import TASK_NAMES


@dataclass(frozen=True)
class SimCellParameters:
    """Task, seed, robot and compliance of the simulated cell."""

    task: str = setting("lap_joint", "Task that is assembled", choices=TASK_NAMES)
    seed: int = setting(0, "Seed of the pieces' poses and of the noise", minimum=0)
    robot: str = setting(
        "kr60",
        "Robot in the cell: kr60 (RSI) or iiwa (ros2_control)",
        choices=("kr60", "iiwa"),
    )
    cycle_ms: int = setting(
        12,
        "Cycle of RSI, 12 or 4 (#IPO_FAST); of an iiwa's drives, a multiple of 4",
        unit="ms",
        minimum=4,
        maximum=40,
    )
    compliance: str = setting(
        "cell",
        "Compliance of the cell in a contact: rigid, cell (pieces, gripper, sensor and arm), or a "
        "stiffness at the tool, N/m",
    )


@dataclass(frozen=True)
class SimControllerParameters:
    """Network addresses of the simulated KRC4 (``robot`` is ``kr60``)."""

    pc_ip: str = setting("127.0.0.1", "Address on which kuka_bridge listens")
    rsi_port: int = setting(
        59152, "UDP port on which kuka_bridge listens", minimum=1, maximum=65535
    )
    robot_ip: str = setting("127.0.0.2", "Address that the simulated controller sends from")


@dataclass(frozen=True)
class SimSensorParameters:
    """Noise, filter and network address of the simulated Net F/T box."""

    force_noise_n: float = setting(0.5, "Standard deviation of each force's noise", "N", 0.0)
    torque_noise_nm: float = setting(0.05, "Standard deviation of each torque's noise", "Nm", 0.0)
    box_filter: int = setting(
        0,
        "Number of the box's low-pass filter at the start, as on its page; 0: off",
        minimum=0,
        maximum=12,
    )
    sensor_ip: str = setting("127.0.0.3", "Address of the box")
    rdt_port: int = setting(49152, "UDP port of the box (RDT)", minimum=0, maximum=65535)
    http_port: int = setting(8049, "TCP port of the box's page", minimum=0, maximum=65535)
