"""What a user sets of ``assembly_supervisor``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from der_ros.bags.attempt_log import check_folder
from der_ros.errors import ConfigurationError
from der_ros.nodes.shared.node_process import ShellNode
from der_ros.nodes.shared.parameters import declare
from der_ros.policy.stall import StallLimits
from der_ros.tasks import Task, make_task


@dataclass(frozen=True)
class SupervisorConfig:
    """The parameters, checked.

    Attributes:
        task: what is assembled.
        attempts: how many to run, then end; 0 goes on until stopped.
        auto_start: begin without the service ``assembly_supervisor/start``.
        simulated: a ``sim_cell`` is there, which needs no person.
        record: one bag per attempt.
        ready_timeout_s: for sensor and robot to be there; infinite for as long as it takes.
        start_tolerance_m: how far from the start pose the policy is let loose.
        start_tolerance_rad: the same for the angle.
        start_force_n: what the sensor may feel at the start pose since its last bias; 0 for any.
        start_torque_nm: the same of the torque.
        stall: when a piece that is told to move and does not ends the attempt.
        run_dir: the folder for ``attempts.jsonl``.
    """

    task: Task
    attempts: int
    auto_start: bool
    simulated: bool
    record: bool
    ready_timeout_s: float
    start_tolerance_m: float
    start_tolerance_rad: float
    start_force_n: float
    start_torque_nm: float
    stall: StallLimits
    run_dir: Path

    @classmethod
    def declare(cls, node: ShellNode) -> SupervisorConfig:
        """From the node's parameters.

        Raises:
            ConfigurationError: a value that cannot be, or no ``run_dir`` that can be written.
        """
        run_dir = declare(node, "run_dir", "", "The folder for attempts.jsonl; made if missing")
        if not run_dir:
            raise ConfigurationError("parameter run_dir: expected a folder, got an empty text")
        check_folder(Path(run_dir))
        ready_timeout_s = declare(
            node, "ready_timeout_s", 60.0,
            "How long sensor and robot may take until they are there, s; 0: as long as it takes",
            minimum=0.0,
        )  # fmt: skip
        return cls(
            task=make_task(declare(node, "task", "lap_joint", "What is assembled")),
            attempts=declare(
                node, "attempts", 0, "Attempts to run, then end; 0: go on until stopped", minimum=0
            ),
            auto_start=declare(
                node, "auto_start", False, "Begin at once; leave it false on real hardware"
            ),
            simulated=declare(
                node, "simulated_cell", False,
                "A sim_cell is there: have it place both pieces anew before each attempt, and "
                "reset latched faults without asking",
            ),
            record=declare(node, "record", True, "Record one bag per attempt"),
            ready_timeout_s=ready_timeout_s or float("inf"),
            start_tolerance_m=declare(
                node, "start_tolerance_m", 0.002,
                "Further from the start pose than this, the policy is not let loose, m",
                minimum=0.0, maximum=1.0,
            ),
            start_tolerance_rad=declare(
                node, "start_tolerance_rad", 0.01, "The same for the angle, rad",
                minimum=0.0, maximum=3.2,
            ),
            start_force_n=declare(
                node, "start_force_n", 10.0,
                "At the start pose, where nothing touches, the sensor may feel as much since its "
                "last bias, N; more is a fault; 0: not looked at", minimum=0.0, maximum=10_000.0,
            ),
            start_torque_nm=declare(
                node, "start_torque_nm", 2.0, "The same for the torque, Nm",
                minimum=0.0, maximum=1000.0,
            ),
            stall=StallLimits(
                declare(
                    node, "stall_s", 6.0,
                    "The attempt ends when the piece was told to move and did not for so long, s; "
                    "0: never", minimum=0.0, maximum=3600.0,
                ),
                declare(
                    node, "stall_distance_m", 0.0005, "Moving less than this is not moving, m",
                    minimum=0.0, maximum=1.0,
                ),
            ),
            run_dir=Path(run_dir),
        )  # fmt: skip
